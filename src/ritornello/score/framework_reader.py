"""Frameworks from JSON; `framework_writer` writes them, and reading and writing back changes nothing.

The format is described in docs/framework.md and, for programs, by ``framework.schema.json`` beside this file. What the
form says already (ids, letters, lengths, roles, sections) is written for the reader's convenience; a file may leave it
out, but not contradict it. Unknown and repeated fields are refused, so that a typing error is not silently lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_bytes
from ritornello.score.chord import Chord
from ritornello.score.form import Form
from ritornello.score.framework import (
    CELL_ITEMS,
    FRAMEWORK_VERSION,
    Cell,
    ChordCell,
    Framework,
    FrameworkPhrase,
    NoteCell,
    phrases_of_form,
)
from ritornello.score.framework_check import BEAT_TOLERANCE_TICKS
from ritornello.score.framework_writer import NO_CHORD, PHRASE_FIELDS
from ritornello.score.key import Key
from ritornello.score.spelling import parse_pitch
from ritornello.score.timeline import TICKS_PER_SIXTEENTH, Meter

MAX_FRAMEWORK_BYTES = 16 * 1024 * 1024
"""Largest file that is read; a framework of 1,000 bars has 0.5 MB."""

MAX_NUMBER = 1e9
"""Numbers beyond are refused before they are looked at more closely."""

_SONG_FIELDS = (
    "version", "title", "key", "tempo_qpm", "metre", "step_ticks", "form", "sections", "seed", "model_version",
    "phrases",
)  # fmt: skip

_Item = TypeVar("_Item")


def read_framework(path: str | os.PathLike[str]) -> Framework:
    """Read a framework from a JSON file.

    Raises:
        ReadError: naming the file and the place in it, if the file cannot be read, is larger than
            `MAX_FRAMEWORK_BYTES`, is no framework of this version, or contradicts itself.
    """
    return parse_framework(read_bytes(path, MAX_FRAMEWORK_BYTES), str(path))


def parse_framework(data: bytes | str, name: str = "framework") -> Framework:
    """Read a framework from JSON text; ``name`` stands for the file in errors.

    Raises:
        ReadError: as `read_framework`.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_fields, parse_constant=_no_constant)
    except ArgumentError as error:
        raise ReadError(f"{name}: {error}") from None
    except UnicodeDecodeError:
        raise ReadError(f"{name}: is not text in UTF-8, so it is no framework") from None
    except json.JSONDecodeError as error:
        raise ReadError(f"{name}: is no JSON; line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise ReadError(f"{name}: is no framework; a number or the nesting in it is too large") from None
    try:
        return _framework(value)
    except ArgumentError as error:
        raise ReadError(f"{name}: {error}") from None


def _framework(value: Any) -> Framework:
    fields = _object(value, "the file", _SONG_FIELDS)
    if "version" not in fields:
        raise ArgumentError(f"version: is missing; this program reads version {FRAMEWORK_VERSION}")
    version = _integer(fields["version"], "version")
    if version != FRAMEWORK_VERSION:
        raise ArgumentError(f"version: {version} is not read; this program reads version {FRAMEWORK_VERSION}")
    if "form" not in fields:
        raise ArgumentError("form: is missing; write letters and bars, such as i4A8B8A8o4")
    form = _parsed(Form.parse, fields["form"], "form")
    metre = _parsed(Meter.parse, fields.get("metre", "4/4"), "metre")
    _agree(fields, "sections", [list(section) for section in form.sections], "sections")
    head: dict[str, Any] = {
        "key": _optional(fields.get("key"), lambda text: _parsed(Key.parse, text, "key")),
        "tempo_qpm": _number(fields.get("tempo_qpm", 120), "tempo_qpm"),
        "metre": metre,
        "step_ticks": _integer(fields.get("step_ticks", TICKS_PER_SIXTEENTH), "step_ticks"),
        "title": _text(fields.get("title", ""), "title"),
        "seed": _optional(fields.get("seed"), lambda seed: _integer(seed, "seed")),
        "model_version": _text(fields.get("model_version", ""), "model_version"),
    }
    plain = phrases_of_form(form)
    bare = Framework(form, plain, **head)  # the song's own fields are checked before the phrases count on them
    rows = _optional(fields.get("phrases"), lambda rows: _list(rows, "phrases"))
    if rows is None:
        return bare
    if len(rows) != len(plain):
        raise ArgumentError(f"phrases: there are {len(rows)}, but the form {form} has {len(plain)}")
    phrases = (_phrase(row, f"phrases[{index}]", plain[index], bare) for index, row in enumerate(rows))
    return bare.replace(phrases=tuple(phrases))


def _phrase(value: Any, place: str, plain: FrameworkPhrase, song: Framework) -> FrameworkPhrase:
    fields = _object(value, place, PHRASE_FIELDS)
    for name in ("id", "letter", "bars", "start_bar", "role", "position_in_section"):
        _agree(fields, name, getattr(plain, name), f"{place}.{name}")
    source = plain.source
    if "source" in fields:
        source = _optional(fields["source"], lambda given: _integer(given, f"{place}.source"))
    repeat: Any = plain.repeat if source == plain.source else "free"
    if "repeat" in fields:
        repeat = _text(fields["repeat"], f"{place}.repeat")
    size, beat = song.cell_steps, song.metre.beat_ticks
    return FrameworkPhrase(
        plain.id, plain.letter, plain.bars, plain.start_bar, plain.role, plain.position_in_section, source, repeat,
        _optional(fields.get("key"), lambda text: _parsed(Key.parse, text, f"{place}.key")),
        _items(fields, "chords", place, lambda row, here: _chord_cell(row, here, beat)),
        _items(fields, "cells", place, lambda row, here: _cell(row, here, size)),
        _items(fields, "notes", place, _note),
        _flag(fields.get("notes_are_partial", False), f"{place}.notes_are_partial"),
        _text(fields.get("made_from", ""), f"{place}.made_from"),
    )  # fmt: skip


def _chord_cell(value: Any, place: str, beat_ticks: int) -> ChordCell:
    fields = _object(value, place, ("chord", "beats", "lock"), ("chord", "beats"))
    beats = _number(fields["beats"], f"{place}.beats")
    ticks = beats * beat_ticks
    if abs(ticks - round(ticks)) <= BEAT_TOLERANCE_TICKS:  # 0.333 beats mean a third
        beats = round(ticks) / beat_ticks
    name = fields["chord"]
    chord = None if name is None or name == NO_CHORD else _parsed(Chord.parse, name, f"{place}.chord")
    return ChordCell(chord, beats, _flag(fields.get("lock", False), f"{place}.lock"), is_open=name is None)


def _cell(value: Any, place: str, steps: int) -> Cell:
    fields = _object(value, place, (*CELL_ITEMS, "locks"))
    items: dict[str, Any] = {}
    for name in CELL_ITEMS:
        given, here = fields.get(name), f"{place}.{name}"
        if given is None:
            continue
        if name == "basic_pitch":
            items[name] = _pitch(given, here)
        elif name == "onset_pattern":
            items[name] = _pattern(given, here, steps)
        elif name == "rhythm_label":
            items[name] = _integer(given, here)
        else:
            items[name] = _number(given, here)
    locks = [_text(item, f"{place}.locks") for item in _list(fields.get("locks", []), f"{place}.locks")]
    if len(set(locks)) != len(locks):
        raise ArgumentError(f"{place}.locks: the same item is named twice")
    unknown = next((item for item in locks if item not in CELL_ITEMS), None)
    if unknown is not None:
        raise ArgumentError(f"{place}.locks: '{unknown[:40]}' is no item of a cell; use {', '.join(CELL_ITEMS)}")
    return Cell(**items, locks=frozenset(locks))


def _note(value: Any, place: str) -> NoteCell:
    fields = _object(value, place, ("onset", "duration", "pitch", "lock"), ("onset", "duration", "pitch"))
    return NoteCell(
        _integer(fields["onset"], f"{place}.onset"),
        _integer(fields["duration"], f"{place}.duration"),
        _pitch(fields["pitch"], f"{place}.pitch"),
        _flag(fields.get("lock", False), f"{place}.lock"),
    )


def _items(
    fields: dict[str, Any], name: str, place: str, read: Callable[[Any, str], _Item]
) -> tuple[_Item, ...] | None:
    rows = fields.get(name)
    if rows is None:
        return None
    here = f"{place}.{name}"
    return tuple(read(row, f"{here}[{index}]") for index, row in enumerate(_list(rows, here)))


def _pitch(value: Any, place: str) -> int:
    return _parsed(parse_pitch, value, place) if isinstance(value, str) else _integer(value, place)


def _pattern(value: Any, place: str, steps: int) -> int:
    text = _text(value, place)
    if len(text) != steps or set(text) - {"x", "."}:
        raise ArgumentError(
            f"{place}: {_shown(text)} is no pattern; write {steps} of x (a note starts) and . (none does)"
        )
    return sum(1 << step for step, letter in enumerate(text) if letter == "x")


def _agree(fields: dict[str, Any], name: str, expected: Any, place: str) -> None:
    # JSON tells 1 from true where Python does not.
    if name in fields and (fields[name] != expected or isinstance(fields[name], bool)):
        raise ArgumentError(f"{place}: {_shown(fields[name])} is not what the form says: {json.dumps(expected)}")


def _object(value: Any, place: str, known: Collection[str], required: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ArgumentError(f"{place}: {_shown(value)} is no object; write its fields in braces")
    for name in value:
        if name not in known:
            raise ArgumentError(f"{place}: the field {_shown(name)} is unknown; known are {', '.join(known)}")
    for name in required:
        if name not in value:
            raise ArgumentError(f"{place}.{name}: is missing")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise ArgumentError(f"{place}: {_shown(value)} is no list; write it in square brackets")
    return value


def _integer(value: Any, place: str) -> int:
    number = _number(value, place)
    if number != int(number):
        raise ArgumentError(f"{place}: {_shown(value)} is no whole number")
    return int(number)


def _number(value: Any, place: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ArgumentError(f"{place}: {_shown(value)} is no number")
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise ArgumentError(f"{place}: {_shown(value)} is out of range")
    return float(value)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"{place}: {_shown(value)} is no text; write it in quotation marks")
    return value


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise ArgumentError(f"{place}: {_shown(value)} is neither true nor false")
    return value


def _optional(value: Any, read: Callable[[Any], _Item]) -> _Item | None:
    return None if value is None else read(value)


def _parsed(parse: Callable[[str], _Item], value: Any, place: str) -> _Item:
    text = _text(value, place)
    if len(text) > 50_000:
        raise ArgumentError(f"{place}: {_shown(text)} is too long")
    try:
        return parse(text)
    except ArgumentError as error:
        raise ArgumentError(f"{place}: {' '.join(str(error).split())}") from None


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError(f"the field {_shown(twice)} stands twice in one object")
    return fields


def _no_constant(name: str) -> Any:
    raise ArgumentError(f"{name} is no number of JSON")


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_NUMBER:
        return "a number of many digits"  # Python refuses to print the longest
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 40 else text[:39] + "…"
