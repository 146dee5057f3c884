"""The `seqimg` command line: `main` wires, each command group has a file of its own."""
