"""The chords of all phrases: given, taken from the phrase that is repeated, or written; the song ends on its tonic.

Our design. Segments without melody play the chords of their neighbours: intros and interludes those of the phrase that
follows, outros those of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ritornello.frameworks.chance import Chance
from ritornello.frameworks.chords import ChordWriter, last_two
from ritornello.frameworks.draft import Draft, Fate
from ritornello.frameworks.marks import COPIED, NO_MARK, holds, is_from
from ritornello.frameworks.tables import chord_of, symbol_of
from ritornello.score.framework import ChordCell


class PhraseChords:
    """Fills the chords of drafts.

    Args:
        drafts: the phrases of the song.
        writers: a writer for each mode.
        places: the places of the phrases.
    """

    def __init__(self, drafts: Sequence[Draft], writers: Mapping[str, ChordWriter], places: Sequence[Chance]) -> None:
        self.drafts, self.writers, self.places = drafts, writers, places
        self.written: set[int] = set()  # phrases all chords of which were written in this run

    def write(self) -> list[list[Fate]]:
        """Fill all phrases, those with a melody first, and return for each what became of its cells."""
        fates: list[list[Fate]] = [[] for _ in self.drafts]
        order = sorted(range(len(self.drafts)), key=lambda index: not self.drafts[index].phrase.is_melodic)
        for index in order:
            fates[index] = self._phrase(index)
        return fates

    def _phrase(self, index: int) -> list[Fate]:
        draft, place = self.drafts[index], self.places[index].at("chords")
        phrase = draft.phrase
        source = self.drafts[phrase.source] if phrase.source is not None else None
        closes = index == len(self.drafts) - 1
        if source is not None and "chords" in draft.taken:
            draft.ticks = list(source.ticks)
            fates: list[Fate] = ["copy"] * draft.cells
            other_end = draft.ends_section and not source.ends_section
            # Chords that a person gave stay as they are, also in a repeat.
            may_change = phrase.source in self.written and phrase.repeat == "vary" and _is_open(draft)
            return self._ended(draft, fates, closes, place) if may_change and (closes or other_end) else fates
        if all(cell.is_open for cell in draft.ticks):
            before = draft.chords_in
            old = [before(cell) for cell in range(draft.cells)]
            self._lay(draft, self._symbols(index, source, closes, place))
            self.written.add(index)
            return ["draw" if old[cell] != before(cell) else "keep" for cell in range(draft.cells)]
        fates = ["keep"] * draft.cells
        if source is not None and phrase.repeat != "free":
            self._follow(draft, source, fates)
        self._fill(draft, fates, place)
        return fates

    def _symbols(self, index: int, source: Draft | None, closes: bool, place: Chance) -> list[str]:
        """Return one symbol a beat for a phrase without any chords."""
        draft = self.drafts[index]
        writer, tonic = self._writer(draft), draft.tonic
        number = draft.phrase.bars * writer.beats
        neighbour = None if draft.phrase.is_melodic else self._neighbour(index)
        if source is not None and source.phrase.letter == draft.phrase.letter:
            neighbour = source
        if neighbour is None:
            return writer.phrase(draft.phrase.bars, draft.ends_section, closes, place)
        found = [symbol_of(chord, tonic) for chord in neighbour.beats]
        is_outro = not draft.phrase.is_melodic and neighbour.phrase.id < index
        found = found[-number:] if is_outro and len(found) > number else found
        symbols = (found * (number // len(found) + 1))[:number]
        if closes or (draft.phrase.is_melodic and len(found) != number):
            symbols = writer.ending(symbols, draft.ends_section, closes, place.at("ending"))
        return symbols

    def _neighbour(self, index: int) -> Draft | None:
        """Return the next phrase with a melody, else the last one, if it is in the same mode."""
        melodic = [draft for draft in self.drafts if draft.phrase.is_melodic]
        later = [draft for draft in melodic if draft.phrase.id > index]
        found = (later or melodic[-1:] or [None])[0]  # type: ignore[list-item]
        return found if found is not None and found.key.mode == self.drafts[index].key.mode else None

    def _ended(self, draft: Draft, fates: list[Fate], closes: bool, place: Chance) -> list[Fate]:
        """Give copied chords an ending for their place, if nothing in the last bar is locked."""
        tonic = draft.tonic
        symbols = [symbol_of(chord, tonic) for chord in draft.beats]
        writer = self._writer(draft)
        if any(cell.lock for cell in draft.ticks[-draft.beat_ticks * writer.beats :]):
            return fates
        old = [draft.chords_in(cell) for cell in range(draft.cells)]
        self._lay(draft, writer.ending(symbols, draft.ends_section, closes, place.at("ending")), only_changed=True)
        return ["draw" if old[cell] != draft.chords_in(cell) else fate for cell, fate in enumerate(fates)]

    def _follow(self, draft: Draft, source: Draft, fates: list[Fate]) -> None:
        """Copy again what was copied from the source and has changed there."""
        size = draft.cell_steps * draft.step_ticks
        for cell in range(draft.cells):
            known = draft.marks["chords"][cell]
            copied = known != NO_MARK and known.startswith(COPIED) and holds(known, draft.chords_in(cell))
            if copied and not is_from(known, source.chords_in(cell)):
                draft.set_chords(cell * size, (cell + 1) * size, source.ticks[cell * size : (cell + 1) * size])
                fates[cell] = "copy"

    def _fill(self, draft: Draft, fates: list[Fate], place: Chance) -> None:
        """Write a chord into each open chord cell between given ones."""
        writer, tonic = self._writer(draft), draft.tonic
        size = draft.cell_steps * draft.step_ticks
        tick = 0
        while tick < len(draft.ticks):
            if not draft.ticks[tick].is_open:
                tick += 1
                continue
            stop = tick
            while stop < len(draft.ticks) and draft.ticks[stop] is draft.ticks[tick]:
                stop += 1
            given = [symbol_of(cell.chord, tonic) for cell in draft.ticks[:tick] if not cell.is_open]
            before, earlier = last_two(given)
            following = draft.ticks[stop] if stop < len(draft.ticks) else None
            onward = "" if following is None or following.is_open else symbol_of(following.chord, tonic)
            on_bar = tick % (draft.beat_ticks * writer.beats) == 0
            symbol = writer.single(before, earlier, onward, on_bar, place.at("open", tick))
            draft.ticks[tick:stop] = [ChordCell(chord_of(symbol, tonic), 1)] * (stop - tick)
            for cell in range(tick // size, (stop - 1) // size + 1):
                fates[cell] = "draw"
            tick = stop

    def _lay(self, draft: Draft, symbols: Sequence[str], only_changed: bool = False) -> None:
        """Put symbols, one a beat, into a draft as chord cells that end at bar lines."""
        tonic, beat, per_bar = draft.tonic, draft.beat_ticks, self._writer(draft).beats
        cell: ChordCell | None = None
        for place, symbol in enumerate(symbols):
            if only_changed and symbol_of(draft.ticks[place * beat].chord, tonic) == symbol:
                cell = None
                continue
            if cell is None or place % per_bar == 0 or symbol != symbols[place - 1]:
                cell = ChordCell(chord_of(symbol, tonic), 1)
            draft.set_chords(place * beat, (place + 1) * beat, [cell] * beat)

    def _writer(self, draft: Draft) -> ChordWriter:
        return self.writers[draft.key.mode]


def _is_open(draft: Draft) -> bool:
    return all(row is None for row in draft.notes)
