"""What is to be kept of a framework, in words: ``chords``, ``rhythm@A``, ``melody@B2``, ``basic@3[5]``.

A selection names a layer; after ``@`` a letter, one of its phrases by number (``B2`` is the second B), or a phrase by
its id; in square brackets one cell, or the first and last of several, counted from 0 as in the JSON file.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ritornello.errors import ArgumentError
from ritornello.score.framework import CELL_ITEMS, CELL_LAYERS, Framework, FrameworkPhrase

LAYERS: dict[str, tuple[str, ...]] = {
    "chords": (),
    **CELL_LAYERS,
    "rhythm-form": ("rhythm_label", "complexity"),
    "pattern": ("onset_pattern",),
    "melody": (),
}
"""The layers that a selection can name, and the items of the cells that belong to them."""

_SELECTION = re.compile(
    r"([a-z-]+)(?:@(?:([A-Za-z])([0-9]{0,5})|([0-9]{1,5})))?(?:\[([0-9]{1,6})(?:-([0-9]{1,6}))?\])?"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of a framework.

    Attributes:
        text: as it was written.
        layer: one of `LAYERS`.
        phrases: ids of the phrases, rising.
        first, last: the cells, chords or notes, both included; None for all.
        is_single: whether one phrase was named, not a letter or the song.
    """

    text: str
    layer: str
    phrases: tuple[int, ...]
    first: int | None
    last: int | None
    is_single: bool

    def covers(self, index: int) -> bool:
        """Return whether it takes in a cell, chord or note of its phrases."""
        return self.first is None or (self.last is not None and self.first <= index <= self.last)


def parse_selection(text: str, framework: Framework) -> Selection:
    """Read a selection; see the module.

    Raises:
        ArgumentError: if it does not parse, or names a layer, letter, phrase or cell that is not there.
    """
    match = _SELECTION.fullmatch(text.strip())
    if not match:
        raise ArgumentError(
            f"'{text[:40]}' selects nothing; write a layer and a place, such as chords, rhythm@A, melody@B2"
        )
    layer, letter, number, id_text, first, last = match.groups()
    if layer not in LAYERS:
        raise ArgumentError(f"'{text[:40]}': layer '{layer}' is unknown; use one of {', '.join(LAYERS)}")
    if id_text is not None:
        phrases = [phrase.id for phrase in framework.phrases if phrase.id == int(id_text)]
        if not phrases:
            raise ArgumentError(
                f"'{text}': there is no phrase {id_text}; ids go from 0 to {len(framework.phrases) - 1}"
            )
    elif letter is not None:
        phrases = [phrase.id for phrase in framework.phrases if phrase.letter == letter]
        if not phrases:
            raise ArgumentError(f"'{text}': there is no phrase {letter} in the form {_short(framework)}")
        if number:
            if not 1 <= int(number) <= len(phrases):
                raise ArgumentError(
                    f"'{text}': there is no {letter}{number}; the form has {letter}1 to {letter}{len(phrases)}"
                )
            phrases = [phrases[int(number) - 1]]
    else:
        phrases = [phrase.id for phrase in framework.phrases]
    low = None if first is None else int(first)
    high = low if last is None else int(last)
    if low is not None and high is not None and high < low:
        raise ArgumentError(f"'{text}': {high} comes before {low}; write the lower number first")
    selection = Selection(text, layer, tuple(phrases), low, high, bool(number) or id_text is not None)
    if high is not None and all(high >= _length(framework, layer, phrase) for phrase in phrases):
        most = max(_length(framework, layer, phrase) for phrase in phrases)
        raise ArgumentError(
            f"'{text}': there is no number {high}; {f'the last is {most - 1}' if most else 'nothing is there'}"
        )
    return selection


def set_locks(framework: Framework, selections: Sequence[str], lock: bool) -> Framework:
    """Return a framework with everything decided that the selections name locked or unlocked.

    A phrase named alone that takes the layer from its source gets a layer of its own; phrases selected by letter or
    all together go on sharing one.

    Raises:
        ArgumentError: as `parse_selection`, or if nothing that a selection names is decided yet.
    """
    for text in selections:
        selection = parse_selection(text, framework)
        changed = 0
        for phrase in selection.phrases:
            own = _own_layer(framework, phrase, selection)
            if own is None or not _decides(own, selection):
                continue
            changed += 1
            framework = _replaced(framework, _with_locks(own, selection, lock))
        if not changed:
            problem = "so there is nothing to lock" if lock else "so nothing is locked"
            raise ArgumentError(f"'{text}': nothing is decided there yet, {problem}")
    return framework


def reopen(framework: Framework, selections: Sequence[str]) -> Framework:
    """Return a framework in which what the selections name, and is not locked, is open again.

    Raises:
        ArgumentError: as `parse_selection`, or if a phrase named alone takes the layer from its source.
    """
    for text in selections:
        selection = parse_selection(text, framework)
        for phrase in selection.phrases:
            own = framework.phrases[phrase]
            if (
                selection.is_single
                and not _has(own, selection.layer)
                and _has(framework.effective[phrase], selection.layer)
            ):
                raise ArgumentError(
                    f"'{text}': phrase {phrase} takes this from phrase {own.source}; reopen it there or make it free"
                )
            framework = _replaced(framework, _reopened(own, selection))
    return framework


def _own_layer(framework: Framework, phrase: int, selection: Selection) -> FrameworkPhrase | None:
    """Return the phrase with the selected layer as its own, or None if there is none or it is shared."""
    own, whole = framework.phrases[phrase], framework.effective[phrase]
    if not _has(whole, selection.layer):
        return None
    if _has(own, selection.layer):
        return own
    if not selection.is_single and own.source in selection.phrases:
        return None
    if selection.layer == "chords":
        return dataclasses.replace(own, chords=whole.chords)
    if selection.layer == "melody":
        return dataclasses.replace(own, notes=whole.notes, notes_are_partial=whole.notes_are_partial)
    return dataclasses.replace(own, cells=whole.cells)


def _has(phrase: FrameworkPhrase, layer: str) -> bool:
    if layer == "chords":
        return phrase.chords is not None and not all(cell.is_open for cell in phrase.chords)
    if layer == "melody":
        return bool(phrase.notes)
    return any(getattr(cell, item) is not None for cell in phrase.cells or () for item in LAYERS[layer])


def _decides(phrase: FrameworkPhrase, selection: Selection) -> bool:
    """Return whether anything that a selection covers in a phrase is decided."""
    if selection.layer == "chords":
        return any(selection.covers(i) and not cell.is_open for i, cell in enumerate(phrase.chords or ()))
    if selection.layer == "melody":
        return any(selection.covers(i) for i in range(len(phrase.notes or ())))
    return any(
        selection.covers(index) and getattr(cell, item) is not None
        for index, cell in enumerate(phrase.cells or ())
        for item in LAYERS[selection.layer]
    )


def _with_locks(phrase: FrameworkPhrase, selection: Selection, lock: bool) -> FrameworkPhrase:
    if selection.layer == "chords":
        chords = [
            dataclasses.replace(cell, lock=lock) if selection.covers(index) and not cell.is_open else cell
            for index, cell in enumerate(phrase.chords or ())
        ]
        return dataclasses.replace(phrase, chords=tuple(chords))
    if selection.layer == "melody":
        notes = [
            dataclasses.replace(note, lock=lock) if selection.covers(index) else note
            for index, note in enumerate(phrase.notes or ())
        ]
        return dataclasses.replace(phrase, notes=tuple(notes))
    cells = []
    for index, cell in enumerate(phrase.cells or ()):
        if selection.covers(index):
            items = {item for item in LAYERS[selection.layer] if getattr(cell, item) is not None}
            cell = dataclasses.replace(cell, locks=cell.locks | items if lock else cell.locks - items)
        cells.append(cell)
    return dataclasses.replace(phrase, cells=tuple(cells))


def _reopened(phrase: FrameworkPhrase, selection: Selection) -> FrameworkPhrase:
    if selection.layer == "chords":
        if phrase.chords is None:
            return phrase
        chords = [
            dataclasses.replace(cell, chord=None, is_open=True) if selection.covers(index) and not cell.lock else cell
            for index, cell in enumerate(phrase.chords)
        ]
        if tuple(chords) == phrase.chords:
            return phrase
        return dataclasses.replace(phrase, chords=None if all(cell.is_open for cell in chords) else tuple(chords))
    if selection.layer == "melody":
        if phrase.notes is None:
            return phrase
        notes = tuple(n for index, n in enumerate(phrase.notes) if n.lock or not selection.covers(index))
        if len(notes) == len(phrase.notes):
            return phrase
        return dataclasses.replace(phrase, notes=notes or None, notes_are_partial=bool(notes))
    cells = []
    for index, cell in enumerate(phrase.cells or ()):
        if selection.covers(index):
            items = [item for item in LAYERS[selection.layer] if item not in cell.locks]
            cell = dataclasses.replace(cell, **dict.fromkeys(items))  # type: ignore[arg-type]
        cells.append(cell)
    if tuple(cells) == (phrase.cells or ()):
        return phrase
    is_open = all(getattr(cell, item) is None for cell in cells for item in CELL_ITEMS)
    return dataclasses.replace(phrase, cells=None if is_open else tuple(cells))


def _replaced(framework: Framework, phrase: FrameworkPhrase) -> Framework:
    phrases = list(framework.phrases)
    phrases[phrase.id] = phrase
    return framework.replace(phrases=tuple(phrases))


def _length(framework: Framework, layer: str, phrase: int) -> int:
    whole = framework.effective[phrase]
    if layer == "chords":
        return len(whole.chords or ())
    return len(whole.notes or ()) if layer == "melody" else len(framework.cells(phrase))


def _short(framework: Framework) -> str:
    text = str(framework.form)
    return text if len(text) <= 60 else text[:59] + "…"
