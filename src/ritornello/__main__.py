"""`python -m ritornello`."""

from ritornello.app.cli import main

if __name__ == "__main__":
    main()
