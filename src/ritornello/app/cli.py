"""The program `ritornello`: finds the command, prints its outcome, turns every error into one line and an exit code.

Exit codes: 0 done, 1 a fault of ours (with ``--debug`` its traceback), 2 bad input or options, 130 interrupted.
Commands are named as text and imported when called, so that ``--help`` needs no music library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import cyclopts

from ritornello import __version__
from ritornello.app.console import Common, Outcome, show_outcome
from ritornello.errors import RitornelloError

app = cyclopts.App(
    name="ritornello",
    version=__version__,
    help="Music with long-term structure: one song in, a new song in its style out.",
    help_epilogue="ritornello COMMAND --help shows a command's options and examples.",
    help_format="plaintext",  # rich's Markdown takes 50 ms to import
    result_action="return_value",
)
app.command("ritornello.app.imitate:imitate", name="imitate", help="Write a new song in the style of one song.")
app.command("ritornello.app.analyze:analyze", name="analyze", help="Find the form, keys, chords and melody of a song.")
app.command("ritornello.app.render:render", name="render", help="Turn a score file into audio.")
app.command("ritornello.app.evaluate:app", name="evaluate", help="Measure a system on a data set.")
app.command("ritornello.app.train:app", name="train", help="Learn a system's tables from a data set.")
app.command("ritornello.app.house:models", name="models", help="List the shipped models.")
app.command("ritornello.app.house:data", name="data", help="Check a data set and count what is in it.")
app.command("ritornello.app.house:doctor", name="doctor", help="Say what is installed and what it can do.")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; `--debug` among the arguments lets errors through."""
    debug = "--debug" in arguments
    try:
        command, bound, _ = app.parse_args(list(arguments), print_error=False, exit_on_error=False)
        result = command(*bound.args, **bound.kwargs)
        if isinstance(result, Outcome):
            common = bound.arguments.get("common") or Common()
            show_outcome(result, common)
            sys.stdout.flush()
    except (RitornelloError, cyclopts.CycloptsError) as error:
        if debug:
            raise
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing was written", 130)
    except BrokenPipeError:
        # The reader of our output has gone; Python must not complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _complain("not enough memory for this input", 1)
    except Exception as error:
        if debug:
            raise
        return _complain(f"a fault of ours, {type(error).__name__}: {error}; --debug shows where", 1)
    return 0


def _complain(message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"ritornello: {line}", file=sys.stderr)
    return code


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))
