"""Video files, read and written with PyAV: every frame accounted for, any frame by its index."""
