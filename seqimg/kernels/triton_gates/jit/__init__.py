"""The Triton programs themselves. Importing any module in here needs the package `triton`."""
