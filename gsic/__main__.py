"""`python -m gsic`: the same commands as `gsic`."""

from gsic.cli import main

if __name__ == "__main__":
    main()
