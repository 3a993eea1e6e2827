"""Frameworks as JSON: version field first, a line for each cell and note, so that people can read and edit them.

The format is described in docs/framework.md; `framework_reader` reads it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ritornello.score.framework_cells import CELL_ITEMS, FRAMEWORK_VERSION, Cell, ChordCell, NoteCell
from ritornello.score.key import Key
from ritornello.score.spelling import pitch_name

if TYPE_CHECKING:
    from ritornello.score.framework import Framework

NO_CHORD = "N"
"""What is written where no chord sounds."""

PHRASE_FIELDS = (
    "id", "letter", "bars", "start_bar", "role", "position_in_section", "source", "repeat", "key", "chords", "cells",
    "notes", "notes_are_partial", "made_from",
)  # fmt: skip
"""The fields of a phrase, in order."""


def framework_text(framework: Framework) -> str:
    """Return a framework as JSON text with a final newline."""
    key = framework.key
    head = {
        "version": FRAMEWORK_VERSION,
        "title": framework.title,
        "key": None if key is None else key.name,
        "tempo_qpm": _plain(framework.tempo_qpm),
        "metre": str(framework.metre),
        "step_ticks": framework.step_ticks,
        "form": str(framework.form),
        "sections": [list(section) for section in framework.form.sections],
        "seed": framework.seed,
        "model_version": framework.model_version,
    }
    lines = ["{", *(f"  {_json(name)}: {_json(value)}," for name, value in head.items()), '  "phrases": [']
    for index in range(len(framework.phrases)):
        comma = "," if index + 1 < len(framework.phrases) else ""
        lines += [*_phrase_lines(framework, index), f"    }}{comma}"]
    return "\n".join([*lines, "  ]", "}", ""])


def _phrase_lines(framework: Framework, index: int) -> list[str]:
    phrase, key = framework.phrases[index], framework.key_of(index)
    head = {name: getattr(phrase, name) for name in PHRASE_FIELDS[:8]}
    head["key"] = None if phrase.key is None else phrase.key.name
    if phrase.notes_are_partial:
        head["notes_are_partial"] = True
    layers: dict[str, list[dict[str, Any]] | None] = {
        "chords": None if phrase.chords is None else [_chord_data(cell, key) for cell in phrase.chords],
        "cells": None
        if phrase.cells is None
        else [_cell_data(cell, framework.cell_steps, key) for cell in phrase.cells],
        "notes": None if phrase.notes is None else [_note_data(note, key) for note in phrase.notes],
    }
    lines = ["    {", f"      {_json(head)[1:-1]},"]
    if phrase.made_from:
        lines.append(f'      "made_from": {_json(phrase.made_from)},')
    for name, items in layers.items():
        comma = "" if name == "notes" else ","
        if not items:
            lines.append(f'      "{name}": {_json(items)}{comma}')
            continue
        rows = [f"        {_json(item)}," for item in items]
        lines += [f'      "{name}": [', *rows[:-1], rows[-1][:-1], f"      ]{comma}"]
    return lines


def _chord_data(cell: ChordCell, key: Key | None) -> dict[str, Any]:
    name = None if cell.is_open else NO_CHORD if cell.chord is None else cell.chord.symbol(key)
    return {"chord": name, "beats": _plain(cell.beats), "lock": cell.lock}


def _cell_data(cell: Cell, steps: int, key: Key | None) -> dict[str, Any]:
    return {
        "basic_pitch": pitch_name(cell.basic_pitch, key) if cell.basic_pitch else cell.basic_pitch,
        "rhythm_label": cell.rhythm_label,
        "complexity": _plain(cell.complexity),
        "onset_pattern": None if cell.onset_pattern is None else pattern_text(cell.onset_pattern, steps),
        "contour": _plain(cell.contour),
        "locks": [item for item in CELL_ITEMS if item in cell.locks],
    }


def _note_data(note: NoteCell, key: Key | None) -> dict[str, Any]:
    return {"onset": note.onset, "duration": note.duration, "pitch": pitch_name(note.pitch, key), "lock": note.lock}


def pattern_text(pattern: int, steps: int) -> str:
    """Return an onset pattern as text, such as ``"x...x.x."``: a letter x where a note starts, in order of time."""
    return "".join("x" if pattern >> step & 1 else "." for step in range(steps))


def _plain(number: float | None) -> float | None:
    """Return a number without its fraction if that is 0, as people write it."""
    return int(number) if number is not None and number == int(number) else number


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
