"""The program `ritornello`: finds the command, prints its outcome, turns every error into one line and an exit code.

Exit codes: 0 done, 1 a fault of ours (with ``--debug`` its traceback), 2 bad input or options, 130 interrupted.
Commands are named as text and imported when called, so that ``--help`` needs no music library.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import cyclopts

from ritornello import __version__
from ritornello.app.console import Common, Outcome, show_outcome
from ritornello.errors import RitornelloError, WriteError

MAX_LINE = 600
"""Longest error in characters; the middle of a longer one, which quotes an endless value or path, is left out."""

_HELP_FLAGS = frozenset(("--help", "-h"))

app = cyclopts.App(
    name="ritornello",
    version=__version__,
    help="Music with long-term structure: one song in, a new song in its style out.",
    help_epilogue="ritornello COMMAND --help shows a command's options and examples.",
    help_format="plaintext",  # rich's Markdown takes 50 ms to import
    result_action="return_value",
)
app.command("ritornello.app.imitate:imitate", name="imitate", help="Write a new song in the style of one song.")
app.command(
    "ritornello.app.generate:generate", name="generate", help="Write whole songs, along a plan or from your own bars."
)
app.command(
    "ritornello.app.compose:compose",
    name="compose",
    help="Write songs from a plan, every layer of which can be edited.",
)
app.command("ritornello.app.analyze:analyze", name="analyze", help="Find the form, keys, chords and melody of a song.")
app.command("ritornello.app.render:render", name="render", help="Turn a score file into audio.")
app.command(
    "ritornello.app.motifs:app",
    name="motifs",
    help="Find the motifs of a song, and a motif with its variations anywhere.",
)
app.command(
    "ritornello.app.compress:compress", name="compress", help="Compress a recording like the LA-2A levelling amplifier."
)
app.command("ritornello.app.evaluate:app", name="evaluate", help="Measure a system on a data set.")
app.command("ritornello.app.listen:app", name="listen", help="Ask people: build a listening test, count its answers.")
app.command("ritornello.app.benchmark:app", name="benchmark", help="Time a system on this machine.")
app.command("ritornello.app.train:app", name="train", help="Learn a system's tables or weights from a data set.")
app.command("ritornello.app.house:models", name="models", help="List the shipped models.")
app.command("ritornello.app.data:app", name="data", help="Check a data set, or make it into tokens for training.")
app.command("ritornello.app.house:doctor", name="doctor", help="Say what is installed and what it can do.")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; `--debug` among the arguments lets errors through."""
    debug = "--debug" in arguments
    try:
        if not _HELP_FLAGS.isdisjoint(arguments):
            _add_docstring([word for word in arguments if word not in _HELP_FLAGS])
        command, bound, _ = app.parse_args(list(arguments), print_error=False, exit_on_error=False)
        result = command(*bound.args, **bound.kwargs)
        if isinstance(result, Outcome):
            common = bound.arguments.get("common") or Common()
            _show(result, common)
    except (RitornelloError, cyclopts.CycloptsError) as error:
        if debug:
            raise
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing half-written is left", 130)
    except BrokenPipeError:
        _discard_stdout()  # the reader of our output has gone: all that it wanted was said
        return 0
    except MemoryError:
        return _complain("not enough memory for this input", 1)
    except Exception as error:
        if debug:
            raise
        return _complain(f"a fault of ours, {type(error).__name__}: {error}; --debug shows where", 1)
    return 0


def _add_docstring(arguments: Sequence[str]) -> None:
    """Give a command's help the whole description and the examples of its docstring, which cyclopts leaves out."""
    command = app.parse_commands(list(arguments))[1][-1]
    if command is app or command.default_command is None:
        return  # a group of commands: its own help names them
    description, _, rest = (inspect.getdoc(command.default_command) or "").partition("\n\nExamples:\n")
    command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in description.split("\n\n"))
    command.help_epilogue = "Examples:\n" + rest.partition("\n\n")[0]


def _show(outcome: Outcome, common: Common) -> None:
    if sys.stdout is None:  # closed by the caller
        return
    try:
        show_outcome(outcome, common)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _discard_stdout()
        raise WriteError(f"standard output cannot be written ({error.strerror or error})") from None


def _discard_stdout() -> None:
    # Python must not complain again when it closes stdout.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, code: int) -> int:
    if sys.stderr is not None:
        line = " ".join(message.split())
        line = line if len(line) <= MAX_LINE else f"{line[: MAX_LINE // 2]} … {line[-MAX_LINE // 2 :]}"
        print(f"ritornello: {line}", file=sys.stderr)
    return code


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    # Leaving through the usual door lets half-written results be removed.
    sys.exit(128 + number)


def _deliver_again(lost: sys.UnraisableHookArgs) -> None:
    # Python drops what is raised within a callback of a weak reference, as imports have them: the signal comes again.
    if isinstance(lost.exc_value, KeyboardInterrupt | SystemExit):
        code = lost.exc_value.code if isinstance(lost.exc_value, SystemExit) else None
        number = code - 128 if isinstance(code, int) and code > 128 else signal.SIGINT
        timer = threading.Timer(0.05, signal.raise_signal, (number,))
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(lost)


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a title in Greek must not fail on an ASCII terminal
    if "--debug" not in sys.argv:
        warnings.simplefilter("ignore")  # libraries' words to programmers
    sys.unraisablehook = _deliver_again
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _stop)
    sys.exit(run(sys.argv[1:]))
