"""What counting alone reaches: the floors that the networks must beat.

MusicFrameworks, section 7: the most frequent answer of the training phrases in a context, backing off to shorter
contexts when one is new; and copies of what the phrase or the song already had. Floors, like the networks, are given
the true history. Those that see the song's earlier phrases are ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ritornello.frameworks.data import PhraseNotes, SongPhrases
from ritornello.frameworks.features import TaskName, basic_melody, onset_patterns, rhythm_form
from ritornello.frameworks.measuring import Hits

Contexts = Sequence[tuple[Hashable, ...]]
"""For each token of a phrase its context; dropping the last items gives the shorter ones."""

NO_GUESS = -1
"""The answer of a copy that found nothing to copy."""


class MostFrequent:
    """The most frequent answer in a context; the first counted of equals."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Hashable, ...], Counter[int]] = {}

    def add(self, context: tuple[Hashable, ...], answer: int) -> None:
        """Count an answer in a context and in all shorter ones."""
        for length in range(len(context) + 1):
            self._counts.setdefault(context[:length], Counter())[answer] += 1

    def best(self, context: tuple[Hashable, ...]) -> int:
        """Return the most frequent answer in the longest context that was counted; `NO_GUESS` if nothing was."""
        for length in range(len(context), -1, -1):
            found = self._counts.get(context[:length])
            if found:
                return max(found, key=lambda answer: found[answer])
        return NO_GUESS


@dataclass(frozen=True)
class Counted:
    """A phrase as floors read it.

    Attributes:
        letter: the letter of the phrase.
        chords: for each segment root and quality of the chord at its start, or None.
        basic: basic pitches.
        patterns: onset patterns.
        labels: rhythm labels.
        complexities: numbers of onsets.
        pitches: pitches of the notes.
        note_basic: for each note the basic pitch of its segment.
        onsets: onsets of the notes.
    """

    letter: str
    chords: list[tuple[int, str] | None]
    basic: list[int]
    patterns: list[int]
    labels: list[int]
    complexities: list[int]
    pitches: list[int]
    note_basic: list[int]
    onsets: list[int]

    def answers(self, task: TaskName) -> list[int]:
        """Return what is to be predicted."""
        return {"basic": self.basic, "rhythm": self.patterns, "melody": self.pitches}[task]

    def places(self, task: TaskName) -> list[int]:
        """Return where each answer stands in the phrase: a segment, a unit or an onset."""
        return self.onsets if task == "melody" else list(range(len(self.answers(task))))


def counted(phrase: PhraseNotes) -> Counted:
    """Read a phrase."""
    plan = phrase.plan
    beats = plan.segment_steps // plan.steps_per_beat
    chords = [plan.chords[segment * beats] for segment in range(plan.segments)]
    basic = basic_melody(phrase)
    patterns = onset_patterns(phrase)
    labels, complexities = rhythm_form(plan, patterns)
    note_basic = [basic[onset // plan.segment_steps] for onset in phrase.onsets.tolist()]
    return Counted(
        plan.letter, [(c.root, c.quality) if c is not None else None for c in chords], basic, patterns, labels,
        complexities, phrase.pitches.tolist(), note_basic, phrase.onsets.tolist(),
    )  # fmt: skip


@dataclass(frozen=True)
class Floor:
    """A floor.

    Attributes:
        task: which network it stands beside.
        contexts: the context of each token of a phrase, to be counted.
        copy: answers that come before counting: for a phrase and those before it in the song, `NO_GUESS` where none.
    """

    task: TaskName
    contexts: Callable[[Counted], Contexts]
    copy: Callable[[Counted, Sequence[Counted]], list[int]] | None = None

    def fit(self, songs: Iterable[Sequence[Counted]]) -> MostFrequent:
        """Count the answers of training songs."""
        table = MostFrequent()
        for song in songs:
            for phrase in song:
                for context, answer in zip(self.contexts(phrase), phrase.answers(self.task), strict=True):
                    table.add(context, answer)
        return table

    def guesses(self, table: MostFrequent, song: Sequence[Counted]) -> list[list[int]]:
        """Return the answers for each phrase of a song."""
        found = []
        for index, phrase in enumerate(song):
            copied = self.copy(phrase, song[:index]) if self.copy is not None else []
            row = [table.best(context) for context in self.contexts(phrase)]
            found.append([guess if guess != NO_GUESS else row[i] for i, guess in enumerate(copied)] if copied else row)
        return found


def floor_hits(floor: Floor, training: Iterable[Sequence[Counted]], songs: Sequence[Sequence[Counted]]) -> Hits:
    """Return a floor's right answers, song by song."""
    table = floor.fit(training)
    right, asked = [], []
    for song in songs:
        answers = [phrase.answers(floor.task) for phrase in song]
        pairs = [
            (g, a)
            for gs, row in zip(floor.guesses(table, song), answers, strict=True)
            for g, a in zip(gs, row, strict=True)
        ]
        right.append(sum(guess == answer for guess, answer in pairs))
        asked.append(len(pairs))
    return Hits(np.array(right, np.float64), np.array(asked, np.float64), np.zeros(len(songs)))


def counted_songs(songs: Iterable[SongPhrases]) -> list[tuple[Counted, ...]]:
    """Read songs for floors."""
    return [tuple(counted(phrase) for phrase in song.phrases) for song in songs]


def _before(values: Sequence[int], back: int = 1) -> list[int | None]:
    return [None] * min(back, len(values)) + list(values[: max(0, len(values) - back)])


def _copy_same_label(phrase: Counted, _earlier: Sequence[Counted]) -> list[int]:
    """Return the last pattern of the phrase with the same label and complexity."""
    latest: dict[tuple[int, int], int] = {}
    guesses = []
    for label, complexity, pattern in zip(phrase.labels, phrase.complexities, phrase.patterns, strict=True):
        guesses.append(latest.get((label, complexity), NO_GUESS))
        latest[label, complexity] = pattern
    return guesses


def _copy_letter(task: TaskName) -> Callable[[Counted, Sequence[Counted]], list[int]]:
    def copy(phrase: Counted, earlier: Sequence[Counted]) -> list[int]:
        """Return what the last phrase of the same letter has at the same place."""
        same = next((other for other in reversed(earlier) if other.letter == phrase.letter), None)
        if same is None:
            return [NO_GUESS] * len(phrase.answers(task))
        known = dict(zip(same.places(task), same.answers(task), strict=True))
        return [known.get(place, NO_GUESS) for place in phrase.places(task)]

    return copy


def _copy_letter_if_complexity(phrase: Counted, earlier: Sequence[Counted]) -> list[int]:
    """Return the last phrase's pattern at the same place if it has as many onsets."""
    guesses = _copy_letter("rhythm")(phrase, earlier)
    return [
        guess if guess != NO_GUESS and guess.bit_count() == complexity else NO_GUESS
        for guess, complexity in zip(guesses, phrase.complexities, strict=True)
    ]


def _copy_letter_else_label(phrase: Counted, earlier: Sequence[Counted]) -> list[int]:
    """Return the last phrase's pattern at the same place if it has as many onsets, else this phrase's of the label."""
    letter, label = _copy_letter_if_complexity(phrase, earlier), _copy_same_label(phrase, earlier)
    return [one if one != NO_GUESS else other for one, other in zip(letter, label, strict=True)]


def _previous_pattern_given_complexity(phrase: Counted) -> Contexts:
    return list(zip(phrase.complexities, _before(phrase.patterns), strict=True))


def _previous_basic_and_chord(phrase: Counted) -> Contexts:
    return list(zip(_before(phrase.basic), phrase.chords, strict=True))


def _basic_pitch(phrase: Counted) -> Contexts:
    return [(basic,) for basic in phrase.note_basic]


FLOORS: dict[str, Floor] = {
    "basic: majority": Floor("basic", lambda p: [()] * len(p.basic)),
    "basic: chord": Floor("basic", lambda p: [(chord,) for chord in p.chords]),
    "basic: previous": Floor("basic", lambda p: [(basic,) for basic in _before(p.basic)]),
    "basic: previous + chord": Floor("basic", _previous_basic_and_chord),
    "basic: same place of the last phrase of the letter": Floor(
        "basic", _previous_basic_and_chord, _copy_letter("basic")
    ),
    "rhythm: majority": Floor("rhythm", lambda p: [()] * len(p.patterns)),
    "rhythm: previous": Floor("rhythm", lambda p: [(pattern,) for pattern in _before(p.patterns)]),
    "rhythm: previous two + position": Floor(
        "rhythm",
        lambda p: list(zip(_before(p.patterns), _before(p.patterns, 2), range(len(p.patterns)), strict=True)),
    ),
    "rhythm: complexity": Floor("rhythm", lambda p: [(complexity,) for complexity in p.complexities]),
    "rhythm: complexity + previous": Floor("rhythm", _previous_pattern_given_complexity),
    "rhythm: same label and complexity, else complexity + previous": Floor(
        "rhythm", _previous_pattern_given_complexity, _copy_same_label
    ),
    "rhythm: same place of the last phrase of the letter, else previous": Floor(
        "rhythm", lambda p: [(pattern,) for pattern in _before(p.patterns)], _copy_letter("rhythm")
    ),
    "rhythm: same place of the last phrase of the letter if as complex, else complexity + previous": Floor(
        "rhythm", _previous_pattern_given_complexity, _copy_letter_if_complexity
    ),
    "rhythm: same place of the last phrase of the letter if as complex, else same label and complexity": Floor(
        "rhythm", _previous_pattern_given_complexity, _copy_letter_else_label
    ),
    "melody: previous": Floor("melody", lambda p: [(pitch,) for pitch in _before(p.pitches)]),
    "melody: basic pitch": Floor("melody", _basic_pitch),
    "melody: basic pitch + previous": Floor(
        "melody", lambda p: list(zip(p.note_basic, _before(p.pitches), strict=True))
    ),
    "melody: same onset of the last phrase of the letter, else basic pitch": Floor(
        "melody", _basic_pitch, _copy_letter("melody")
    ),
}
"""Floors by name; the name begins with the task."""
