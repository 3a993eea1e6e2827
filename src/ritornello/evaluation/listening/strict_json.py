"""JSON from strangers: read with a bound, one value per key, no NaN, and every value of the kind that is expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from ritornello.errors import ReadError
from ritornello.files import read_bytes

MAX_BYTES = 8 * 1024 * 1024

Value = TypeVar("Value")


def read_object(path: Path, what: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        path: the file.
        what: what it should hold, for the error.

    Raises:
        ReadError: if it is missing, too large, no JSON, no object, or has a key twice.
    """
    data = read_bytes(path, MAX_BYTES)
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
        raise ReadError(f"{path}: holds no {what} ({reason})") from None
    return expect(value, dict, f"{path}: the file")


def expect(value: object, kind: type[Value], what: str) -> Value:
    """Return a value if it is of a kind; true and false are no numbers here.

    Raises:
        ReadError: saying what is of another kind.
    """
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
        return value
    names = {dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number"}
    raise ReadError(f"{what} should be {names.get(kind, kind.__name__)}, not {shown(value)}")


def plain_text(value: object, what: str) -> str:
    """Return a text without control characters, which would harm a terminal.

    Raises:
        ReadError: saying what is none.
    """
    text = expect(value, str, what)
    if not text.isprintable():
        raise ReadError(f"{what} {shown(text)} should be a text of printable characters")
    return text


def one_of(value: object, allowed: tuple[str, ...], what: str) -> Any:
    """Return a text that is one of some.

    Raises:
        ReadError: saying what is none of them.
    """
    if value not in allowed:
        raise ReadError(f"{what} {shown(value)} is not one of {', '.join(allowed)}")
    return value


def shown(value: object) -> str:
    """Return a value from a file as a short text that does no harm on a terminal."""
    text = repr(value)
    return ascii(text[:40])[1:-1] + ("…" if len(text) > 40 else "")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is there twice")
    return result


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
