"""Cameras and addresses: frames that come as they happen."""
