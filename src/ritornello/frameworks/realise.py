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
from ritornello.frameworks.contour import contour_errors, in_semitones
from ritornello.frameworks.draft import Draft
from ritornello.frameworks.features import CLASSES, UNKNOWN, Features, basic_features, melody_features, rhythm_features
from ritornello.frameworks.masks import rhythm_allowed
from ritornello.frameworks.memory import SongMemory
from ritornello.frameworks.search import WIDTH, beam_search
from ritornello.frameworks.tables import (
    Tables,
    duration_contexts,
    final_contexts,
    place_name,
    root_of,
    symbol_of,
)
from ritornello.score.framework import NoteCell

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

RHYTHM_WIDTH, MELODY_WIDTH = 4, 6
"""Beams of the rhythm and of the notes."""

LOWEST, HIGHEST = 45, 88
"""Pitches in C that are written; people sing no others."""

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
    melody_temperature: float = 0.8
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
        closing: the place of what decides how phrases end.
    """

    def __init__(self, memory: SongMemory, tables: Tables, settings: Settings, closing: Chance) -> None:
        self.memory, self.tables, self.settings, self.closing = memory, tables, settings, closing

    # --- rhythm -----------------------------------------------------------------------------------------------------

    def draw_patterns(
        self, draft: Draft, cells: Collection[int], chance: Chance, other_than: Mapping[int, int] | None = None
    ) -> None:
        """Draw the onset patterns of some cells after their rhythm form.

        Args:
            draft: the phrase; its other patterns are decided.
            cells: the cells.
            chance: the place of this layer of the phrase.
            other_than: a pattern that a cell must not have.
        """
        if not cells:
            return
        units = _Units(draft)
        labels, counts = units.form()
        features = rhythm_features(draft.plan, labels, counts)
        needed, barred = _bits_of_fixed(draft)
        banned = other_than or {}

        def allowed(histories: IntArray) -> BoolArray:
            unit = histories.shape[1]
            cell, offset, size = units.places[unit]
            mask = (1 << size) - 1
            if cell not in cells:
                return _only((draft.patterns[cell] or 0) >> offset & mask, len(histories), CLASSES["rhythm"])
            classes = np.arange(CLASSES["rhythm"])
            must, must_not = needed[cell] >> offset & mask, barred[cell] >> offset & mask
            possible = (classes & must == must) & (classes & must_not == 0) & (classes <= mask)
            if units.per_cell == 1 and cell in banned and int(possible.sum()) > 1:
                possible &= classes != banned[cell]
            rows = _first_possible(rhythm_allowed(features, histories) & possible, _by_count(features, unit) & possible)
            if units.per_cell > 1 and draft.onsets[cell] is not None:
                rows = units.with_count(rows, histories, cell, draft.onsets[cell] or 0)
            return _first_possible(rows, np.broadcast_to(possible, rows.shape))

        found = beam_search(
            self.memory.networks.rhythm, features, self.memory.of("rhythm"), allowed, chance,
            width=RHYTHM_WIDTH, temperature=self.settings.rhythm_temperature,
        )  # fmt: skip
        for cell in cells:
            draft.patterns[cell] = units.pattern(found, cell)

    # --- basic melody -----------------------------------------------------------------------------------------------

    def draw_basics(
        self, draft: Draft, cells: Collection[int], chance: Chance, other_than: Mapping[int, int] | None = None
    ) -> None:
        """Draw the basic pitches of some cells by beam search, along the contour where one is drawn.

        Args:
            draft: the phrase; its patterns and its other basic pitches are decided.
            cells: the cells.
            chance: the place of this layer of the phrase.
            other_than: a pitch that a cell must not have.
        """
        if not cells:
            return
        classes = np.arange(CLASSES["basic"])
        sung = (classes >= LOWEST) & (classes <= HIGHEST)
        banned = other_than or {}
        heard = np.cumsum([pattern or 0 for pattern in draft.patterns]) > 0

        def allowed(histories: IntArray) -> BoolArray:
            cell = histories.shape[1]
            if cell not in cells:
                return _only(draft.basics[cell] or 0, len(histories), len(classes))
            if not heard[cell]:
                return _only(0, len(histories), len(classes))
            held = _longest_fixed(draft, cell)
            if held is not None:
                return _only(held, len(histories), len(classes))
            if not draft.patterns[cell] and cell:  # the last note sounds on
                return np.asarray(histories[:, -1:] == classes[None, :])
            possible = sung & (classes != banned.get(cell, -1))
            return np.broadcast_to(possible, (len(histories), len(classes)))

        final = self._final(draft, cells)

        def allowed_to_close(histories: IntArray) -> BoolArray:
            rows = allowed(histories)
            if final is None or histories.shape[1] != final[0]:
                return rows
            return _first_possible(rows & (classes % 12 == final[1]), rows)

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
        """Draw the notes of some cells; patterns and basic pitches are decided, and so are all other notes."""
        if not cells:
            return
        notes = self._timed(draft, cells, chance)
        if notes:
            onsets, durations = [note.onset for note in notes], [note.duration for note in notes]
            basics = [UNKNOWN if pitch is None else pitch for pitch in draft.basics]
            features = melody_features(draft.plan, onsets, durations, basics)
            final = self._final(draft, cells)
            guard = BasicGuard(notes, basics, draft.cell_steps, _hard_cells(draft))
            classes = np.arange(CLASSES["melody"])
            sung = (classes >= LOWEST) & (classes <= HIGHEST)

            def allowed(histories: IntArray) -> BoolArray:
                pitch = notes[histories.shape[1]].pitch
                if pitch:
                    return _only(pitch, len(histories), len(classes))
                rows = np.stack([_first_possible(guard.allowed(row) & sung, sung) for row in histories])
                if final is None or histories.shape[1] < len(notes) - 1:
                    return rows
                return _first_possible(rows & (classes % 12 == final[1]), rows)

            pitches = beam_search(
                self.memory.networks.melody, features, self.memory.of("melody"), allowed, chance,
                width=MELODY_WIDTH, temperature=self.settings.melody_temperature,
            )  # fmt: skip
            notes = [dataclasses.replace(note, pitch=pitch) for note, pitch in zip(notes, pitches, strict=True)]
        rows: list[list[NoteCell] | None] = [[] for _ in range(draft.cells)]
        for note in notes:
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
            before_new = following is not None and following.onset // draft.cell_steps in cells
            if not is_fixed and (cell in cells or before_new):
                length = end - note.onset
                if cell not in full:
                    length = self._length(draft, length, following is None, chance.at("length", note.onset))
                length = _cut_at_silence(draft, note.onset, length)
            result.append(dataclasses.replace(note, duration=max(1, length)))
        return result

    def _final(self, draft: Draft, cells: Collection[int]) -> tuple[int, int] | None:
        """Return the cell of the phrase's last note and the pitch class that is to end it, if that cell is drawn.

        The pitch class is drawn from counts of endings and belongs to the phrase, not to the layer that asks.
        """
        last = max((cell for cell in range(draft.cells) if draft.patterns[cell]), default=-1)
        if last not in cells:
            return None
        mode, tonic = draft.key.mode, 0 if draft.key.mode == "major" else 9
        step = last * draft.cell_steps + (draft.patterns[last] or 0).bit_length() - 1
        root = root_of(symbol_of(draft.beats[step // draft.steps_per_beat], tonic))
        items, weights = self.tables["final"].distribution(*final_contexts(mode, place_name(draft.ends_section), root))
        if not items:
            return None
        return last, (int(items[self.closing.at(draft.phrase.id).draw(weights)]) + tonic) % 12

    def _length(self, draft: Draft, wait: int, is_last: bool, chance: Chance) -> int:
        if wait <= LONG_WAIT_BEATS * draft.steps_per_beat and not is_last:
            return wait
        place = place_name(draft.ends_section) if is_last else "inside"
        items, weights = self.tables["duration"].distribution(*duration_contexts(draft.steps_per_bar, wait, place))
        return min(wait, int(items[chance.draw(weights)])) if items else wait


def _cut_at_silence(draft: Draft, onset: int, length: int) -> int:
    """Return a note's length, cut where a cell begins that is to be silent or cannot keep its pitch otherwise."""
    for cell in range(onset // draft.cell_steps + 1, draft.cells):
        start = cell * draft.cell_steps
        if start >= onset + length:
            break
        if draft.basics[cell] == 0 or (cell in _full_cells(draft) and draft.patterns[cell]):
            return start - onset
    return length


def _full_cells(draft: Draft) -> set[int]:
    """Return the cells whose basic pitch is locked: their notes sound to the full, and no note sounds into them."""
    return {cell for cell in range(draft.cells) if "basic_pitch" in draft.locks[cell] and draft.basics[cell]}


def _hard_cells(draft: Draft) -> set[int]:
    return {cell for cell in range(draft.cells) if "basic_pitch" in draft.locks[cell]}


def _only(token: int, beams: int, classes: int) -> BoolArray:
    row = np.zeros((beams, classes), np.bool_)
    row[:, token] = True
    return row


def _first_possible(wanted: BoolArray, otherwise: BoolArray) -> BoolArray:
    """Return the wanted rows; those without any class give way to the others."""
    return np.where(wanted.any(axis=-1, keepdims=True), wanted, otherwise)


def _by_count(features: Features, unit: int) -> BoolArray:
    """Return which patterns have a unit's number of onsets, all if none is given."""
    counts = np.array([pattern.bit_count() for pattern in range(CLASSES["rhythm"])])
    wanted = int(features.complexities[unit])
    return np.ones(len(counts), np.bool_) if wanted == UNKNOWN else counts == wanted


def _longest_fixed(draft: Draft, cell: int) -> int | None:
    """Return the pitch of a fixed note that fills more than half of a cell, or None."""
    start, stop = cell * draft.cell_steps, (cell + 1) * draft.cell_steps
    for row in draft.fixed:
        for note in row:
            if min(note.onset + note.duration, stop) - max(note.onset, start) > draft.cell_steps // 2:
                return note.pitch
    return None


def _bits_of_fixed(draft: Draft) -> tuple[list[int], list[int]]:
    """Return for each cell the onsets that fixed notes and locked pitches need, and those that they rule out."""
    size = draft.cell_steps
    needed, barred = [0] * draft.cells, [0] * draft.cells
    for row in draft.fixed:
        for note in row:
            needed[note.onset // size] |= 1 << note.onset % size
            for step in range(note.onset + 1, note.onset + note.duration):
                barred[step // size] |= 1 << step % size
    for cell in range(draft.cells):
        if "basic_pitch" in draft.locks[cell] and not draft.basics[cell]:
            barred[cell] = (1 << size) - 1
    return needed, barred


class _Units:
    """The rhythm units of a draft's cells: one of each in 4/4, several in a bar of 3/4."""

    def __init__(self, draft: Draft) -> None:
        size = draft.cell_steps
        self.draft = draft
        self.places = [(start // size, start % size, steps) for start, steps in draft.plan.units]
        self.per_cell = len(self.places) // max(1, draft.cells)

    def form(self) -> tuple[list[int], list[int]]:
        """Return labels and numbers of onsets of the units, UNKNOWN where the cells do not tell."""
        labels, counts = [], []
        for unit, (cell, _, _) in enumerate(self.places):
            label, count = self.draft.labels[cell], self.draft.onsets[cell]
            if self.per_cell == 1:
                labels.append(UNKNOWN if label is None else label)
                counts.append(UNKNOWN if count is None else count)
            else:
                repeats = label is not None and label < cell
                labels.append((label or 0) * self.per_cell + unit % self.per_cell if repeats else UNKNOWN)
                counts.append(UNKNOWN)
        return labels, counts

    def with_count(self, rows: BoolArray, histories: IntArray, cell: int, wanted: int) -> BoolArray:
        """Return what leaves a cell of several units its number of onsets; the rows as they are where nothing does."""
        unit = histories.shape[1]
        own = [i for i, place in enumerate(self.places) if place[0] == cell]
        room = sum(self.places[i][2] for i in own if i > unit)
        done = np.zeros(len(histories), np.int64)
        for i in own:
            if i < unit:
                done += [int(token).bit_count() for token in histories[:, i]]
        counts = np.array([pattern.bit_count() for pattern in range(rows.shape[1])])
        left = wanted - done[:, None] - counts[None, :]
        return _first_possible(rows & (left >= 0) & (left <= room), rows)

    def pattern(self, tokens: list[int], cell: int) -> int:
        """Return the pattern of a cell from those of its units."""
        own = ((place, token) for place, token in zip(self.places, tokens, strict=True) if place[0] == cell)
        return sum(token << offset for (_, offset, _), token in own)
