"""Animated WebP and PNG."""
