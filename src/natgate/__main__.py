"""`python -m natgate`, the same as the command `natgate`."""

from natgate.cli.main import main

if __name__ == "__main__":
    main()
