"""What composed songs are measured beside: melodies along a human song's form and chords without a search or a plan.

Ours. *n-gram*: onset patterns by the two before, pitches by the two before and the chord, drawn from counts of training
phrases; the no-framework baseline of the specification's section 8. *unguided*: the three networks asked one token
after the other and drawn as they say, with the song's earlier phrases in sight, but no beams, contours, cadences or
repeats. Both get the human chords, which composed songs have to write themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ritornello.frameworks.data import IntArray, PhraseNotes, PhrasePlan, SongPhrases
from ritornello.frameworks.features import (
    Features,
    TaskName,
    basic_features,
    melody_features,
    onset_patterns,
    rhythm_features,
)
from ritornello.frameworks.masks import rhythm_allowed
from ritornello.frameworks.model import allowed_only
from ritornello.frameworks.pretrained import FrameworkNetworks

LEAST_SEEN = 4
"""A context seen less often gives way to the next shorter one."""

Drawer = Callable[[PhrasePlan, np.random.Generator], PhraseNotes]
"""Draws the notes of a phrase; it may look at the phrases that it drew before."""

_Context = tuple[Hashable, ...]


@dataclass
class NGrams:
    """Counts of what follows a context, drawn from the longest context that was seen often enough.

    Attributes:
        rows: context -> item -> how often.
    """

    rows: dict[_Context, Counter[int]] = field(default_factory=dict)

    def add(self, contexts: Iterable[_Context], item: int) -> None:
        """Count an item in each of its contexts."""
        for context in contexts:
            self.rows.setdefault(context, Counter())[item] += 1

    def draw(self, contexts: Sequence[_Context], rng: np.random.Generator, below: int = 1 << 62) -> int:
        """Return an item below a bound, drawn from the first context, longest first, that has seen enough of them.

        Raises:
            KeyError: if no context has seen any.
        """
        for place, context in enumerate(contexts, start=1):
            found = {item: n for item, n in self.rows.get(context, {}).items() if item < below}
            total = sum(found.values())
            if total >= LEAST_SEEN or (found and place == len(contexts)):
                return int(rng.choice(list(found), p=np.array(list(found.values())) / total))
        raise KeyError(f"nothing is counted in {contexts[-1:]}")


@dataclass(frozen=True)
class NGramSampler:
    """The n-gram baseline, fitted.

    Attributes:
        rhythm: onset patterns of rhythm units.
        pitch: pitches in C.
        length: lengths of notes, by the steps to the next onset.
    """

    rhythm: NGrams
    pitch: NGrams
    length: NGrams

    @classmethod
    def fit(cls, training: Iterable[SongPhrases]) -> NGramSampler:
        """Count training songs."""
        rhythm, pitch, length = NGrams(), NGrams(), NGrams()
        for phrase in (phrase for song in training for phrase in song.phrases):
            patterns, pitches = onset_patterns(phrase), phrase.pitches.tolist()
            for unit, pattern in enumerate(patterns):
                rhythm.add(_rhythm_contexts(phrase.plan, patterns[:unit]), pattern)
            for note, (onset, value) in enumerate(zip(phrase.onsets.tolist(), pitches, strict=True)):
                pitch.add(_pitch_contexts(phrase.plan, onset, pitches[:note]), value)
            waits = np.diff(np.append(phrase.onsets, phrase.plan.steps)).tolist()
            for note, (wait, duration) in enumerate(zip(waits, phrase.durations.tolist(), strict=True)):
                length.add(_length_contexts(wait, note == len(waits) - 1), duration)
        return cls(rhythm, pitch, length)

    def lengths(self, plan: PhrasePlan, onsets: IntArray, rng: np.random.Generator) -> IntArray:
        """Return drawn lengths of notes, each at most up to the next onset."""
        waits = np.diff(np.append(onsets, plan.steps)).tolist()
        rows = [_length_contexts(wait, note == len(waits) - 1) for note, wait in enumerate(waits)]
        return np.array(
            [
                self.length.draw(contexts, rng) if contexts[-1] in self.length.rows else wait
                for contexts, wait in zip(rows, waits, strict=True)
            ],
            np.int64,
        )

    def drawer(self) -> Drawer:
        """Return what draws the phrases of one song."""
        return self._phrase

    def _phrase(self, plan: PhrasePlan, rng: np.random.Generator) -> PhraseNotes:
        patterns: list[int] = []
        for _, size in plan.units:
            patterns.append(self.rhythm.draw(_rhythm_contexts(plan, patterns), rng, below=1 << size))
        onsets = _onsets(plan, patterns)
        pitches: list[int] = []
        for onset in onsets.tolist():
            pitches.append(self.pitch.draw(_pitch_contexts(plan, onset, pitches), rng))
        return PhraseNotes("", plan, onsets, self.lengths(plan, onsets, rng), np.array(pitches, np.int64))


def _rhythm_contexts(plan: PhrasePlan, before: Sequence[int]) -> list[_Context]:
    unit = len(before)
    start, size = plan.units[unit]
    place = (size, start % plan.steps_per_bar, unit == len(plan.units) - 1)
    one, two = (before[-back] if unit >= back else -1 for back in (1, 2))
    return [(one, two, *place), (one, *place), place, ()]


def _pitch_contexts(plan: PhrasePlan, onset: int, before: Sequence[int]) -> list[_Context]:
    chord = plan.chords[onset // plan.steps_per_beat]
    harmony = None if chord is None else (chord.root, chord.quality)
    one, two = (before[-back] if len(before) >= back else -1 for back in (1, 2))
    return [(one, two, harmony), (one, harmony), (one,), ()]


def _length_contexts(wait: int, is_last: bool) -> list[_Context]:
    return [(wait, is_last), (wait,)]


def _onsets(plan: PhrasePlan, patterns: Sequence[int]) -> IntArray:
    found = [
        start + step
        for (start, size), pattern in zip(plan.units, patterns, strict=True)
        for step in range(size)
        if pattern >> step & 1
    ]
    return np.array(found, np.int64)


class UnguidedNetworks:
    """The networks drawn as they say, for the phrases of one song in their order."""

    def __init__(self, networks: FrameworkNetworks, lengths: NGramSampler) -> None:
        self.networks, self.lengths = networks, lengths
        self.done: dict[TaskName, list[tuple[Features, list[int]]]] = {"basic": [], "rhythm": [], "melody": []}

    def __call__(self, plan: PhrasePlan, rng: np.random.Generator) -> PhraseNotes:
        """Draw a phrase."""
        basic = self._drawn("basic", basic_features(plan), rng)
        onsets = _onsets(plan, self._drawn("rhythm", rhythm_features(plan), rng))
        durations = self.lengths.lengths(plan, onsets, rng)
        pitches: list[int] = []
        if len(onsets):
            pitches = self._drawn("melody", melody_features(plan, onsets, durations, basic), rng)
        return PhraseNotes("", plan, onsets, durations, np.array(pitches, np.int64))

    @torch.inference_mode()
    def _drawn(self, task: TaskName, features: Features, rng: np.random.Generator) -> list[int]:
        network, earlier = self.networks.of(task), self.done[task]
        state = network.begin(features, network.remember(earlier) if earlier else None)
        tokens: list[int] = []
        for _ in range(len(features)):
            scores, state = network.step(torch.tensor(tokens[-1:]) if tokens else None, state)
            if task == "rhythm":
                allowed = rhythm_allowed(features, np.array([tokens], np.int64).reshape(1, -1))
                scores = allowed_only(scores, torch.from_numpy(allowed))
            tokens.append(_draw(scores[0].double().exp().numpy(), rng))
        earlier.append((features, tokens))
        return tokens


def _draw(probabilities: NDArray[np.float64], rng: np.random.Generator) -> int:
    return int(rng.choice(len(probabilities), p=probabilities / probabilities.sum()))
