"""What a repeat in a framework takes from its source, and what it can leave to it.

Layers go over as a whole: the chords; of the cells the basic melody, the rhythm and the contour, each by itself; the
notes. They are moved to the repeat's key if both keys are known and of one mode (our rule, for the last chorus that
rises by a tone).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ritornello.score.framework_cells import CELL_LAYERS, Cell, FrameworkPhrase
from ritornello.score.key import Key


def inherit(phrase: FrameworkPhrase, source: FrameworkPhrase | None, song_key: Key | None) -> FrameworkPhrase:
    """Return a phrase with what it takes from its source, itself complete; the phrase as it is if it takes nothing."""
    if source is None or phrase.repeat == "free" or phrase.bars != source.bars:
        return phrase
    shift = _shift_between(source.key or song_key, phrase.key or song_key)
    theirs = moved(source, shift) if shift else source
    changes: dict[str, Any] = {"cells": _merged(phrase.cells, theirs.cells)}
    if phrase.chords is None:
        changes["chords"] = theirs.chords
    if phrase.notes is None and phrase.repeat == "copy":
        changes |= {"notes": theirs.notes, "notes_are_partial": theirs.notes_are_partial}
    return dataclasses.replace(phrase, **changes)


def shared(whole: FrameworkPhrase, source: FrameworkPhrase, song_key: Key | None) -> FrameworkPhrase:
    """Return a complete phrase without the layers that it would take from its source just so."""
    bare = dataclasses.replace(whole, repeat="copy", chords=None, cells=None, notes=None, notes_are_partial=False)
    copied = inherit(bare, source, song_key)
    if copied == dataclasses.replace(whole, repeat="copy"):
        return bare
    return dataclasses.replace(
        whole,
        repeat="vary",
        chords=None if whole.chords == copied.chords else whole.chords,
        cells=None if whole.cells == copied.cells else whole.cells,
    )


def _shift_between(old: Key | None, new: Key | None) -> int:
    """Return the semitones from one key to another, -6..5; 0 where one is unknown or the modes differ."""
    if old is None or new is None or old.mode != new.mode:
        return 0
    return (new.tonic - old.tonic + 6) % 12 - 6


def moved(phrase: FrameworkPhrase, shift: int) -> FrameworkPhrase:
    """Return a phrase moved by semitones, an octave lower or higher where it would leave the range of MIDI."""
    cells, notes, chords = phrase.cells or (), phrase.notes or (), phrase.chords or ()
    pitches = [note.pitch for note in notes] + [cell.basic_pitch for cell in cells if cell.basic_pitch]
    up = shift
    if pitches and max(pitches) + up > 127:
        up -= 12
    if pitches and min(pitches) + up < 1:
        up += 12
    return dataclasses.replace(
        phrase,
        chords=tuple(
            dataclasses.replace(cell, chord=cell.chord.transpose(shift)) if cell.chord else cell for cell in chords
        ),
        cells=tuple(
            dataclasses.replace(cell, basic_pitch=_in_range(cell.basic_pitch + up)) if cell.basic_pitch else cell
            for cell in cells
        ),
        notes=None
        if phrase.notes is None
        else tuple(dataclasses.replace(note, pitch=_in_range(note.pitch + up)) for note in notes),
    )


def _in_range(pitch: int) -> int:
    # A melody over ten octaves does not fit after any move; nobody sings it, but a file may hold it.
    return min(max(pitch, 1), 127)


def _merged(own: Sequence[Cell] | None, other: Sequence[Cell] | None) -> tuple[Cell, ...] | None:
    """Return own cells with the layers that are wholly open in them taken from the other's."""
    if own is None or other is None:
        return tuple(own or other or ()) or None
    taken = [
        item
        for layer, items in CELL_LAYERS.items()
        if not any(cell.has(layer) for cell in own)
        for item in items
    ]  # fmt: skip
    return tuple(
        dataclasses.replace(
            mine, locks=mine.locks | (theirs.locks & set(taken)), **{item: getattr(theirs, item) for item in taken}
        )
        for mine, theirs in zip(own, other, strict=True)
    )
