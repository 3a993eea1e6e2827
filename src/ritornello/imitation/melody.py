"""Melody of a phrase: a basic pitch for each half bar, then the notes, drawn exactly from the product of the models.

Our design (CARD.md). Chains are sampled exactly (`sampling`), and a note that would complete a run over the copy limit
is not offered to the sampler, so that rejecting whole phrases is the rare last resort.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.imitation.contexts import MAX_INTERVAL, START, Place, position_of, weight_of
from ritornello.imitation.data import NO_CHORD, ChordSymbol, IntArray
from ritornello.imitation.model import SongModel
from ritornello.imitation.originality_guard import CopyGuard
from ritornello.imitation.phrase import Line
from ritornello.imitation.sampling import backward_messages, draw, sample_chain
from ritornello.imitation.style import Styles
from ritornello.imitation.tables import FloatArray
from ritornello.score.chord import QUALITIES

HARMONY_EXPONENT = 1.0
"""Weight of the pitch class in its chord, in the product of models."""

OFFSET_EXPONENT = 0.7
"""Weight of the distance from the basic pitch."""

CONTOUR_WEIGHT = 0.08
"""What a semitone off the seed's smoothed contour costs a basic pitch, in nats, at strength 1."""

HELD_EXPONENT = 0.5
"""Weight of the chord that a note is held into."""

ADAPT_RATE, ADAPT_FLOOR = 0.35, 0.03
"""Step and smoothing of the interval correction."""

REUSE_FACTOR = 40.0
"""How much likelier the sampler makes a note that repeats the bar it should repeat."""


class MelodyWriter:
    """Draws basic melodies and notes.

    Args:
        model: the models.
        styles: the seed's histograms.
        guard: the copy check, or None.
        rng: source of chance.
    """

    def __init__(self, model: SongModel, styles: Styles, guard: CopyGuard | None, rng: np.random.Generator) -> None:
        self.model, self.styles, self.guard, self.rng = model, styles, guard, rng
        grid = model.events.grid
        self.steps_per_bar, self.steps_per_beat, self.size = grid.steps_per_bar, grid.steps_per_beat, grid.segment_steps
        self.states = model.pitches
        self._tensors: dict[str, FloatArray] = {}
        self._corrections: dict[str, FloatArray] = {}
        self._tone_weights = np.ones(4)
        self._tones: dict[ChordSymbol, NDArray[np.bool_]] = {}
        self._seed_tones = np.zeros((4, 2))
        for events in model.events.phrases:
            if events.phrase.is_melodic and len(events.onsets):
                self._seed_tones += self._count_tones(events.onsets, events.pitches, events.chords)
        self._harmony: dict[tuple[ChordSymbol, int], FloatArray] = {}

    def draw_basics(
        self, letter: str, chords: Sequence[ChordSymbol], patterns: Sequence[int], place: Place
    ) -> tuple[list[int | None], float]:
        """Draw the basic melody: one pitch for each segment in which a note starts."""
        segments = [segment for segment, pattern in enumerate(patterns) if pattern]
        if not segments:
            return [None] * len(patterns), 0.0
        contour = self.styles.contour(letter, len(patterns), float(np.median(self.states)))
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
        after: int | None = None,
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
            wanted: ``(n,)`` pitches to take where they fit, `phrase.REST` for none.
            following: the pitch after the last of these notes, or None.
            after: the step of that note's onset, or None for the end of the phrase.
            guarded: whether the copy guard is asked.

        Returns:
            ``(n,)`` pitches and the mean log-probability per note.
        """
        stop = len(chords) * self.steps_per_beat if after is None else after
        waits = np.diff(np.append(onsets, max(stop, int(onsets[-1]) + 1))).tolist()
        potentials = np.stack(
            [self._potential(chords, basics, onset, wait) for onset, wait in zip(onsets.tolist(), waits, strict=True)]
        )
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
            if len(known) >= self.model.longest_repetition and len(set(known[-self.model.longest_repetition :])) == 1:
                weights[self._state(known[-1])] = 0.0
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

    def _potential(
        self, chords: Sequence[ChordSymbol], basics: Sequence[int | None], onset: int, wait: int
    ) -> FloatArray:
        weight = weight_of(onset, wait, self.steps_per_beat, self.size)
        beat = min(onset // self.steps_per_beat, len(chords) - 1)
        potential = self._harmonic_fit(chords[beat], weight) * self._tone_factors(chords[beat], weight)
        # A note that is held into the next chord must bear it too.
        held_beat = min((onset + wait - self.steps_per_beat) // self.steps_per_beat, len(chords) - 1)
        if held_beat > beat and chords[held_beat] != chords[beat]:
            held = self._harmonic_fit(chords[held_beat], weight) * self._tone_factors(chords[held_beat], weight)
            potential *= held**HELD_EXPONENT
        basic = basics[min(onset // self.size, len(basics) - 1)]
        if basic is not None:
            offsets = self.model.probabilities("offset", weight)
            distance = np.clip(self.states - basic, -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
            potential *= offsets[distance] ** OFFSET_EXPONENT
        return potential

    def _harmonic_fit(self, chord: ChordSymbol, weight: int) -> FloatArray:
        found = self._harmony.get((chord, weight))
        if found is None:
            if chord == NO_CHORD:
                scale = {(p - self.model.events.key.tonic) % 12 for p in self.model.events.key.scale}
                found = np.array([1.0 if p % 12 in scale else 0.02 for p in self.states.tolist()])
            else:
                above = self.model.probabilities("in_chord", chord, weight)
                found = above[(self.states - chord[0]) % 12] ** HARMONY_EXPONENT
            self._harmony[(chord, weight)] = found
        return found

    def _tone_factors(self, chord: ChordSymbol, weight: int) -> FloatArray:
        return np.where(self._is_tone(chord), self._tone_weights[weight], 1.0)

    def _is_tone(self, chord: ChordSymbol) -> NDArray[np.bool_]:
        found = self._tones.get(chord)
        if found is None:
            classes = [(chord[0] + step) % 12 for step in QUALITIES.get(chord[1], ())]
            found = self._tones[chord] = np.isin(self.states % 12, classes)
        return found

    def _tensor(self, letter: str) -> FloatArray:
        found = self._tensors.get(letter)
        if found is None:
            table = self.model.interval_tensor(letter) * self.corrections(letter)
            step = np.clip(self.states[None, :] - self.states[:, None], -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
            wide = np.abs(self.states[None, :] - self.states[:, None]) > MAX_INTERVAL
            share = np.where(wide, 0.1, 1.0)
            found = table[step[:, :, None], step[None, :, :]] * share[None, :, :]  # (before, now, next)
            self._tensors[letter] = found
        return found

    def corrections(self, letter: str) -> FloatArray:
        """Return ``(25,)`` factors on the intervals, see `adapt`."""
        return self._corrections.setdefault(letter, np.ones(2 * MAX_INTERVAL + 1))

    def adapt(self, letter: str, onsets: IntArray, pitches: IntArray, chords: Sequence[ChordSymbol]) -> None:
        """Correct the models after a candidate: what their product makes too often is made rarer.

        A product of models does not keep the marginals of its factors: repeated notes come out too many because every
        factor likes them, chord tones on strong beats too few. This is iterative scaling, one step a candidate, of the
        intervals of a letter and of the chord tones by weight of the note.
        """
        rate = ADAPT_RATE * self.model.strength
        wanted = np.array([self.styles.of(letter).interval[i] for i in range(-MAX_INTERVAL, MAX_INTERVAL + 1)], float)
        made = np.bincount(np.clip(np.diff(pitches), -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL, minlength=25)
        if wanted.sum() and made.sum():
            ratio = (wanted / wanted.sum() + ADAPT_FLOOR) / (made / made.sum() + ADAPT_FLOOR)
            self._corrections[letter] = np.clip(self.corrections(letter) * ratio**rate, 0.1, 10.0)
            self._tensors.pop(letter, None)
        seed, new = self._seed_tones + 1.0, self._count_tones(onsets, pitches, chords) + 1.0
        ratio = (seed[:, 1] / seed[:, 0]) / (new[:, 1] / new[:, 0])
        self._tone_weights = np.clip(self._tone_weights * ratio**rate, 0.2, 20.0)

    def _count_tones(self, onsets: IntArray, pitches: IntArray, chords: Sequence[ChordSymbol]) -> FloatArray:
        """Return ``(4, 2)`` counts of notes by weight: outside the chord, in the chord."""
        counts = np.zeros((4, 2))
        waits = np.diff(np.append(onsets, max(len(chords) * self.steps_per_beat, int(onsets[-1]) + 1)))
        for onset, wait, pitch in zip(onsets.tolist(), waits.tolist(), pitches.tolist(), strict=True):
            chord = chords[min(onset // self.steps_per_beat, len(chords) - 1)]
            if chord != NO_CHORD:
                weight = weight_of(onset, wait, self.steps_per_beat, self.size)
                counts[weight, int((pitch - chord[0]) % 12 in QUALITIES[chord[1]])] += 1
        return counts

    def _next_row(self, letter: str, known: Sequence[int], tensor: FloatArray) -> FloatArray:
        if not known:
            return np.full(len(self.states), 1.0 / len(self.states))
        if len(known) == 1:
            table = self.model.interval_tensor(letter)[-1]
            distance = np.clip(self.states - known[-1], -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL
            row: FloatArray = table[distance]
            return row
        following: FloatArray = tensor[self._state(known[-2]), self._state(known[-1])]
        return following

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

    def draw_final_degree(self, place: Place, chord: ChordSymbol, closes: bool) -> int | None:
        """Draw the pitch class of a phrase's last note from the cadence table."""
        if closes:
            return 0
        if place == "free":
            return None
        weights = np.array([self.model.ending_ratio("final_degree", place, chord[0], pitch) for pitch in range(12)])
        return draw(weights, self.rng)
