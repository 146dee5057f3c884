"""Raw pixels, in files and pipes."""
