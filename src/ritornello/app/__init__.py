"""The command line: `cli` holds the program, one file per group of commands beside it."""
