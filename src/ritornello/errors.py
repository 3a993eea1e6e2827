"""The errors of the whole project: each message is one line, for the person who gave the input.

A message names the file or argument, says what is wrong and what would be right. The command line prints
it and exits with code 2; Python callers catch `RitornelloError`, or `ValueError` for bad arguments.
"""


class RitornelloError(Exception):
    """Base of every error that Ritornello raises on purpose."""


class ReadError(RitornelloError, ValueError):
    """A file cannot be read: missing, empty, truncated, too large or of another kind."""


class WriteError(RitornelloError, OSError):
    """A result cannot be written: it exists already, or the place is not writable."""


class ArgumentError(RitornelloError, ValueError):
    """An argument is out of range, does not parse, or contradicts another one."""


class UnsuitableSongError(RitornelloError, ValueError):
    """A song was read, but what was asked cannot be done with it, for a musical reason."""


class MissingDependencyError(RitornelloError, ImportError):
    """An optional package or program is needed for what was asked."""
