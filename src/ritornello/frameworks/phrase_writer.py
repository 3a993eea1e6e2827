"""All phrases of one song, layer by layer: what each cell is (kept, copied or drawn anew), then its content.

Our design. A cell is *kept* if it is locked, given or as an earlier run made it; *copied* if the phrase takes it from
the one it repeats; *drawn* if it is open or an edit has changed what it was made from (`marks`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from ritornello.frameworks.chance import Chance
from ritornello.frameworks.chords import ChordWriter
from ritornello.frameworks.closing import Closing
from ritornello.frameworks.draft import Draft, Fate, draft_of, finished
from ritornello.frameworks.locks import broken_lock, check_locks
from ritornello.frameworks.marks import COPIED, LAYERS, NO_MARK, OWN, Layer, holds, is_from, mark
from ritornello.frameworks.memory import SongMemory
from ritornello.frameworks.pattern_masks import PatternMasks
from ritornello.frameworks.phrase_chords import PhraseChords
from ritornello.frameworks.pretrained import FrameworkNetworks
from ritornello.frameworks.realise import Realiser, Settings
from ritornello.frameworks.regenerate import Before
from ritornello.frameworks.repeats import Variation, goal_of, likeness, varied
from ritornello.frameworks.rhythm_form import draw_rhythm_form
from ritornello.frameworks.tables import Tables
from ritornello.score import Key
from ritornello.score.framework import Framework, FrameworkPhrase

MOST_OTHER_AGREEMENT = 0.25
"""Phrases of different letters that agree more than this are drawn again."""

TRIES = 4
"""Times that a phrase is drawn to stay below it, and to honour its locks."""

_LOCK_ITEM: dict[Layer, str] = {"rhythm": "onset_pattern", "basic": "basic_pitch"}


class PhraseWriter:
    """Writes the phrases of one song.

    Args:
        framework: the plan.
        networks: the networks.
        tables: the counts.
        settings: see `Settings`.
        chance: the song's place.
        again: for phrases that a person asked for anew, what they were.

    Attributes:
        redrawn: for each layer the cells ``(phrase, cell)`` that were drawn in this run.
        warnings: what could not be done as wished.
    """

    def __init__(
        self,
        framework: Framework,
        networks: FrameworkNetworks,
        tables: Tables,
        settings: Settings,
        chance: Chance,
        again: dict[int, Before],
    ) -> None:
        self.framework, self.tables, self.again = framework, tables, again
        self.memory = SongMemory(networks)
        self.realiser = Realiser(self.memory, tables, settings, Closing(tables, chance.at("closing")))
        self.drafts = [draft_of(framework, index, Key(0)) for index in range(len(framework.phrases))]
        check_locks(self.drafts)
        self.places = [chance.at(i, again[i].digest if i in again else "") for i in range(len(self.drafts))]
        self.redrawn: dict[Layer, list[tuple[int, int]]] = {layer: [] for layer in LAYERS}

    def write(self, progress: Callable[[int], None]) -> tuple[FrameworkPhrase, ...]:
        """Return the phrases with everything decided.

        Args:
            progress: called with the number of phrases done.

        Raises:
            ArgumentError: if locks contradict each other.
        """
        beats = self.framework.beats_per_bar
        modes: set[str] = {draft.key.mode for draft in self.drafts}
        writers = {mode: ChordWriter(self.tables, mode, beats) for mode in modes}
        fates = PhraseChords(self.drafts, writers, self.places).write()
        for index, row in enumerate(fates):
            self._mark(self.drafts[index], self._source(index), "chords", row)
            self.redrawn["chords"] += [(index, cell) for cell, fate in enumerate(row) if fate == "draw"]
        for index, draft in enumerate(self.drafts):
            if draft.phrase.is_melodic:
                self._melody(index)
                self.memory.add(self.drafts[index])
            progress(index + 1)
        return tuple(finished(draft) for draft in self.drafts)

    def _source(self, index: int) -> Draft | None:
        """Return the phrase that one repeats, or None; a repeat of another length is one too."""
        phrase = self.drafts[index].phrase
        if phrase.source is None:
            return None
        source = self.drafts[phrase.source]
        same_letter = source.phrase.letter == phrase.letter
        other_length = source.phrase.bars != phrase.bars and same_letter
        return source if phrase.repeat != "free" or other_length else None

    # --- one phrase -------------------------------------------------------------------------------------------------

    def _melody(self, index: int) -> None:
        plan, source, place = self.drafts[index], self._source(index), self.places[index]
        is_new = all(row is None for row in plan.notes) and not any(plan.fixed)
        best: tuple[float, Draft] | None = None
        for attempt in range(TRIES):
            here = place.at(attempt)

            def write(variation: Variation, here: Chance = here) -> Draft:
                return self._written(copy.deepcopy(plan), source, variation, here)

            # The last try leaves the source as it is: what honours its locks there honours them here.
            if source is not None and is_new and plan.phrase.repeat != "copy" and attempt < TRIES - 1:
                named = set(plan.locked_labels.values())
                free = {c for c in range(plan.cells) if not plan.locks[c] and not plan.fixed[c] and c not in named}
                written = varied(source, plan, goal_of(here, index in self.again), free, here, write)
            else:
                written = write(Variation())
            broken = broken_lock(plan, written)
            cost = 10.0 if broken else self._other_agreement(index, written) if is_new and source is None else 0.0
            cost += self._is_as_before(index, written)
            if best is None or cost < best[0]:
                best = (cost, written)
            if cost <= MOST_OTHER_AGREEMENT:
                break
        assert best is not None
        broken = broken_lock(plan, best[1])
        if broken is not None:
            raise broken
        self.drafts[index] = best[1]
        for layer, row in best[1].fates.items():
            self._mark(best[1], source, layer, row)
            self.redrawn[layer] += [(index, cell) for cell, fate in enumerate(row) if fate == "draw"]

    def _is_as_before(self, index: int, written: Draft) -> bool:
        """Return whether a phrase that was asked for anew came out as it was."""
        notes = tuple((note.onset, note.pitch - written.shift) for note in written.flat_notes())
        return index in self.again and notes == self.again[index].notes

    def _other_agreement(self, index: int, written: Draft) -> float:
        """Return the largest agreement with an earlier phrase of another letter."""
        letter = written.phrase.letter
        others = [
            other
            for other in self.drafts[:index]
            if other.phrase.is_melodic and (other.phrase.letter != letter or letter == "X")
        ]
        return max((likeness(written, other) for other in others), default=0.0)

    def _written(self, draft: Draft, source: Draft | None, variation: Variation, place: Chance) -> Draft:
        """Return a draft with every layer decided."""
        layers = (("rhythm", variation.rhythm), ("basic", variation.basic), ("melody", variation.cells))
        layer: Layer
        for layer, changed in layers:  # type: ignore[assignment]
            row = [self._fate(draft, source, layer, cell) for cell in range(draft.cells)]
            if layer == "melody" and draft.phrase.id in self.again and all(notes is None for notes in draft.notes):
                changed = frozenset(range(draft.cells))  # the notes are wanted anew, whatever stays beneath them
            for cell in changed:
                row[cell] = "draw" if row[cell] == "copy" else row[cell]
            if layer != "rhythm":
                row = ["draw" if f == "copy" and not _fits(draft, source, layer, c) else f for c, f in enumerate(row)]
            if layer == "melody":
                for cell in _held_on(draft):
                    row[cell] = "draw" if row[cell] == "copy" else row[cell]
            draft.fates[layer] = row
            if layer == "rhythm" and source is not None:
                row[:] = _drawn_for_locks(draft, source, row)
            for cell, fate in enumerate(row):
                if fate == "copy" and source is not None:
                    _copy(draft, source, layer, cell)
            drawn = {cell for cell, fate in enumerate(row) if fate == "draw"}
            self._draw(draft, source, layer, drawn, changed, place)
        draft.derive_from_notes()
        return draft

    def _fate(self, draft: Draft, source: Draft | None, layer: Layer, cell: int) -> Fate:
        if _LOCK_ITEM.get(layer) in draft.locks[cell]:
            return "keep"
        inherits = source is not None and cell < source.cells
        if layer in draft.taken and inherits and (layer != "melody" or draft.phrase.repeat == "copy"):
            return "copy"
        if draft.content(layer, cell) is None or (layer == "melody" and draft.notes[cell] is None):
            asked = layer == "rhythm" and draft.locks[cell] & {"rhythm_label", "complexity"}
            alike = inherits and all(row is None for row in draft.notes) and not draft.fixed[cell] and not asked
            return "copy" if alike else "draw"
        known = draft.marks[layer][cell]
        if not holds(known, draft.content(layer, cell)):
            # A person gave it or changed it; notes give way to locks that they do not fit.
            return "draw" if layer == "melody" and not _fits_locks(draft, cell) else "keep"
        if known.startswith(COPIED) and source is not None and inherits:
            return "keep" if is_from(known, draft.copied_ingredients(layer, cell, source)) else "copy"
        return "keep" if is_from(known, draft.own_ingredients(layer, cell)) else "draw"

    def _draw(
        self,
        draft: Draft,
        source: Draft | None,
        layer: Layer,
        cells: set[int],
        changed: frozenset[int],
        place: Chance,
    ) -> None:
        here = place.at(layer)
        if layer == "rhythm":
            banned = {}
            for cell in cells & changed:
                assert source is not None
                draft.labels[cell] = None
                if draft.ends_section != source.ends_section and cell >= draft.cells - draft.cells_per_bar:
                    draft.onsets[cell] = None  # an ending for another place is no variation of the old one
                    continue
                pattern = source.patterns[cell] or 0
                if not pattern:
                    draft.onsets[cell] = 0  # rests stay
                    continue
                banned[cell] = pattern
                drift = (-1, 0, 0, 1)[int(here.at("drift", cell).uniform() * 4)]
                draft.onsets[cell] = max(1, pattern.bit_count() + drift)
            known = [None if cell in cells & changed else draft.labels[cell] for cell in range(draft.cells)]
            counts = [
                pattern.bit_count() if pattern is not None and cell not in cells else draft.onsets[cell]
                for cell, pattern in enumerate(draft.patterns)
            ]
            closing = self.realiser.closing.step(draft, cells)
            if closing is not None:
                last = closing // draft.cell_steps
                counts[last + 1 :] = [0] * (draft.cells - last - 1)
            if cells:
                labels, onsets = draw_rhythm_form(
                    self.tables, known, counts, draft.steps_per_bar, draft.cell_steps, draft.ends_section, here,
                    self._family(draft) if source is None else (),
                )  # fmt: skip
                for cell in cells:
                    draft.labels[cell] = None if cell in changed else labels[cell]
                    draft.onsets[cell] = onsets[cell]
            self.realiser.draw_patterns(draft, cells, here, banned, closing)
        elif layer == "basic":
            banned = {cell: source.basics[cell] or 0 for cell in cells & changed if source is not None}
            self.realiser.draw_basics(draft, cells, here, banned)
        else:
            self.realiser.draw_notes(draft, cells, here)

    def _family(self, draft: Draft) -> list[int]:
        """Return the onsets a cell of the song's first phrase with a melody, if that comes before."""
        first = next(other for other in self.drafts if other.phrase.is_melodic)
        return [count or 0 for count in first.onsets] if first.phrase.id < draft.phrase.id else []

    def _mark(self, draft: Draft, source: Draft | None, layer: Layer, row: list[Fate]) -> None:
        """Renew the marks of a layer whose content is final."""
        for cell, fate in enumerate(row):
            known = draft.marks[layer][cell]
            kind = {"copy": COPIED, "draw": OWN}.get(fate, known[0])
            if fate == "keep" and not holds(known, draft.content(layer, cell)):
                kind = NO_MARK
            if kind == OWN and source is not None and cell < source.cells and draft.phrase.repeat != "free":
                # What was drawn and came out as the source has it is shared with the source, and follows it.
                same = draft.content(layer, cell) == source.content(layer, cell)
                kind = COPIED if same and (layer == "chords" or _fits(draft, source, layer, cell)) else OWN
            if kind == COPIED and source is not None and cell < source.cells:
                text = mark(COPIED, draft.copied_ingredients(layer, cell, source), draft.content(layer, cell))
            elif kind == NO_MARK:
                text = NO_MARK
            else:
                text = mark(OWN, draft.own_ingredients(layer, cell), draft.content(layer, cell))
            draft.marks[layer][cell] = text


def _fits(draft: Draft, source: Draft | None, layer: Layer, cell: int) -> bool:
    """Return whether a cell of the source can be copied: over the same chords and, for notes, the same framework."""
    if source is None or cell >= source.cells or draft.chords_in(cell) != source.chords_in(cell):
        return False
    if layer in ("rhythm", "basic"):
        return True
    same = (draft.patterns[cell], draft.basics[cell]) == (source.patterns[cell], source.basics[cell])
    return same and not draft.fixed[cell]


def _drawn_for_locks(draft: Draft, source: Draft, row: list[Fate]) -> list[Fate]:
    """Return fates of the rhythm, with cells drawn where the source's pattern leaves no room for locks."""
    copied = {cell for cell, fate in enumerate(row) if fate == "copy"}
    masks = PatternMasks(draft, {cell for cell, fate in enumerate(row) if fate != "keep"}, {})
    for cell in copied:
        asked = cell in draft.locked_labels
        if asked or not masks.fits(cell, source.patterns[cell] or 0):
            row[cell] = "draw"
    return row


def _held_on(draft: Draft) -> set[int]:
    """Return the cells whose last note must sound on through silent ones, because a pitch is locked there."""
    found, sounding = set(), -1
    for cell in range(draft.cells):
        if draft.patterns[cell]:
            sounding = cell
        elif sounding >= 0 and draft.basics[cell] and "basic_pitch" in draft.locks[cell]:
            found.add(sounding)
    return found


def _copy(draft: Draft, source: Draft, layer: Layer, cell: int) -> None:
    if layer == "rhythm":
        draft.patterns[cell] = source.patterns[cell]
        draft.labels[cell] = None
        draft.onsets[cell] = source.onsets[cell]
    elif layer == "basic":
        draft.basics[cell] = source.basics[cell]
    else:
        draft.notes[cell] = list(source.notes[cell] or ())


def _fits_locks(draft: Draft, cell: int) -> bool:
    """Return whether the given notes of a cell have the pattern that is locked there."""
    if "onset_pattern" not in draft.locks[cell]:
        return True
    return sum(1 << onset for onset, _ in draft.notes_in(cell)) == draft.patterns[cell]
