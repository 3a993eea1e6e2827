"""What each cell was made from, as short marks: how a later run knows what an edit concerns, and what it does not.

Our design. Each cell of each layer has a mark of nine characters: a letter, a digest of what the cell was made from
and a digest of what it held. A cell whose content no longer fits its mark was changed by a person and is kept; one
whose content fits but whose ingredients have changed is stale and is drawn anew; all others are kept. All pitches are
in C, so a whole song may change its key. The marks of a phrase are one text, ``FrameworkPhrase.made_from``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

Layer = Literal["chords", "rhythm", "basic", "melody"]

LAYERS: tuple[Layer, ...] = ("chords", "rhythm", "basic", "melody")
"""The layers that are marked, in the order in which they are made."""

NO_MARK = "-"
"""The mark of a cell that a person gave or changed."""

OWN, COPIED = "o", "c"
"""First letters: drawn for this phrase, taken from the phrase that it repeats."""

_LENGTH = 4  # characters of a digest: 20 bits


def mark(kind: str, ingredients: object, content: object) -> str:
    """Return the mark of a cell; both values must have a `repr` that says all about them."""
    return kind + _digest(ingredients) + _digest(content)


def holds(text: str, content: object) -> bool:
    """Return whether a mark is that of a cell with this content."""
    return text != NO_MARK and text[1 + _LENGTH :] == _digest(content)


def is_from(text: str, ingredients: object) -> bool:
    """Return whether a mark is that of a cell made from these ingredients."""
    return text[1 : 1 + _LENGTH] == _digest(ingredients)


def marks_text(marks: Mapping[Layer, Sequence[str]]) -> str:
    """Return the marks of a phrase as one text, ``""`` if no cell has any."""
    if all(text == NO_MARK for row in marks.values() for text in row):
        return ""
    return "; ".join(f"{layer}: {' '.join(marks[layer])}" for layer in LAYERS if marks.get(layer))


def parse_marks(text: str, cells: int) -> dict[Layer, list[str]]:
    """Return the marks of a phrase; whatever is no mark, or does not fit the number of cells, counts as none."""
    found: dict[Layer, list[str]] = {layer: [NO_MARK] * cells for layer in LAYERS}
    for part in text.split(";"):
        name, _, row = part.partition(":")
        marks = row.split()
        for layer in LAYERS:
            if name.strip() == layer and len(marks) == cells:
                found[layer] = [word if len(word) == 1 + 2 * _LENGTH else NO_MARK for word in marks]
    return found


def _digest(value: object) -> str:
    digest = hashlib.blake2b(repr(value).encode(), digest_size=5).digest()
    return base64.b32encode(digest).decode()[:_LENGTH].lower()
