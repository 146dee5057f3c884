"""Reading in a process of its own, which a file may bring down without harm."""
