"""`python -m seqimg`, the same as the `seqimg` command."""

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line; Ctrl-C is answered the same way while it is still loading."""
    try:
        from seqimg.cli.main import main as command_line
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return command_line()


if __name__ == "__main__":
    raise SystemExit(main())
