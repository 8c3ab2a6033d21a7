"""`python -m gsic` and the console script `gsic`: the same commands."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it with exit code 130 even while it is being loaded."""
    try:
        from gsic import cli

        cli.main()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            print("gsic: error: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
