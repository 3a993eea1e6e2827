"""POP909 with its structure annotations: clean songs on a trustworthy bar grid, the split, the matching MIDI.

Data: Wang et al., *POP909* (ISMIR 2020); Dai, Zhang and Dannenberg's structure annotations (2020). Bars and beats come
from the ``structure`` folder alone: its makers removed wrong offsets by hand, while the MIDI time signatures and the
downbeats of the beat files are unreliable. `pop909_alignment` finds the way back into the MIDI file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from ritornello.datasets.archive import Archive
from ritornello.datasets.pop909_text import (
    FileChord,
    parse_chords,
    parse_keys,
    parse_label,
    parse_melody,
    parse_tempo,
)
from ritornello.errors import ArgumentError, ReadError
from ritornello.score import ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, Tempo, make_notes
from ritornello.score.midi_reader import read_midi
from ritornello.score.song import join_chords
from ritornello.score.timeline import TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH

TRIPLE_METRE = frozenset(
    f"{number:03d}"
    for number in (
        34, 62, 102, 152, 173, 176, 203, 215, 231, 254, 280, 328, 369, 584, 592, 653, 654, 662, 744, 749, 756, 770, 799,
        869, 872,
    )
)  # fmt: skip
"""Songs with three beats a bar, as the authors list them; 843 is left out: its labels and chords count four."""

QUADRUPLE_METRE = frozenset({"843"})
"""Songs whose metre is not decided from the chords because they were looked at."""

SPLITS = ("train", "validation", "test", "all")
"""Names of the splits; ``"all"`` holds every song that is present."""

_MOVED = {"018": "none", "262": "validation", "101": "test", "492": "train", "666": "train"}
"""Near-duplicates kept in one split; 018 doubles 017 and belongs to no split but ``"all"``."""

_KEY_FIT_BARS = 4


@dataclass(frozen=True)
class Pop909Song:
    """One song of the data set.

    Attributes:
        id: three digits.
        song: melody (role ``"melody"``), chords, keys, metre, tempo and label 1, on the structure grid: bar 0 is a true
            downbeat. Neighbouring equal chords are joined. Where several keys are listed, their regions are placed by
            `place_keys` (the files give no positions).
        chord_tones: for each beat the pitch classes that the file lists; empty without a chord. They can differ from
            those of the chord's name, and the similarity of the structure analysis needs them as they are.
        labels: the two human forms; both are right, they differ in granularity.
        beats_per_bar: 4 or 3.
        keys: the keys as listed, mostly one.
        file_chords: the chord lines as they stand.
        midi_bytes: the MIDI file (not on this grid; see `Pop909.aligned`).
    """

    id: str
    song: Song
    chord_tones: tuple[frozenset[int], ...] = field(repr=False)
    labels: tuple[Form, Form]
    beats_per_bar: int
    keys: tuple[Key, ...]
    file_chords: tuple[FileChord, ...] = field(repr=False)
    midi_bytes: bytes = field(repr=False)

    @property
    def is_one_key(self) -> bool:
        """Whether one key is listed."""
        return len(self.keys) == 1

    @property
    def is_one_key_major(self) -> bool:
        """Whether one key is listed and it is major."""
        return self.is_one_key and self.keys[0].mode == "major"

    @property
    def is_all_major(self) -> bool:
        """Whether every listed key is major."""
        return all(key.mode == "major" for key in self.keys)


class Pop909:
    """The data set in the public layout, ``POP909/NNN/…`` and ``structure/NNN/…``, as a folder or a zip.

    Args:
        path: the folder or zip.

    Raises:
        ReadError: if the path is missing or has another layout.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.archive = Archive(path, marker="structure")
        self.ids: tuple[str, ...] = tuple(
            name for name in self.archive.children("structure") if len(name) == 3 and name.isdecimal()
        )
        if not self.ids:
            raise ReadError(f"{self.archive.path}: the structure folder holds no song; songs are folders such as 001")

    def split(self, name: str) -> tuple[str, ...]:
        """Return the ids of a split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.

        The id's last digit decides: 3 test, 5 validation, others train; near-duplicates stay together.

        Raises:
            ArgumentError: if the name is none of these.
        """
        if name not in SPLITS:
            raise ArgumentError(f"split '{name}' is unknown; use one of {', '.join(SPLITS)}")
        return self.ids if name == "all" else tuple(id for id in self.ids if split_of(id) == name)

    def load(self, id: str) -> Pop909Song:
        """Read one song.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if a file is missing or does not parse.
        """
        self._check(id)
        melody = parse_melody(*self._text(id, "melody.txt"))
        chords = parse_chords(*self._text(id, "finalized_chord.txt"))
        keys = parse_keys(*self._text(id, "analyzed_key.txt"))
        tempo = parse_tempo(*self._text(id, "tempo.txt"))
        labels = self._labels(id)
        beats_per_bar = _beats_per_bar(id, chords)
        tones = tuple(chord.tones for chord in chords for _ in range(chord.beats))
        song = _song(id, melody, chords, keys, tempo, labels[0], beats_per_bar)
        return Pop909Song(id, song, tones, labels, beats_per_bar, keys, tuple(chords), self.midi_bytes(id))

    def midi_bytes(self, id: str) -> bytes:
        """Return the bytes of a song's MIDI file.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if the file is missing.
        """
        self._check(id)
        return self.archive.read(f"POP909/{id}/{id}.mid")

    def midi(self, id: str) -> Song:
        """Read a song's MIDI file, as any MIDI file is read: on its own bars, no annotation used.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if the file is missing or cannot be read.
        """
        return read_midi(self.midi_bytes(id), f"{id}.mid")

    def aligned(self, id: str) -> tuple[Song, tuple[int, ...]]:
        """Return a song with its BRIDGE and PIANO on the structure grid, and the bars not to be trusted.

        See `pop909_alignment.aligned_song`.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if a file is missing or does not parse.
        """
        from ritornello.datasets.pop909_alignment import aligned_song  # it needs this module's types

        return aligned_song(self.load(id))

    def _check(self, id: str) -> None:
        if id not in self.ids:
            raise ArgumentError(f"song '{id[:20]}' is not in {self.archive.path}; ids are three digits, such as 001")

    def _text(self, id: str, name: str) -> tuple[str, str]:
        path = f"structure/{id}/{name}"
        return self.archive.read_text(path), f"{self.archive.path}: {path}"

    def _labels(self, id: str) -> tuple[Form, Form]:
        text, name = self._text(id, "human_label1.txt")
        if id == "062":
            text = text.replace("C86", "C8")  # a slip of the pen: the song does not have 282 bars
        second = parse_label(*self._text(id, "human_label2.txt"))
        if id == "328":  # label 1 counts bars of four beats in a song of three
            return second, second
        return parse_label(text, name), second


def split_of(id: str) -> str:
    """Return the split of a song id: ``"train"``, ``"validation"``, ``"test"``, or ``"none"`` for 018."""
    by_digit = {"3": "test", "5": "validation"}
    return _MOVED.get(id) or by_digit.get(id[-1], "train")


def place_keys(
    keys: Sequence[Key], melody: Sequence[tuple[int, int]], chords: Sequence[FileChord], beats_per_bar: int
) -> tuple[KeyRegion, ...]:
    """Place listed keys in time (our design; the files give an order and no positions).

    Args:
        keys: the keys in order of appearance.
        melody: ``(pitch, sixteenths)``, pitch 0 a rest.
        chords: the chord lines.
        beats_per_bar: beats in a bar.

    Returns:
        One region a key, at bar lines, each at least four bars where the song is long enough: of all such divisions
        the one with the fewest sixteenths of melody and chord tones outside the scale (harmonic minor's leading tone
        counts as inside).
    """
    if len(keys) == 1:
        return (KeyRegion(0, keys[0]),)
    bar_ticks = beats_per_bar * TICKS_PER_QUARTER
    weights = _pitch_class_weights(melody, chords, beats_per_bar)
    bars = len(weights)
    shortest = max(1, min(_KEY_FIT_BARS, bars // len(keys)))
    best: list[list[float]] = [[0.0] + [float("inf")] * bars]  # best[k][b]: cost of bars before b under k keys
    came_from: list[list[int]] = [[0] * (bars + 1)]
    for key in keys:
        inside = key.scale_with_leading_tone
        outside = [sum(w for pitch, w in enumerate(bar) if pitch not in inside) for bar in weights]
        running = [0.0]
        for value in outside:
            running.append(running[-1] + value)
        row, origin = [float("inf")] * (bars + 1), [0] * (bars + 1)
        for stop in range(shortest, bars + 1):
            row[stop], origin[stop] = min(
                (best[-1][start] + running[stop] - running[start], start) for start in range(stop - shortest + 1)
            )
        best.append(row)
        came_from.append(origin)
    starts: list[int] = []
    stop = bars
    for index in range(len(keys), 0, -1):
        stop = came_from[index][stop]
        starts.append(stop)
    return tuple(KeyRegion(start * bar_ticks, key) for start, key in zip(reversed(starts), keys, strict=True))


def _pitch_class_weights(
    melody: Sequence[tuple[int, int]], chords: Sequence[FileChord], beats_per_bar: int
) -> list[list[float]]:
    per_bar = 4 * beats_per_bar
    total = max(sum(d for _, d in melody), 4 * sum(c.beats for c in chords))
    weights = [[0.0] * 12 for _ in range(-(-total // per_bar))]
    position = 0
    for pitch, duration in melody:
        if pitch:
            for sixteenth in range(position, position + duration):
                weights[sixteenth // per_bar][pitch % 12] += 1
        position += duration
    position = 0
    for chord in chords:
        for beat in range(position, position + chord.beats):
            for tone in chord.tones:
                weights[beat // beats_per_bar][tone] += 4
        position += chord.beats
    return weights


def _beats_per_bar(id: str, chords: Sequence[FileChord]) -> int:
    if id in TRIPLE_METRE:
        return 3
    if id in QUADRUPLE_METRE:
        return 4
    threes = sum(chord.beats % 3 == 0 for chord in chords)
    twos = sum(chord.beats % 2 == 0 for chord in chords)
    return 3 if threes > twos else 4


def _song(
    id: str,
    melody: Sequence[tuple[int, int]],
    chords: Sequence[FileChord],
    keys: Sequence[Key],
    tempo: float,
    form: Form,
    beats_per_bar: int,
) -> Song:
    onsets, durations, pitches = [], [], []
    position = 0
    for pitch, sixteenths in melody:
        if pitch:
            onsets.append(position * TICKS_PER_SIXTEENTH)
            durations.append(sixteenths * TICKS_PER_SIXTEENTH)
            pitches.append(pitch)
        position += sixteenths
    spans: list[ChordSpan] = []
    beat = 0
    for line in chords:
        chord = line.chord
        if chord is not None:
            spans.append(ChordSpan(beat * TICKS_PER_QUARTER, line.beats * TICKS_PER_QUARTER, chord))
        beat += line.beats
    return Song(
        parts=(Part("MELODY", make_notes(onsets, durations, pitches), role="melody"),),
        tempi=(Tempo(0, tempo),),
        meters=(Meter(0, beats_per_bar, 4),),
        keys=place_keys(keys, melody, chords, beats_per_bar),
        chords=join_chords(spans),
        form=form,
        title=f"POP909 {id}",
    )
