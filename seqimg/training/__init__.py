"""Training: the loop, runs on disk, evaluation, the report."""
