"""Open cells of a draft filled by the networks: onset patterns, basic melody, notes; what is given stays.

After MusicFrameworks, section 4 (realising notes: the pattern sets onsets, a note lasts to the next onset, shortened
where the phrase ends). Ours: how long a note that waits long for the next really sounds is drawn from counts, so that
melodies breathe; and the notes of a cell must have its basic pitch as their longest (`basic_guard`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.frameworks.basic_guard import BasicGuard
from ritornello.frameworks.chance import Chance
from ritornello.frameworks.closing import Closing
from ritornello.frameworks.contour import contour_errors, in_semitones
from ritornello.frameworks.draft import Draft
from ritornello.frameworks.features import CLASSES, UNKNOWN, basic_features, melody_features
from ritornello.frameworks.memory import SongMemory
from ritornello.frameworks.pattern_masks import PatternMasks, first_possible, only
from ritornello.frameworks.search import WIDTH, beam_search
from ritornello.frameworks.tables import (
    Tables,
    duration_contexts,
    place_name,
)
from ritornello.score.framework import NoteCell

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

RHYTHM_WIDTH, MELODY_WIDTH = 2, 4
"""Beams of the rhythm and of the notes."""

LOWEST, HIGHEST = 57, 84
"""Pitches that are written, A3 to C6: 97 of 100 sung notes of POP909 lie there."""

MOST_SAME_CELLS, MOST_SAME_NOTES = 4, 6
"""Longest runs of one basic pitch and of one pitch that are written, where nothing asks for longer ones: 95 of 100
phrases of people have no longer one."""

MOST_MOVED = 9
"""Semitones by which the basic pitch of a varied cell differs from the source's at most: 86 of 100 do with people."""

LONG_WAIT_BEATS = 1
"""A note that waits longer than this for the next may end before it."""


@dataclass(frozen=True)
class Settings:
    """How freely layers are drawn, and how closely a contour is followed.

    Attributes:
        rhythm_temperature: weight of the noise on onset patterns.
        basic_temperature: on the basic melody.
        melody_temperature: on the notes.
        contour_weight: λ, in nats for a semitone in a cell.
    """

    rhythm_temperature: float = 0.9
    basic_temperature: float = 0.9
    melody_temperature: float = 0.9
    contour_weight: float = 1.0

    def scaled(self, temperature: float, contour_weight: float | None = None) -> Settings:
        """Return settings with all temperatures multiplied, and another weight of contours if one is given."""
        return Settings(
            self.rhythm_temperature * temperature,
            self.basic_temperature * temperature,
            self.melody_temperature * temperature,
            self.contour_weight if contour_weight is None else contour_weight,
        )


class Realiser:
    """Fills the open cells of drafts, with the song's earlier phrases in sight.

    Args:
        memory: the networks, with the earlier phrases.
        tables: the counts.
        settings: see `Settings`.
        closing: how phrases end.
    """

    def __init__(self, memory: SongMemory, tables: Tables, settings: Settings, closing: Closing) -> None:
        self.memory, self.tables, self.settings, self.closing = memory, tables, settings, closing

    # --- rhythm -----------------------------------------------------------------------------------------------------

    def draw_patterns(
        self,
        draft: Draft,
        cells: Collection[int],
        chance: Chance,
        other_than: Mapping[int, int] | None = None,
        closing: int | None = None,
    ) -> None:
        """Draw the onset patterns of some cells after their rhythm form.

        Args:
            draft: the phrase; its other patterns are decided.
            cells: the cells.
            chance: the place of this layer of the phrase.
            other_than: a pattern that a cell must not have.
            closing: the step at which the last note begins, if that is decided.
        """
        if not cells:
            return
        masks = PatternMasks(draft, cells, other_than or {}, closing)
        found = beam_search(
            self.memory.networks.rhythm, masks.features, self.memory.of("rhythm"), masks.allowed, chance,
            width=RHYTHM_WIDTH, temperature=self.settings.rhythm_temperature,
        )  # fmt: skip
        for cell in cells:
            draft.patterns[cell] = masks.pattern(found, cell)

    # --- basic melody -----------------------------------------------------------------------------------------------

    def draw_basics(
        self, draft: Draft, cells: Collection[int], chance: Chance, other_than: Mapping[int, int] | None = None
    ) -> None:
        """Draw the basic pitches of some cells by beam search, along the contour where one is drawn.

        Args:
            draft: the phrase; its patterns and its other basic pitches are decided.
            cells: the cells.
            chance: the place of this layer of the phrase.
            other_than: a pitch that a cell must not have, but stay near to.
        """
        if not cells:
            return
        classes = np.arange(CLASSES["basic"])
        sung = (classes >= LOWEST + draft.shift) & (classes <= HIGHEST + draft.shift)
        banned = other_than or {}
        heard = np.cumsum([pattern or 0 for pattern in draft.patterns]) > 0

        def allowed(histories: IntArray) -> BoolArray:
            cell = histories.shape[1]
            if cell not in cells:
                return only(draft.basics[cell] or 0, len(histories), len(classes))
            if not heard[cell]:
                return only(0, len(histories), len(classes))
            held = _longest_fixed(draft, cell)
            if held is not None:
                return only(held, len(histories), len(classes))
            if not draft.patterns[cell] and cell:  # the last note sounds on
                return np.asarray(histories[:, -1:] == classes[None, :])
            free = sung
            if banned.get(cell):
                near = np.abs(classes - banned[cell]) <= MOST_MOVED
                free = first_possible(sung & near, sung) & (classes != banned[cell])
            possible = np.broadcast_to(free, (len(histories), len(classes)))
            return first_possible(possible & ~_worn_out(histories, MOST_SAME_CELLS, len(classes)), possible)

        final = self.closing.pitch(draft, cells)

        def allowed_to_close(histories: IntArray) -> BoolArray:
            rows = allowed(histories)
            if final is None or histories.shape[1] != final[0]:
                return rows
            return first_possible(rows & (classes % 12 == final[1]), rows)

        curve = in_semitones(draft.contour)
        weight = self.settings.contour_weight

        def penalty(histories: IntArray) -> NDArray[np.float64]:
            return np.asarray(weight * contour_errors(histories, curve) * histories.shape[1])

        found = beam_search(
            self.memory.networks.basic, basic_features(draft.plan), self.memory.of("basic"),
            allowed_to_close, chance, width=WIDTH, temperature=self.settings.basic_temperature,
            penalty=penalty if weight and not np.isnan(curve).all() else None,
        )  # fmt: skip
        for cell in cells:
            draft.basics[cell] = found[cell]

    # --- notes ------------------------------------------------------------------------------------------------------

    def draw_notes(self, draft: Draft, cells: Collection[int], chance: Chance) -> None:
        """Draw the notes of some cells; patterns and basic pitches are decided, and so are all other notes.

        Notes that sound into the next one are cut, also where no cell is drawn.
        """
        notes = self._timed(draft, cells, chance)
        if notes and cells:
            onsets, durations = [note.onset for note in notes], [note.duration for note in notes]
            basics = [UNKNOWN if pitch is None else pitch for pitch in draft.basics]
            features = melody_features(draft.plan, onsets, durations, basics)
            final = self.closing.pitch(draft, cells)
            guard = BasicGuard(notes, basics, draft.cell_steps, _hard_cells(draft))
            classes = np.arange(CLASSES["melody"])
            sung = (classes >= LOWEST + draft.shift) & (classes <= HIGHEST + draft.shift)

            def allowed(histories: IntArray) -> BoolArray:
                pitch = notes[histories.shape[1]].pitch
                if pitch:
                    return only(pitch, len(histories), len(classes))
                rows = np.stack([first_possible(guard.allowed(row) & sung, sung) for row in histories])
                rows = first_possible(rows & ~_worn_out(histories, MOST_SAME_NOTES, len(classes)), rows)
                if final is None or histories.shape[1] < len(notes) - 1:
                    return rows
                return first_possible(rows & (classes % 12 == final[1]), rows)

            pitches = beam_search(
                self.memory.networks.melody, features, self.memory.of("melody"), allowed, chance,
                width=MELODY_WIDTH, temperature=self.settings.melody_temperature,
            )  # fmt: skip
            notes = [dataclasses.replace(note, pitch=pitch) for note, pitch in zip(notes, pitches, strict=True)]
        rows: list[list[NoteCell] | None] = [[] for _ in range(draft.cells)]
        for note in _without_disturbance(draft, notes, cells):
            row = rows[note.onset // draft.cell_steps]
            assert row is not None
            row.append(note)
        draft.notes = rows

    def _timed(self, draft: Draft, cells: Collection[int], chance: Chance) -> list[NoteCell]:
        """Return all notes with their lengths; those still to be drawn have pitch 0."""
        notes: list[NoteCell] = []
        for cell in range(draft.cells):
            if cell not in cells:
                notes += draft.notes[cell] or []
                continue
            start, pattern = cell * draft.cell_steps, draft.patterns[cell] or 0
            fixed = {note.onset - start: note for note in draft.fixed[cell]}
            for step in range(draft.cell_steps):
                if pattern >> step & 1:
                    notes.append(fixed.get(step, NoteCell(start + step, 1, 0)))
        full = _full_cells(draft)
        result = []
        for index, note in enumerate(notes):
            cell = note.onset // draft.cell_steps
            following = notes[index + 1] if index + 1 < len(notes) else None
            end = following.onset if following is not None else draft.steps
            length = min(note.duration, end - note.onset)
            is_fixed = any(note is kept for kept in draft.fixed[cell])
            if not is_fixed and cell in cells:  # other notes are at most cut, so that their cell keeps its basic pitch
                length = end - note.onset
                if cell not in full and (end - 1) // draft.cell_steps not in full:
                    length = self._length(draft, length, following is None, chance.at("length", note.onset))
                length = _cut_at_silence(draft, note.onset, length, cells, range(draft.cells))
            elif not note.lock:
                length = _cut_at_silence(draft, note.onset, length, cells, _hard_cells(draft))
            result.append(dataclasses.replace(note, duration=max(1, length)))
        return result

    def _length(self, draft: Draft, wait: int, is_last: bool, chance: Chance) -> int:
        if wait <= LONG_WAIT_BEATS * draft.steps_per_beat and not is_last:
            return wait
        place = place_name(draft.ends_section, is_last)
        items, weights = self.tables["duration"].distribution(*duration_contexts(draft.steps_per_bar, wait, place))
        return min(wait, int(items[chance.draw(weights)])) if items else wait


def _cut_at_silence(draft: Draft, onset: int, length: int, cells: Collection[int], minded: Collection[int]) -> int:
    """Return a note's length, cut where a cell begins that is to be silent, or has a locked pitch that it carries.

    Args:
        draft: the phrase.
        onset: of the note, in steps.
        length: of the note, in steps.
        cells: the cells that are drawn.
        minded: the cells that are asked.
    """
    for cell in range(onset // draft.cell_steps + 1, draft.cells):
        if cell not in minded:
            continue
        start = cell * draft.cell_steps
        if start >= onset + length:
            break
        if draft.basics[cell] == 0 or (cell in _full_cells(draft) and _carries_itself(draft, cell, cells)):
            return start - onset
    return length


def _carries_itself(draft: Draft, cell: int, cells: Collection[int]) -> bool:
    """Return whether a cell's basic pitch sounds longest in it even if nothing sounds into it."""
    size, pattern, basic = draft.cell_steps, draft.patterns[cell] or 0, draft.basics[cell] or 0
    decided = draft.fixed[cell] if cell in cells else draft.notes[cell] or []
    known = {note.onset - cell * size: note for note in decided}
    onsets = [step for step in range(size) if pattern >> step & 1]
    steps: dict[int, int] = {}
    for step, after in zip(onsets, [*onsets[1:], size], strict=False):
        pitch = known[step].pitch if step in known else basic
        length = min(known[step].duration, after - step) if step in known else after - step
        steps[pitch] = steps.get(pitch, 0) + length
    return steps.get(basic, 0) > max((value for pitch, value in steps.items() if pitch != basic), default=0)


def _without_disturbance(draft: Draft, notes: list[NoteCell], cells: Collection[int]) -> list[NoteCell]:
    """Return notes with those cut at a cell's end that would take the next, kept cell its basic pitch."""
    size, result = draft.cell_steps, list(notes)
    for index, note in enumerate(notes):
        cell = note.onset // size
        after = (cell + 1) * size
        spills = note.onset + note.duration > after and cell + 1 < draft.cells and not note.lock
        if not spills or cell not in cells or cell + 1 in cells or note.pitch == draft.basics[cell + 1]:
            continue
        held: dict[int, int] = {}
        for other in notes[index : index + size + 1]:
            inside = min(other.onset + other.duration, after + size) - max(other.onset, after)
            if inside > 0:
                held[other.pitch] = held.get(other.pitch, 0) + inside
        if max(held, key=lambda pitch: held[pitch]) != draft.basics[cell + 1]:
            result[index] = dataclasses.replace(note, duration=after - note.onset)
    return result


def _worn_out(histories: IntArray, most: int, classes: int) -> BoolArray:
    """Return ``[B, classes]`` the last token of each history ``[B, t]`` that ends with so many equal ones."""
    rows = np.zeros((len(histories), classes), np.bool_)
    if histories.shape[1] >= most:
        last = histories[:, -most:]
        same = (last == last[:, :1]).all(axis=1)
        rows[np.flatnonzero(same), last[same, 0]] = True
    return rows


def _full_cells(draft: Draft) -> set[int]:
    """Return the cells whose basic pitch is locked: their notes sound to the full, and no note sounds into them."""
    return {cell for cell in range(draft.cells) if "basic_pitch" in draft.locks[cell] and draft.basics[cell]}


def _hard_cells(draft: Draft) -> set[int]:
    return {cell for cell in range(draft.cells) if "basic_pitch" in draft.locks[cell]}


def _longest_fixed(draft: Draft, cell: int) -> int | None:
    """Return the pitch of a fixed note that fills more than half of a cell, or None."""
    start, stop = cell * draft.cell_steps, (cell + 1) * draft.cell_steps
    for row in draft.fixed:
        for note in row:
            if min(note.onset + note.duration, stop) - max(note.onset, start) > draft.cell_steps // 2:
                return note.pitch
    return None
