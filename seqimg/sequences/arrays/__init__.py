"""Stacks of numbers: NumPy, HDF5 and Zarr."""
