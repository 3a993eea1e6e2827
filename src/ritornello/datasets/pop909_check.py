"""A check of POP909 data: the counts that a right loader gets, the problems it meets, and shared melodies.

The pack of 818 songs with structure annotations gives the counts that `tests/datasets/test_pop909_check.py` states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ritornello.datasets.pop909 import Pop909, Pop909Song
from ritornello.errors import ReadError
from ritornello.score import Song

STRING_INTERVALS = 12
"""Length of the interval strings that `shared_melody` counts."""

MIN_DISTINCT = 4
"""A string needs so many different intervals; strings of one repeated note say nothing."""


def check(dataset: Pop909, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Load every song once and count.

    Args:
        dataset: the data.
        progress: called after each song with the number done and the number in all.

    Returns:
        ``songs`` loaded, ``one_major_key``, ``one_minor_key``, ``several_keys``, ``triple_metre``, ``equal_labels``
        (of the files that both hold a form of their own), ``quadruple_all_major`` and ``quadruple_one_major`` with
        ``…_phrases`` (melodic phrases of label 1 in them), ``split`` sizes, ``melody_notes``, and ``problems``: one
        line for each song whose files or MIDI cannot be read or whose label is two or more bars off its chords.
    """
    counts: Counter[str] = Counter()
    problems: list[str] = []
    for number, id in enumerate(dataset.ids, start=1):
        try:
            song = dataset.load(id)
            dataset.midi(id)
        except ReadError as error:
            problems.append(str(error))
        else:
            counts.update(_counts(song))
            problems += _problems(song)
        if progress is not None:
            progress(number, len(dataset.ids))
    names = (
        "songs", "one_major_key", "one_minor_key", "several_keys", "triple_metre", "equal_labels",
        "quadruple_all_major", "quadruple_all_major_phrases", "quadruple_one_major", "quadruple_one_major_phrases",
        "melody_notes",
    )  # fmt: skip
    split = {name: len(dataset.split(name)) for name in ("train", "validation", "test")}
    return {name: counts[name] for name in names} | {"split": split, "problems": problems}


def _counts(song: Pop909Song) -> Counter[str]:
    phrases = sum(segment.is_melodic and segment.letter != "X" for segment in song.labels[0])
    quadruple = song.beats_per_bar == 4
    melody = song.song.part("melody")
    return Counter(
        songs=1,
        one_major_key=song.is_one_key_major,
        one_minor_key=song.is_one_key and not song.is_one_key_major,
        several_keys=not song.is_one_key,
        triple_metre=song.beats_per_bar == 3,
        equal_labels=song.labels[0] is not song.labels[1] and song.labels[0] == song.labels[1],
        quadruple_all_major=quadruple and song.is_all_major,
        quadruple_all_major_phrases=phrases if quadruple and song.is_all_major else 0,
        quadruple_one_major=quadruple and song.is_one_key_major,
        quadruple_one_major_phrases=phrases if quadruple and song.is_one_key_major else 0,
        melody_notes=0 if melody is None else len(melody.notes),
    )


def _problems(song: Pop909Song) -> list[str]:
    bars = -(-len(song.chord_tones) // song.beats_per_bar)
    return [
        f"{song.id}: label {number} counts {label.bars} bars, the chords {bars}"
        for number, label in enumerate(song.labels, start=1)
        if not -2 < label.bars - bars < 2
    ]


def interval_strings(song: Song) -> frozenset[bytes]:
    """Return the different strings of 12 successive melodic intervals of a song that have at least 4 values."""
    melody = song.part("melody")
    if melody is None or len(melody.notes) <= STRING_INTERVALS:
        return frozenset()
    steps = np.diff(melody.notes["pitch"]).astype(np.int16)
    windows = np.lib.stride_tricks.sliding_window_view(steps, STRING_INTERVALS)
    return frozenset(window.tobytes() for window in windows if len(np.unique(window)) >= MIN_DISTINCT)


def shared_melody(one: Song, other: Song) -> float:
    """Return the share of the smaller song's interval strings that the other has too, 0..1; 0 for a short melody."""
    return _share(interval_strings(one), interval_strings(other))


def near_duplicates(songs: Iterable[tuple[str, Song]], threshold: float = 0.2) -> list[tuple[str, str, float]]:
    """Return ``(id, id, share)`` of all pairs that share at least ``threshold`` of their strings, most first."""
    strings = {id: interval_strings(song) for id, song in songs}
    owners: dict[bytes, list[str]] = {}
    for id, own in strings.items():
        for string in own:
            owners.setdefault(string, []).append(id)
    pairs = {(a, b) for group in owners.values() if len(group) > 1 for i, a in enumerate(group) for b in group[i + 1 :]}
    found = [(a, b, _share(strings[a], strings[b])) for a, b in pairs]
    return sorted((pair for pair in found if pair[2] >= threshold), key=lambda pair: (-pair[2], pair[:2]))


def _share(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller else 0.0
