"""What every command shares: the common options, one JSON object on stdout, everything else on stderr, progress bars.

A command returns an `Outcome`; the program prints its summary for a person or, with ``--json``, only its data.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from cyclopts import Parameter, Token


def _whole(_kind: Any, tokens: Sequence[Token]) -> int:
    text = tokens[0].value
    try:
        return int(text)  # 1.5 is an error, while cyclopts would round it
    except ValueError:
        raise ValueError(f"'{text[:40]}' is no whole number") from None


Whole = Annotated[int, Parameter(converter=_whole)]
"""The type of an option that takes a whole number."""


@Parameter(name="*", group="Common options")
@dataclass(frozen=True)
class Common:
    """Options of every command."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print exactly one JSON object on stdout; everything else goes to stderr."""

    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False
    """No progress and no summary."""

    debug: Annotated[bool, Parameter(negative="")] = False
    """Show the traceback of an error."""


DEFAULTS = Common()
"""The common options when none is given."""


@dataclass(frozen=True)
class Outcome:
    """What a command has to say.

    Attributes:
        summary: text for a person.
        data: the same and more as a JSON object.
    """

    summary: str = ""
    data: dict[str, Any] = field(default_factory=dict)


Progress = Callable[[int, int], None]
"""Called with (items done, items in all)."""


def show_outcome(outcome: Outcome, common: Common) -> None:
    """Print an outcome the way the common options ask for."""
    if common.json:
        is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        print(json.dumps(outcome.data, ensure_ascii=not is_unicode, allow_nan=False, indent=2))
    elif outcome.summary and not common.quiet:
        print(outcome.summary)


@contextmanager
def progress_bar(label: str, common: Common) -> Iterator[Progress | None]:
    """Give a callback that draws a bar with the time left, on a terminal only; None where nothing is to be drawn."""
    if common.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def as_table(result: dict[str, object], indent: str = "") -> str:
    """Return measurements as aligned lines for a person."""
    width = max((len(name) for name in result), default=0)
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", as_table(value, indent + "  ")]
        elif not (isinstance(value, list) and len(value) > 4):
            lines.append(f"{indent}{name:<{width}}  {_as_text(value)}")
    return "\n".join(lines)


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_as_text, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
