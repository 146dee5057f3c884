"""Pictures, one file a frame: folders, patterns and lists of them."""
