"""TIFF: single pictures of any depth, and stacks of pages."""
