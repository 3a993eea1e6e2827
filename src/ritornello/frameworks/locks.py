"""Locks that contradict each other are refused before anything is written, by the names of their cells.

Places are those of the JSON file, such as ``phrases[2].cells[3]``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ritornello.analysis.segments import SAME_RHYTHM, rhythm_similarity
from ritornello.errors import ArgumentError
from ritornello.frameworks.draft import Draft


def check_locks(drafts: Sequence[Draft]) -> None:
    """Refuse locks that no melody can honour together.

    Raises:
        ArgumentError: naming the first two that contradict each other.
    """
    for draft in drafts:
        if draft.phrase.is_melodic:
            for cell in range(draft.cells):
                _check_rhythm(draft, cell)
                _check_notes(draft, cell)
        if draft.phrase.repeat == "copy" and draft.phrase.source is not None and "melody" in draft.taken:
            _check_copy(draft, drafts[draft.phrase.source])


def broken_lock(given: Draft, written: Draft) -> ArgumentError | None:
    """Return an error that names a locked item which a written draft does not honour, or None."""
    for cell in range(given.cells):
        here = _place(given, cell)
        for item, old, new in (
            ("basic_pitch", given.basics[cell], written.basics[cell]),
            ("onset_pattern", given.patterns[cell], written.patterns[cell]),
        ):
            if item in given.locks[cell] and old != new:
                return ArgumentError(
                    f"{here}.{item}: is locked, but the locks of its neighbours leave no melody with it"
                )
        pattern, label = written.patterns[cell] or 0, given.labels[cell]
        if "complexity" in given.locks[cell] and given.onsets[cell] != pattern.bit_count():
            return ArgumentError(f"{here}.complexity: is locked, but other locks leave no rhythm with it")
        if "rhythm_label" in given.locks[cell] and label is not None:
            other = written.patterns[label] or 0
            if rhythm_similarity(other, pattern, given.cell_steps) < SAME_RHYTHM:
                return ArgumentError(
                    f"{here}.rhythm_label: is locked, but other locks leave no rhythm like that of cells[{label}]"
                )
        kept = written.notes[cell] or []
        for note in given.fixed[cell]:
            if not any((n.onset, n.pitch) == (note.onset, note.pitch) for n in kept):
                return ArgumentError(
                    f"{here}: a note at step {note.onset} is locked, but other locks leave no room for it"
                )
    return None


def _place(draft: Draft, cell: int) -> str:
    return f"phrases[{draft.phrase.id}].cells[{cell}]"


def _check_rhythm(draft: Draft, cell: int) -> None:
    locks, here, pattern, label = draft.locks[cell], _place(draft, cell), draft.patterns[cell], draft.labels[cell]
    if "onset_pattern" not in locks:
        return
    if "rhythm_label" in locks and label is not None and label != cell and "onset_pattern" in draft.locks[label]:
        other = draft.patterns[label] or 0
        if rhythm_similarity(other, pattern or 0, draft.cell_steps) < SAME_RHYTHM:
            raise ArgumentError(
                f"{here}.rhythm_label: is locked to be like cells[{label}], but the locked patterns of the two differ"
            )
    if "basic_pitch" in locks and draft.basics[cell] == 0 and pattern:
        raise ArgumentError(f"{here}.basic_pitch: is locked to silence, but the locked onset_pattern has notes")
    silent = all("onset_pattern" in draft.locks[i] and not draft.patterns[i] for i in range(cell + 1))
    if "basic_pitch" in locks and draft.basics[cell] and silent:
        raise ArgumentError(f"{here}.basic_pitch: is locked, but no note starts before or in it by the locked patterns")


def _check_notes(draft: Draft, cell: int) -> None:
    here, size = _place(draft, cell), draft.cell_steps
    start = cell * size
    heard: dict[int, int] = {}
    for row in draft.fixed[max(0, cell - 1) : cell + 1]:
        for note in row:
            if not note.lock:
                continue
            overlap = min(note.onset + note.duration, start + size) - max(note.onset, start)
            if overlap > 0:
                heard[note.pitch] = heard.get(note.pitch, 0) + overlap
            if "onset_pattern" in draft.locks[cell] and draft.patterns[cell] is not None:
                _check_note_in_pattern(draft, cell, note.onset, note.duration)
    basic = draft.basics[cell]
    if "basic_pitch" in draft.locks[cell] and heard:
        rest = size - sum(heard.values())
        most = max((steps for pitch, steps in heard.items() if pitch != basic), default=0)
        if basic == 0 or heard.get(basic or 0, 0) + rest < most:
            raise ArgumentError(f"{here}.basic_pitch: is locked, but the locked notes there have another longest pitch")


def _check_note_in_pattern(draft: Draft, cell: int, onset: int, duration: int) -> None:
    pattern, start = draft.patterns[cell] or 0, cell * draft.cell_steps
    here = f"{_place(draft, cell)}.onset_pattern"
    if start <= onset < start + draft.cell_steps and not pattern >> onset - start & 1:
        raise ArgumentError(f"{here}: is locked without a note at step {onset} of the phrase, where a note is locked")
    for step in range(draft.cell_steps):
        if pattern >> step & 1 and onset < start + step < onset + duration:
            raise ArgumentError(
                f"{here}: is locked with a note at step {start + step} of the phrase, where a locked note still sounds"
            )


def _check_copy(draft: Draft, source: Draft) -> None:
    for cell in range(min(draft.cells, source.cells)):
        for item, layer, mine, theirs in (
            ("basic_pitch", "basic", draft.basics[cell], source.basics[cell]),
            ("onset_pattern", "rhythm", draft.patterns[cell], source.patterns[cell]),
        ):
            both = item in draft.locks[cell] and item in source.locks[cell]
            # A lock that the source itself only takes over from its own source gives way to this one.
            if both and layer not in source.taken and mine != theirs:
                raise ArgumentError(
                    f"{_place(draft, cell)}.{item}: is locked and differs from {_place(source, cell)}, which is locked "
                    "too, but the phrase copies that one; let it vary"
                )
