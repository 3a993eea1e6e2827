"""The statistical models of one song, each with back-off to a prior learned from many.

Our design (CARD.md, "How it works"). Contexts know the letter of the phrase (a verse keeps the verse's rhythms), a bar
may repeat an earlier bar of its phrase (a motif comes back), and a note's pitch is drawn from the product of three
distributions: interval after interval, pitch class in the chord, distance from the basic pitch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.analysis.segments import basic_pitches, pattern_of
from ritornello.imitation.contexts import (
    MAX_INTERVAL,
    START,
    Contexts,
    Place,
    clip_interval,
    last_section_end,
    place_of,
    position_of,
    weight_of,
)
from ritornello.imitation.data import NO_CHORD, ChordSymbol, IntArray, PhraseEvents, SongEvents
from ritornello.imitation.tables import Context, CountTable, FloatArray, Mixture

TABLE_NAMES = (
    "rhythm", "duration", "basic", "interval", "in_chord", "offset", "bar_reuse", "chord_reuse", "chord_mask", "chord",
    "ending", "final_degree",
)  # fmt: skip

REUSE_LAGS = (1, 2, 4, 8)
"""How many bars back a bar may repeat another."""

ENDING_WEIGHT = 24.0
"""What the prior's cadence table weighs against the seed's, in endings: a song has few, and a habit takes more."""

Tables = dict[str, CountTable]


def empty_tables() -> Tables:
    """Return one empty table for each model."""
    return {name: CountTable() for name in TABLE_NAMES}


def count_song(events: SongEvents, tables: Tables, is_prior: bool, every_segment: bool = False) -> None:
    """Add a song's counts to tables, in the contexts of the seed or of the prior.

    The melody is counted in melodic phrases; with ``every_segment`` wherever there are notes.
    """
    contexts = Contexts(events.metre, events.mode, is_prior)
    last = last_section_end(phrase.phrase for phrase in events.phrases)
    for phrase in events.phrases:
        place = place_of(phrase.phrase, last)
        _count_chords(events, phrase, tables, contexts, place)
        if (phrase.phrase.is_melodic or every_segment) and len(phrase.onsets):
            _count_melody(events, phrase, tables, contexts, place)


def _count_melody(events: SongEvents, phrase: PhraseEvents, tables: Tables, contexts: Contexts, place: Place) -> None:
    grid, letter = events.grid, phrase.phrase.letter
    size, steps = grid.segment_steps, phrase.phrase.bars * grid.steps_per_bar
    segments = steps // size
    basics = basic_pitches(phrase.onsets, phrase.durations, phrase.pitches, steps, size)
    before_pattern, before_basic = -1, START
    for segment in range(segments):
        position = position_of(segment, segments, place)
        pattern = pattern_of(phrase.onsets, segment * size, size)
        tables["rhythm"].add(contexts.rhythm(letter, before_pattern, position), pattern)
        before_pattern = pattern
        basic = basics[segment]
        if basic is not None and pattern:
            root = phrase.chords[min(segment * size // grid.steps_per_beat, len(phrase.chords) - 1)][0]
            tables["basic"].add(contexts.basic(letter, before_basic, root, position), basic)
            before_basic = basic
    waits = np.diff(np.append(phrase.onsets, steps))
    before = START
    for index, (onset, duration, pitch) in enumerate(
        zip(phrase.onsets.tolist(), phrase.durations.tolist(), phrase.pitches.tolist(), strict=True)
    ):
        last = index == len(phrase.onsets) - 1
        wait = int(waits[index])
        tables["duration"].add(contexts.duration(letter, wait, place if last else "inside"), min(duration, wait))
        chord = phrase.chords[min(onset // grid.steps_per_beat, len(phrase.chords) - 1)]
        weight = weight_of(onset, wait, grid.steps_per_beat, size)
        if chord != NO_CHORD:
            reference = (pitch - chord[0]) % 12
            tables["in_chord"].add(contexts.in_chord(chord, weight), reference)
        basic = basics[onset // size]
        if basic is not None:
            tables["offset"].add(contexts.offset(weight), clip_interval(pitch - basic))
        if index:
            interval = clip_interval(pitch - int(phrase.pitches[index - 1]))
            tables["interval"].add(contexts.interval(letter, before), interval)
            before = interval
    if place != "free" and letter != "X":
        root = phrase.chords[min(int(phrase.onsets[-1]) // grid.steps_per_beat, len(phrase.chords) - 1)][0]
        tables["final_degree"].add(contexts.final_degree(place, root), int(phrase.pitches[-1]) % 12)
    for bar, relation in enumerate(bar_relations(phrase, grid.steps_per_bar)):
        if bar:
            tables["bar_reuse"].add(contexts.reuse(letter, bar, phrase.phrase.bars), relation)


def _count_chords(events: SongEvents, phrase: PhraseEvents, tables: Tables, contexts: Contexts, place: Place) -> None:
    letter, beats = phrase.phrase.letter, events.grid.beats_per_bar
    bars = [phrase.chords[start : start + beats] for start in range(0, len(phrase.chords), beats)]
    if all(symbol == NO_CHORD for symbol in phrase.chords):
        return
    before: ChordSymbol = NO_CHORD
    before_mask = 0
    roots: list[int] = []
    for bar, symbols in enumerate(bars):
        mask = chord_mask(symbols)
        tables["chord_mask"].add(contexts.chord_mask(letter, bar, before_mask, bar == len(bars) - 1), mask)
        before_mask = mask
        for beat, symbol in enumerate(symbols):
            if mask >> beat & 1:
                tables["chord"].add(contexts.chord(letter, before, beat == 0), symbol)
                before = symbol
                if symbol != NO_CHORD and (not roots or roots[-1] != symbol[0]):
                    roots.append(symbol[0])
        if bar:
            lags = [lag for lag in REUSE_LAGS if lag <= bar and bars[bar - lag] == symbols]
            tables["chord_reuse"].add(contexts.reuse(letter, bar, len(bars)), max(lags, default=0))
    if place != "free" and letter != "X" and roots:
        before_root = roots[-2] if len(roots) > 1 else START
        tables["ending"].add(contexts.ending(place, before_root), roots[-1])


def chord_mask(symbols: Sequence[ChordSymbol]) -> int:
    """Return the beats of a bar on which a chord starts, as bits; the first beat always counts as one."""
    mask = 1
    for beat in range(1, len(symbols)):
        mask |= (symbols[beat] != symbols[beat - 1]) << beat
    return mask


def bar_relations(phrase: PhraseEvents, steps_per_bar: int) -> list[tuple[str, int]]:
    """Return for each bar of a phrase how it repeats an earlier one: (kind, bars back).

    Kinds are "exact" (same notes), "transposed" (same rhythm, same directions, steps alike to two semitones), "rhythm"
    and "new" (0 bars back). The longest of equal lags is taken: phrases repeat in twos and fours.
    """
    bars: list[tuple[list[int], list[int]]] = []
    for start in range(0, phrase.phrase.bars * steps_per_bar, steps_per_bar):
        inside = (phrase.onsets >= start) & (phrase.onsets < start + steps_per_bar)
        bars.append(((phrase.onsets[inside] - start).tolist(), phrase.pitches[inside].tolist()))
    relations: list[tuple[str, int]] = []
    for bar, (onsets, pitches) in enumerate(bars):
        found = ("new", 0)
        for wanted in ("exact", "transposed", "rhythm"):
            lags = [
                lag
                for lag in REUSE_LAGS
                if lag <= bar and onsets and _is_relation(wanted, bars[bar - lag], (onsets, pitches))
            ]
            if lags:
                found = (wanted, max(lags))
                break
        relations.append(found)
    return relations


def _is_relation(kind: str, old: tuple[list[int], list[int]], new: tuple[list[int], list[int]]) -> bool:
    if old[0] != new[0]:
        return False
    if kind == "exact":
        return old[1] == new[1]
    if kind == "transposed":
        steps = list(zip(np.diff(old[1]).tolist(), np.diff(new[1]).tolist(), strict=True))
        return len(steps) >= 2 and all(np.sign(a) == np.sign(b) and abs(a - b) <= 2 for a, b in steps)
    return len(new[0]) >= 2


def _longest_repetition(pitches: IntArray) -> int:
    """Return the most notes in a row with the same pitch, at least 2."""
    longest, length = 2, 1
    for same in (np.diff(pitches) == 0).tolist():
        length = length + 1 if same else 1
        longest = max(longest, length)
    return longest


class SongModel:
    """All models of one seed, mixed with the prior at one strength.

    Args:
        events: the seed.
        prior: the prior's tables, or None.
        strength: λ, 0..1.
        every_segment: learn the melody from all segments that have notes, not from the melodic ones alone.
    """

    def __init__(self, events: SongEvents, prior: Tables | None, strength: float, every_segment: bool = False) -> None:
        self.events = events
        self.strength = strength
        self.contexts = Contexts(events.metre, events.mode, is_prior=False)
        self.prior_contexts = Contexts(events.metre, events.mode, is_prior=True)
        self.tables = empty_tables()
        self.prior = prior
        count_song(events, self.tables, is_prior=False, every_segment=every_segment)
        pitches = [int(p) for phrase in events.phrases for p in phrase.pitches]
        self.lowest, self.highest = min(pitches), max(pitches)
        self.longest_repetition = max(_longest_repetition(phrase.pitches) for phrase in events.phrases)
        self.pitches = np.arange(self.lowest, self.highest + 1)
        self._mixtures: dict[str, Mixture] = {}
        self._known: dict[tuple[str, tuple[object, ...]], FloatArray] = {}
        self._interval_tensors: dict[str, FloatArray] = {}

    def mixture(self, name: str) -> Mixture:
        """Return the mixture of one model over the items known to the seed or the prior."""
        found = self._mixtures.get(name)
        if found is None:
            prior = self.prior[name] if self.prior is not None else None
            found = self._mixtures[name] = Mixture(
                self.tables[name], prior, self._vocabulary(name, prior), self.strength
            )
        return found

    def probabilities(self, name: str, *arguments: object) -> FloatArray:
        """Return the distribution of a model for the arguments of its method in `Contexts`."""
        found = self._known.get((name, arguments))
        if found is None:
            own = getattr(self.contexts, _CONTEXT_NAMES.get(name, name))(*arguments)
            other = getattr(self.prior_contexts, _CONTEXT_NAMES.get(name, name))(*arguments)
            found = self._known[(name, arguments)] = self.mixture(name).probabilities(own, other)
        return found

    def ending_ratio(self, name: str, place: Place, given: int, item: int) -> float:
        """Return the cadence table's probability of an ending, seed and prior mixed by `ENDING_WEIGHT`."""
        own = self.tables[name].counts.get((place, given), {})
        total = sum(own.values())
        prior = self.prior[name] if self.prior is not None else None
        expected = 0.0
        if prior is not None:
            for context in getattr(self.prior_contexts, name)(place, given):
                row = prior.counts.get(context)
                if row and sum(row.values()) >= 10:
                    expected = row.get(item, 0.0) / sum(row.values())
                    break
            return (own.get(item, 0.0) + ENDING_WEIGHT * expected + 1e-6) / (total + ENDING_WEIGHT)
        return (own.get(item, 0.0) + 1e-3) / (total + 1e-2)

    def interval_tensor(self, letter: str) -> FloatArray:
        """Return ``(before + 1, 25)`` probabilities of an interval after each interval; the last row is the start."""
        found = self._interval_tensors.get(letter)
        if found is None:
            befores = [*range(-MAX_INTERVAL, MAX_INTERVAL + 1), START]
            found = np.stack([self.probabilities("interval", letter, before) for before in befores])
            self._interval_tensors[letter] = found
        return found

    def _vocabulary(self, name: str, prior: CountTable | None) -> Sequence[object]:
        if name in ("interval", "offset"):
            return list(range(-MAX_INTERVAL, MAX_INTERVAL + 1))
        if name in ("in_chord", "final_degree"):
            return list(range(12))
        if name == "basic":
            return self.pitches.tolist()
        items: dict[object, float] = {}
        for row in self.tables[name].counts.values():
            for item in row:
                items[item] = items.get(item, 0.0) + 1
        if prior is not None and self.strength < 1:
            contexts: list[Context] = [(), (*self.events.metre,), (self.events.mode,)]
            if name == "rhythm" or name == "chord_mask":
                contexts = [(*self.events.metre,)]
            elif name == "chord":
                contexts = [(self.events.mode,)]
            elif name == "duration":
                contexts = [context for context in prior.counts if context[:2] == self.events.metre]
            for context in contexts:
                for item, count in prior.counts.get(context, {}).items():
                    if count >= 5:
                        items.setdefault(item, 0.0)
        return sorted(items, key=repr)


_CONTEXT_NAMES = {"bar_reuse": "reuse", "chord_reuse": "reuse"}
