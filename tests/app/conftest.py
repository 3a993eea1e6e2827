"""What the command line's tests share: the bundled example and a way to run a command in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ritornello.app.cli import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "auld-lang-syne.mid"


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def ritornello(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run `ritornello ARGUMENTS` and return its exit code and what it printed."""

    def call(*arguments: str | Path) -> Result:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def example() -> Path:
    """The bundled example song."""
    return EXAMPLE
