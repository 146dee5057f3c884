"""`python -m seqimg`, the same as the `seqimg` command."""

from seqimg.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
