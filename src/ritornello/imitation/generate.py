"""New phrases from a song's models: chords, rhythm, basic melody, notes; and repeats that vary them.

Imitation spec, section 4. What we changed: beam search is exact sampling (`sampling`); a note that would complete a run over
the copy limit is not offered to the sampler, so that rejecting whole phrases is the rare last resort; candidates are
weighed at each layer, since a good rhythm is worth keeping when its melody is not; and the score has a further term, how
well the phrase's histograms match those of the seed's phrases of the same letter.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ritornello.evaluation.imitation import Histogram, agreement, jensen_shannon_distance
from ritornello.imitation.data import NO_CHORD, ChordSymbol, IntArray, basic_pitches, pattern_of
from ritornello.imitation.model import (
    MAX_INTERVAL,
    START,
    Place,
    SongModel,
    chord_mask,
    position_of,
    quality_class,
    strength_of,
)
from ritornello.imitation.originality_guard import CopyGuard
from ritornello.imitation.sampling import backward_messages, draw, sample_chain
from ritornello.imitation.tables import FloatArray

CANDIDATES = 16
"""Candidates drawn for each layer of a phrase."""

REFINEMENTS = 60
"""Redraws of single chords, patterns and half bars after the best candidate is chosen, at strength 1."""

STYLE_WEIGHT = 12.0
"""What a style distance of 1 costs, in nats per event."""

HARMONY_EXPONENT = 1.0
OFFSET_EXPONENT = 0.7
CONTOUR_WEIGHT = 0.08
REUSE_FACTOR = 40.0
"""How much likelier the sampler makes a note that repeats the bar it should repeat."""


@dataclass(frozen=True)
class NewPhrase:
    """A phrase that was made, relative to the key.

    Attributes:
        letter: its letter.
        bars: length.
        place: where it ends.
        chords: one symbol per beat.
        onsets, durations, pitches: ``(n,)`` the melody: steps from the start of the phrase, semitones above the reference.
        basics: basic pitch of each rhythm segment, None where nothing sounds.
        score: the score of the candidate.
        source: index of the phrase that it repeats, or None.
    """

    letter: str
    bars: int
    place: Place
    chords: tuple[ChordSymbol, ...]
    onsets: IntArray
    durations: IntArray
    pitches: IntArray
    basics: tuple[int | None, ...] = ()
    score: float = 0.0
    source: int | None = None

    def roll(self, steps: int, offset: int = 1000) -> IntArray:
        """Return the held pitch plus ``offset`` at each step, 0 for a rest."""
        held = np.zeros(steps, np.int64)
        for onset, duration, pitch in zip(self.onsets, self.durations, self.pitches, strict=True):
            held[onset : onset + duration] = pitch + offset
        return held


@dataclass
class Line:
    """The melody so far, in steps of the whole song, for the copy guard."""

    onsets: list[int] = field(default_factory=list)
    pitches: list[int] = field(default_factory=list)

    def plus(self, start: int, phrase: NewPhrase) -> Line:
        """Return the line with a phrase appended."""
        return Line(self.onsets + (phrase.onsets + start).tolist(), self.pitches + phrase.pitches.tolist())


@dataclass(frozen=True)
class LetterStyle:
    """What the seed's phrases of one letter look like: histograms, and the smoothed contour of the basic melody."""

    rhythm: Histogram
    interval: Histogram
    in_chord: Histogram
    change: Histogram
    bass: Histogram
    contour: FloatArray


class Composer:
    """Draws phrases from a song's models.

    Args:
        model: the models.
        guard: the copy check, or None if none is wanted.
        rng: source of chance.
        candidates: candidates per layer.
    """

    def __init__(
        self, model: SongModel, guard: CopyGuard | None, rng: np.random.Generator, candidates: int = CANDIDATES
    ) -> None:
        self.model, self.guard, self.rng, self.candidates = model, guard, rng, candidates
        grid = model.events.grid
        self.steps_per_bar, self.steps_per_beat = grid.steps_per_bar, grid.steps_per_beat
        self.beats, self.size = grid.beats_per_bar, grid.segment_steps
        self.states = model.pitches
        self._styles: dict[str, LetterStyle] = {}
        self._tensors: dict[str, FloatArray] = {}
        self._durations: dict[tuple[str, int, Place | None], FloatArray] = {}
        self._onwards: dict[tuple[str, int, bool, ChordSymbol], FloatArray] = {}
        self._harmony: dict[tuple[ChordSymbol, int], FloatArray] = {}

    # --- chords -----------------------------------------------------------------------------------------------------

    def draw_chords(
        self, letter: str, bars: int, place: Place, closes: bool, emission: FloatArray | None = None
    ) -> tuple[tuple[ChordSymbol, ...], float]:
        """Draw candidates of a phrase's chords and return the best with its score.

        Args:
            letter: the letter.
            bars: length in bars.
            place: where the phrase ends.
            closes: whether the song ends here, on the tonic.
            emission: ``(beats, chords)`` how well each chord of the vocabulary fits what is kept, or None.
        """
        style = self.style(letter)
        best: tuple[float, tuple[ChordSymbol, ...]] | None = None
        for _ in range(self.candidates):
            chords, log_likelihood = self._chord_candidate(letter, bars, place, closes, emission)
            distance = self._chord_distance(chords, style)
            score = log_likelihood - STYLE_WEIGHT * self.model.strength * distance / 2
            if best is None or score > best[0]:
                best = (score, chords)
        assert best is not None
        chords = best[1]
        if emission is None:
            chords = self._refined_chords(letter, list(chords), style)
        return tuple(chords), best[0]

    def _refined_chords(self, letter: str, chords: list[ChordSymbol], style: LetterStyle) -> list[ChordSymbol]:
        """Redraw single chords, wherever they follow the same chord, while that brings the histograms nearer."""
        distance = self._chord_distance(chords, style)
        for _ in range(round(REFINEMENTS * self.model.strength)):
            changed = self.with_other_chord(letter, chords, alike=self.rng.random() < 0.5)
            nearer = self._chord_distance(changed, style)
            if nearer < distance:
                chords, distance = changed, nearer
        return chords

    def _chord_distance(self, chords: Sequence[ChordSymbol], style: LetterStyle) -> float:
        change, bass = self._chord_counts(chords)
        return jensen_shannon_distance(change, style.change) + jensen_shannon_distance(bass, style.bass)

    def with_other_chord(self, letter: str, chords: Sequence[ChordSymbol], alike: bool = True) -> list[ChordSymbol]:
        """Return the chords with one drawn anew, between its neighbours; not the first, nor those of the ending.

        Args:
            letter: the letter of the phrase.
            chords: one symbol per beat.
            alike: change it wherever the same chord follows the same chord, so that a loop stays a loop.
        """
        starts = [0] + [beat for beat in range(1, len(chords)) if chords[beat] != chords[beat - 1]]
        stops = starts[1:] + [len(chords)]
        inner = [place for place in range(1, len(starts)) if stops[place] <= len(chords) - self.beats]
        result = list(chords)
        if not inner:
            return result
        place = inner[int(self.rng.integers(len(inner)))]
        start, stop = starts[place], stops[place]
        table = self.model.mixture("chord")
        weights = self.model.probabilities(
            "chord", letter, chords[start - 1], start % self.beats == 0, start // self.beats
        )
        if stop < len(chords) and chords[stop] in table.index:
            onward = self._onward(letter, stop, chords[stop])
            weights = weights * onward
        fresh = table.vocabulary[draw(weights, self.rng)]
        before, old = chords[start - 1], chords[start]
        for other in inner if alike else [place]:
            if (chords[starts[other] - 1], chords[starts[other]]) == (before, old):
                result[starts[other] : stops[other]] = [fresh] * (stops[other] - starts[other])
        return result

    def _onward(self, letter: str, beat: int, following: ChordSymbol) -> FloatArray:
        """Return for each chord how likely it leads to the one that follows on a beat."""
        name = (letter, beat // self.beats, beat % self.beats == 0, following)
        found = self._onwards.get(name)
        if found is None:
            table = self.model.mixture("chord")
            column = table.index[following]
            rows = [
                self.model.probabilities("chord", letter, symbol, beat % self.beats == 0, beat // self.beats)[column]
                for symbol in table.vocabulary
            ]
            found = self._onwards[name] = np.array(rows)
        return found

    def _chord_candidate(
        self, letter: str, bars: int, place: Place, closes: bool, emission: FloatArray | None
    ) -> tuple[tuple[ChordSymbol, ...], float]:
        model, rng = self.model, self.rng
        chord_table, mask_table = model.mixture("chord"), model.mixture("chord_mask")
        if not chord_table.vocabulary:
            return (NO_CHORD,) * (bars * self.beats), 0.0
        chords: list[ChordSymbol] = []
        before, before_mask = NO_CHORD, 0
        log_likelihood, events = 0.0, 0
        for bar in range(bars):
            lag = 0
            if bar and emission is None and model.mixture("chord_reuse").vocabulary:
                reuse = model.mixture("chord_reuse")
                lag = int(reuse.vocabulary[draw(model.probabilities("chord_reuse", letter, bar, bars), rng)])
            if 0 < lag <= bar:
                copied = chords[(bar - lag) * self.beats : (bar - lag + 1) * self.beats]
                chords += copied
                before, before_mask = copied[-1], chord_mask(copied)
                continue
            masks = model.probabilities("chord_mask", letter, bar, before_mask, bar == bars - 1)
            mask = int(mask_table.vocabulary[draw(masks, rng)]) | 1
            for beat in range(self.beats):
                if mask >> beat & 1:
                    weights = model.probabilities("chord", letter, before, beat == 0, bar)
                    if emission is not None:
                        stop = beat + 1
                        while stop < self.beats and not mask >> stop & 1:
                            stop += 1
                        weights = weights * emission[bar * self.beats + beat : bar * self.beats + stop].prod(axis=0)
                    choice = draw(weights, rng)
                    log_likelihood += float(np.log(max(weights[choice] / weights.sum(), 1e-12)))
                    events += 1
                    before = chord_table.vocabulary[choice]
                chords.append(before)
            before_mask = mask
        if place != "free" and emission is None:
            self._end_chords(chords, letter, bars, place, closes)
        elif closes and emission is None:
            self._end_chords(chords, letter, bars, "section_end", True)
        return tuple(chords), log_likelihood / max(1, events)

    def _end_chords(self, chords: list[ChordSymbol], letter: str, bars: int, place: Place, closes: bool) -> None:
        """Give the phrase's last chord the root that the cadence table draws."""
        last = chords[-1]
        start = len(chords)
        limit = len(chords) - min(2 * self.beats, (bars - 1) * self.beats)
        while start > limit and chords[start - 1][0] == last[0]:
            start -= 1
        if start == len(chords) or start == 0:
            start = max(0, len(chords) - self.beats)
        before = chords[start - 1] if start else NO_CHORD
        vocabulary = self.model.mixture("chord").vocabulary
        weights = self.model.probabilities("chord", letter, before, start % self.beats == 0, bars - 1)
        roots = sorted({symbol[0] for symbol in vocabulary if symbol != NO_CHORD and symbol[0] != before[0]})
        if closes:
            roots = [0]
        elif roots:
            table = np.array([self.model.ending_ratio("ending", place, before[0], root) for root in roots])
            reachable = np.array([sum(w for s, w in zip(vocabulary, weights, strict=True) if s[0] == r) for r in roots])
            roots = [roots[draw(table * np.maximum(reachable, 1e-4) ** 0.25, self.rng)]]
        if not roots:
            return
        fitting = np.array([w if symbol[0] == roots[0] else 0.0 for symbol, w in zip(vocabulary, weights, strict=True)])
        if closes:
            fitting *= [symbol[2] == 0 and symbol[1] in ("maj", "min") for symbol in vocabulary]
        if fitting.any():
            chosen = vocabulary[draw(fitting, self.rng)]
        else:
            chosen = (roots[0], "maj" if self.model.events.mode == "major" else "min", 0)
        if last[0] == chosen[0] and not closes:
            return
        chords[start:] = [chosen] * (len(chords) - start)

    def _chord_counts(self, chords: Sequence[ChordSymbol]) -> tuple[Histogram, Histogram]:
        change: Histogram = Counter()
        bass: Histogram = Counter()
        for at, chord in enumerate(chords):
            before = chords[at - 1] if at else None
            if chord == NO_CHORD:
                continue
            bass[(chord[2], at % self.beats, before != chord)] += 1
            if before is not None and before != NO_CHORD and before[:2] != chord[:2]:
                change[((chord[0] - before[0]) % 12, before[1], chord[1])] += 1
        return change, bass

    # --- rhythm -----------------------------------------------------------------------------------------------------

    def draw_rhythm(self, letter: str, bars: int, place: Place) -> tuple[list[int], list[tuple[str, int]], float]:
        """Draw candidates of a phrase's onset patterns; return the best, how its bars repeat others, and its score."""
        style = self.style(letter)
        best: tuple[float, list[int], list[tuple[str, int]]] | None = None
        for _ in range(self.candidates):
            patterns, relations, log_likelihood = self._rhythm_candidate(letter, bars, place)
            counts: Histogram = Counter(patterns)
            distance = jensen_shannon_distance(counts, style.rhythm)
            score = log_likelihood - STYLE_WEIGHT * self.model.strength * distance
            if best is None or score > best[0]:
                best = (score, patterns, relations)
        assert best is not None
        return self._refined_rhythm(letter, best[1], best[2], place, style), best[2], best[0]

    def _refined_rhythm(
        self, letter: str, patterns: list[int], relations: Sequence[tuple[str, int]], place: Place, style: LetterStyle
    ) -> list[int]:
        """Redraw single patterns, and with them the bars that repeat them, while that brings the histogram nearer."""
        per_bar = self.steps_per_bar // self.size
        distance = jensen_shannon_distance(Counter(patterns), style.rhythm)
        free = [segment for segment in range(len(patterns)) if not relations[segment // per_bar][1]]
        for _ in range(round(REFINEMENTS * self.model.strength)):
            segment = free[int(self.rng.integers(len(free)))]
            changed = list(patterns)
            changed[segment] = self.draw_pattern(letter, patterns, segment, place)
            for bar, (_, lag) in enumerate(relations):
                if lag:
                    changed[bar * per_bar : (bar + 1) * per_bar] = changed[(bar - lag) * per_bar : (bar - lag + 1) * per_bar]
            nearer = jensen_shannon_distance(Counter(changed), style.rhythm)
            if nearer < distance and any(changed):
                patterns, distance = changed, nearer
        return patterns

    def draw_pattern(self, letter: str, patterns: Sequence[int], segment: int, place: Place) -> int:
        """Draw one onset pattern between its neighbours."""
        table = self.model.mixture("rhythm")
        position = position_of(segment, len(patterns), place)
        weights = self.model.probabilities("rhythm", letter, patterns[segment - 1] if segment else -1, position)
        if segment + 1 < len(patterns) and patterns[segment + 1] in table.index:
            following = position_of(segment + 1, len(patterns), place)
            column = table.index[patterns[segment + 1]]
            onward = np.zeros_like(weights)
            for index in np.argsort(-weights)[:24]:
                before = int(table.vocabulary[index])
                onward[index] = self.model.probabilities("rhythm", letter, before, following)[column]
            weights = weights * onward
        return int(table.vocabulary[draw(weights, self.rng)])

    def _rhythm_candidate(self, letter: str, bars: int, place: Place) -> tuple[list[int], list[tuple[str, int]], float]:
        model, rng = self.model, self.rng
        table = model.mixture("rhythm")
        per_bar = self.steps_per_bar // self.size
        patterns: list[int] = []
        relations: list[tuple[str, int]] = []
        log_likelihood, drawn = 0.0, 0
        for bar in range(bars):
            relation = ("new", 0)
            reuse = model.mixture("bar_reuse")
            if bar and reuse.vocabulary:
                relation = reuse.vocabulary[draw(model.probabilities("bar_reuse", letter, bar, bars), rng)]
            if relation[1] > bar:
                relation = ("new", 0)
            relations.append(relation)
            if relation[1]:
                patterns += patterns[(bar - relation[1]) * per_bar : (bar - relation[1] + 1) * per_bar]
                continue
            for part in range(per_bar):
                segment = bar * per_bar + part
                position = position_of(segment, bars * per_bar, place)
                weights = model.probabilities("rhythm", letter, patterns[-1] if patterns else -1, position)
                choice = draw(weights, rng)
                log_likelihood += float(np.log(weights[choice]))
                drawn += 1
                patterns.append(int(table.vocabulary[choice]))
        if not any(patterns):  # a phrase without a note is no phrase
            known = max(self.style(letter).rhythm, key=lambda p: (p != 0, self.style(letter).rhythm[p]), default=1)
            patterns[0] = int(known) or 1  # type: ignore[call-overload]
        return patterns, relations, log_likelihood / max(1, drawn)

    def onsets_of(self, patterns: Sequence[int], first_segment: int = 0) -> IntArray:
        """Return the steps of the onsets of a row of patterns."""
        steps = [
            (first_segment + segment) * self.size + step
            for segment, pattern in enumerate(patterns)
            for step in range(self.size)
            if pattern >> step & 1
        ]
        return np.array(steps, np.int64)

    def draw_duration(self, letter: str, wait: int, place: Place | None, closes: bool) -> int:
        """Draw how long a note sounds.

        Args:
            letter: the letter.
            wait: steps to the next onset, or to the end of the phrase.
            place: where the phrase ends if this is its last note, else None.
            closes: whether the note is the last of the song: it is held.
        """
        if place is not None and closes:
            return wait
        name = (letter, wait, place)
        allowed = self._durations.get(name)
        if allowed is None:
            weights = self.model.probabilities("duration", letter, wait, place or "inside")
            vocabulary = self.model.mixture("duration").vocabulary
            allowed = self._durations[name] = weights * np.array([0 < duration <= wait for duration in vocabulary])
        if not allowed.any():
            return wait
        return int(self.model.mixture("duration").vocabulary[draw(allowed, self.rng)])

    def draw_durations(self, letter: str, onsets: IntArray, steps: int, place: Place, closes: bool) -> IntArray:
        """Draw how long each note of a phrase sounds, at most to the next onset."""
        waits = np.diff(np.append(onsets, steps)).tolist()
        last = len(waits) - 1
        return np.array(
            [self.draw_duration(letter, w, place if i == last else None, closes) for i, w in enumerate(waits)], np.int64
        )

    # --- melody -----------------------------------------------------------------------------------------------------

    def draw_basics(
        self, letter: str, chords: Sequence[ChordSymbol], patterns: Sequence[int], place: Place
    ) -> tuple[list[int | None], float]:
        """Draw the basic melody: one pitch for each segment in which a note starts."""
        segments = [segment for segment, pattern in enumerate(patterns) if pattern]
        if not segments:
            return [None] * len(patterns), 0.0
        contour = self._contour(letter, len(patterns))
        transitions, potentials = [], []
        first: FloatArray | None = None
        for segment in segments:
            root = chords[min(segment * self.size // self.steps_per_beat, len(chords) - 1)][0]
            position = position_of(segment, len(patterns), place)
            if first is None:
                first = self.model.probabilities("basic", letter, START, root, position)
            else:
                rows = [self.model.probabilities("basic", letter, int(p), root, position) for p in self.states]
                transitions.append(np.stack(rows))
            pull = CONTOUR_WEIGHT * self.model.strength * np.abs(self.states - contour[segment])
            potentials.append(np.exp(-pull))
        assert first is not None
        chosen, log_likelihood = sample_chain(first, transitions, potentials, self.rng)
        basics: list[int | None] = [None] * len(patterns)
        for segment, state in zip(segments, chosen, strict=True):
            basics[segment] = int(self.states[state])
        return basics, log_likelihood

    def draw_pitches(
        self,
        letter: str,
        onsets: IntArray,
        chords: Sequence[ChordSymbol],
        basics: Sequence[int | None],
        line: Line,
        start: int,
        *,
        final_degree: int | None = None,
        relations: Sequence[tuple[str, int]] = (),
        wanted: IntArray | None = None,
        following: int | None = None,
        guarded: bool = True,
    ) -> tuple[IntArray, float]:
        """Draw the pitches of notes whose onsets are known.

        Args:
            letter: the letter.
            onsets: ``(n,)`` steps from the start of the phrase.
            chords: one symbol per beat of the phrase.
            basics: basic pitch of each segment.
            line: the melody before these notes.
            start: step of the song at which the phrase starts.
            final_degree: pitch class of the last note, or None.
            relations: for each bar how it repeats an earlier one.
            wanted: ``(n,)`` pitches to take where they fit, -1000 for none.
            following: the pitch after the last of these notes, or None.
            guarded: whether the copy guard is asked.

        Returns:
            ``(n,)`` pitches and the mean log-probability per note.
        """
        potentials = np.stack([self._potential(chords, basics, int(onset)) for onset in onsets])
        if wanted is not None:
            for row, pitch in zip(potentials, wanted.tolist(), strict=True):
                if self.model.lowest <= pitch <= self.model.highest:
                    row[pitch - self.model.lowest] *= 1e4
        if final_degree is not None:
            potentials[-1] *= np.where(self.states % 12 == final_degree, 1.0, 1e-6)
        tensor = self._tensor(letter)
        last = None if following is None else self._last_message(tensor, following)
        messages = backward_messages(tensor, potentials, last)
        chosen: list[int] = []
        known_onsets, known = list(line.onsets[-16:]), list(line.pitches[-16:])
        log_likelihood = 0.0
        for index, onset in enumerate(onsets.tolist()):
            model_row = self._next_row(letter, known, tensor)
            base = model_row * potentials[index]
            weights = base * (messages[index][self._state(known[-1])] if known else messages[index].mean(axis=0))
            if relations:
                self._apply_reuse(weights, relations, onsets, chosen, index)
            if guarded and self.guard is not None and known:
                for interval in self.guard.forbidden(known_onsets, known, start + onset):
                    state = known[-1] + interval - self.model.lowest
                    if 0 <= state < len(weights):
                        weights[state] = 0.0
            if not weights.any():
                weights = base
            state = draw(weights, self.rng)
            log_likelihood += float(np.log(max(base[state] / max(base.sum(), 1e-300), 1e-12)))
            chosen.append(int(self.states[state]))
            known_onsets.append(start + onset)
            known.append(chosen[-1])
        return np.array(chosen, np.int64), log_likelihood / max(1, len(chosen))

    def _potential(self, chords: Sequence[ChordSymbol], basics: Sequence[int | None], onset: int) -> FloatArray:
        strength = strength_of(onset, self.steps_per_beat, self.size)
        chord = chords[min(onset // self.steps_per_beat, len(chords) - 1)]
        potential = self._harmonic_fit(chord, strength).copy()
        basic = basics[min(onset // self.size, len(basics) - 1)]
        if basic is not None:
            offsets = self.model.probabilities("offset", strength)
            distance = np.clip(self.states - basic, -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
            potential *= offsets[distance] ** OFFSET_EXPONENT
        return potential

    def _harmonic_fit(self, chord: ChordSymbol, strength: int) -> FloatArray:
        found = self._harmony.get((chord, strength))
        if found is None:
            if chord == NO_CHORD:
                scale = {(p - self.model.events.key.tonic) % 12 for p in self.model.events.key.scale}
                found = np.array([1.0 if p % 12 in scale else 0.02 for p in self.states.tolist()])
            else:
                above = self.model.probabilities("in_chord", chord, strength)
                found = above[(self.states - chord[0]) % 12] ** HARMONY_EXPONENT
            self._harmony[(chord, strength)] = found
        return found

    def _tensor(self, letter: str) -> FloatArray:
        found = self._tensors.get(letter)
        if found is None:
            table = self.model.interval_tensor(letter)
            step = np.clip(self.states[None, :] - self.states[:, None], -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
            wide = np.abs(self.states[None, :] - self.states[:, None]) > MAX_INTERVAL
            share = np.where(wide, 0.1, 1.0)
            found = table[step[:, :, None], step[None, :, :]] * share[None, :, :]  # (before, now, next)
            self._tensors[letter] = found
        return found

    def _next_row(self, letter: str, known: Sequence[int], tensor: FloatArray) -> FloatArray:
        if not known:
            return np.full(len(self.states), 1.0 / len(self.states))
        if len(known) == 1:
            table = self.model.interval_tensor(letter)[-1]
            distance = np.clip(self.states - known[-1], -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
            row: FloatArray = table[distance]
            return row
        row = tensor[self._state(known[-2]), self._state(known[-1])]
        return row

    def _last_message(self, tensor: FloatArray, following: int) -> FloatArray:
        message: FloatArray = tensor[:, :, self._state(following)]
        return message

    def _state(self, pitch: int) -> int:
        return max(0, min(len(self.states) - 1, pitch - self.model.lowest))

    def _apply_reuse(
        self,
        weights: FloatArray,
        relations: Sequence[tuple[str, int]],
        onsets: IntArray,
        chosen: Sequence[int],
        index: int,
    ) -> None:
        onset = int(onsets[index])
        bar = onset // self.steps_per_bar
        kind, lag = relations[bar]
        if kind not in ("exact", "transposed"):
            return
        source = int(np.searchsorted(onsets, onset - lag * self.steps_per_bar))
        if source >= index or int(onsets[source]) != onset - lag * self.steps_per_bar:
            return
        if kind == "exact":
            weights[self._state(chosen[source])] *= REUSE_FACTOR
        elif source and index and int(onsets[index - 1]) // self.steps_per_bar == bar:
            step = chosen[source] - chosen[source - 1]
            for near in range(-1, 2):
                target = chosen[-1] + step + near - self.model.lowest
                if 0 <= target < len(weights) and np.sign(step + near) == np.sign(step):
                    weights[target] *= REUSE_FACTOR

    # --- the seed's habits ------------------------------------------------------------------------------------------

    def style(self, letter: str) -> LetterStyle:
        """Return the histograms of the seed's phrases of a letter; of all its melodic phrases for a new letter."""
        found = self._styles.get(letter)
        if found is None:
            found = self._styles[letter] = self._letter_style(letter)
        return found

    def _letter_style(self, letter: str) -> LetterStyle:
        phrases = [p for p in self.model.events.phrases if p.phrase.letter == letter]
        if not phrases:
            phrases = [p for p in self.model.events.phrases if p.phrase.is_melodic == letter.isupper()]
        rhythm: Histogram = Counter()
        interval: Histogram = Counter()
        in_chord: Histogram = Counter()
        change: Histogram = Counter()
        bass: Histogram = Counter()
        contours: list[FloatArray] = []
        for events in phrases:
            steps = events.phrase.bars * self.steps_per_bar
            for start in range(0, steps, self.size):
                rhythm[pattern_of(events.onsets, start, self.size)] += 1
            interval.update(np.clip(np.diff(events.pitches), -MAX_INTERVAL, MAX_INTERVAL).tolist())
            in_chord.update(self._in_chord_counts(events.chords, events.onsets, events.pitches))
            more_change, more_bass = self._chord_counts(events.chords)
            change.update(more_change)
            bass.update(more_bass)
            basics = basic_pitches(events.onsets, events.durations, events.pitches, steps, self.size)
            known = [(i, b) for i, b in enumerate(basics) if b is not None]
            if known:
                places, values = zip(*known, strict=True)
                contours.append(np.interp(np.arange(len(basics)), places, values))
        return LetterStyle(rhythm, interval, in_chord, change, bass, _mean_contour(contours))

    def _in_chord_counts(self, chords: Sequence[ChordSymbol], onsets: IntArray, pitches: IntArray) -> Histogram:
        counts: Histogram = Counter()
        for onset, pitch in zip(onsets.tolist(), pitches.tolist(), strict=True):
            chord = chords[min(onset // self.steps_per_beat, len(chords) - 1)]
            if chord != NO_CHORD:
                counts[((pitch - chord[0]) % 12, quality_class(chord[1]))] += 1
        return counts

    def melody_distance(self, letter: str, phrase: NewPhrase) -> float:
        """Return how far a phrase's intervals and pitches in the chord are from the seed's letter, 0..1."""
        style = self.style(letter)
        interval: Histogram = Counter(np.clip(np.diff(phrase.pitches), -MAX_INTERVAL, MAX_INTERVAL).tolist())
        in_chord = self._in_chord_counts(phrase.chords, phrase.onsets, phrase.pitches)
        distance = jensen_shannon_distance(interval, style.interval)
        return (distance + jensen_shannon_distance(in_chord, style.in_chord)) / 2

    def _contour(self, letter: str, segments: int) -> FloatArray:
        contour = self.style(letter).contour
        if not len(contour):
            return np.full(segments, float(np.median(self.states)))
        return contour[np.minimum(np.arange(segments), len(contour) - 1)]

    def draw_final_degree(self, place: Place, chord: ChordSymbol, closes: bool) -> int | None:
        """Draw the pitch class of a phrase's last note from the cadence table."""
        if closes:
            return 0
        if place == "free":
            return None
        weights = np.array([self.model.ending_ratio("final_degree", place, chord[0], pitch) for pitch in range(12)])
        if chord != NO_CHORD:
            weights *= self.model.probabilities("in_chord", chord, 0)[(np.arange(12) - chord[0]) % 12] ** 0.25
        return draw(weights, self.rng)


def _mean_contour(contours: Sequence[FloatArray]) -> FloatArray:
    """Return the mean of contours over their common places, smoothed over five segments."""
    if not contours:
        return np.zeros(0)
    longest = max(len(contour) for contour in contours)
    padded = np.full((len(contours), longest), np.nan)
    for row, contour in zip(padded, contours, strict=True):
        row[: len(contour)] = contour
    mean = np.nanmean(padded, axis=0)
    window = np.ones(5)
    result: FloatArray = np.convolve(mean, window, "same") / np.convolve(np.ones(longest), window, "same")
    return result


def rolls_agree(one: NewPhrase, other: NewPhrase, steps_per_bar: int) -> float:
    """Return the agreement of two new phrases, position by position."""
    return agreement(one.roll(one.bars * steps_per_bar), other.roll(other.bars * steps_per_bar))


def with_score(phrase: NewPhrase, score: float) -> NewPhrase:
    """Return the phrase with another score."""
    return dataclasses.replace(phrase, score=score)


def flags_of(onsets: IntArray, steps: int) -> NDArray[np.bool_]:
    """Return ``(steps,)`` whether a note starts there."""
    flags = np.zeros(steps, np.bool_)
    flags[onsets] = True
    return flags
