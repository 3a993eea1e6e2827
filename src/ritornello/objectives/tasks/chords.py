"""Chords of songs as segmentation: the piano roll of a POP909 song in, one of 25 classes for every beat out.

Classes: 12 major, 12 minor chords, and none. Chords with a major third count as major, with a minor third as minor;
those without one are ignored, and so are beats of bars in which the MIDI file does not fit the annotation's grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ritornello.datasets.pop909 import Pop909, Pop909Song
from ritornello.errors import ArgumentError
from ritornello.nn.objectives import OBJECTIVES, make_head
from ritornello.objectives.task import (
    FULL_BUDGETS,
    IGNORED,
    QUICK_LOSSES,
    Batch,
    OptimizerName,
    Profile,
    ProfileName,
    Split,
)
from ritornello.score import Chord, Song
from ritornello.score.timeline import TICKS_PER_QUARTER

CLASSES, NO_CHORD = 25, 24
"""Roots of major chords, then of minor ones, then none."""

LOWEST, PITCHES = 21, 88
"""The roll's pitches: those of a piano."""

PROFILES: dict[ProfileName, Profile] = {
    "quick": Profile(
        "quick", QUICK_LOSSES, steps=600, validate_every=20,
        warmup_steps=30, middle_rate=0.1,
    ),
    "full": Profile(
        "full", tuple(OBJECTIVES), steps=3_000, validate_every=60, warmup_steps=150, middle_rate=0.1,
        decays=(1e-4, 5e-4, 2e-3), budgets=FULL_BUDGETS,
    ),
}  # fmt: skip

_SONGS = {"quick": (200, 40, None), "full": (None, None, None)}
_WIDTH = {"quick": 48, "full": 256}
_CROPS, _CROP_BEATS = 16, 64
_HELD_OUT_SONGS = 10
_TRANSPOSITIONS = (-5, 6)


class ChordTask:
    """Name the chord of every beat.

    Args:
        data: the POP909 pack.
        profile: quick: 200 songs, a narrow network; full: all.

    Raises:
        ArgumentError: if a split has no song.
        ReadError: if the data is damaged.
    """

    name = "chords"
    title = "chords of POP909"
    classes = CLASSES
    class_dim = 1
    optimizer: OptimizerName = "sgd"

    def __init__(self, data: Pop909, profile: ProfileName) -> None:
        self.profile = PROFILES[profile]
        self._songs: dict[str, list[tuple[NDArray[np.float32], NDArray[np.int64]]]] = {}
        for split, count in zip(("train", "validation", "test"), _SONGS[profile], strict=True):
            ids = data.split(split)[:count]
            read = (beats_of(data.load(id), *data.aligned(id)) for id in ids)
            self._songs[split] = [song for song in read if (song[1] != IGNORED).any()]
            if not self._songs[split]:
                raise ArgumentError(f"{data.archive.path}: no song of the {split} split has chords on its grid")

    def describe(self) -> dict[str, Any]:
        """Return numbers of songs, and of beats that count."""
        return {
            split: {"songs": len(songs), "beats": int(sum((labels != IGNORED).sum() for _, labels in songs))}
            for split, songs in self._songs.items()
        }

    def network(self, objective: str) -> nn.Module:
        """Return the profile's network."""
        return ChordNetwork(objective, _WIDTH[self.profile.name])

    def training_batch(self, step: int, seed: int) -> Batch:
        """Return pieces of songs drawn by chance, each transposed by chance."""
        rng = np.random.default_rng((seed, step))
        rolls = np.zeros((_CROPS, PITCHES, _CROP_BEATS), np.float32)
        labels = np.full((_CROPS, _CROP_BEATS), IGNORED, np.int64)
        songs = self._songs["train"]
        for row in range(_CROPS):
            roll, names = songs[int(rng.integers(len(songs)))]
            begin = int(rng.integers(max(1, len(names) - _CROP_BEATS + 1)))
            shift = int(rng.integers(_TRANSPOSITIONS[0], _TRANSPOSITIONS[1] + 1))
            piece, names = transposed(roll[:, begin : begin + _CROP_BEATS], names[begin : begin + _CROP_BEATS], shift)
            rolls[row, :, : len(names)], labels[row, : len(names)] = piece, names
        return torch.from_numpy(rolls), torch.from_numpy(labels)

    def held_out(self, split: Split) -> Iterator[Batch]:
        """Yield whole songs, the shorter ones filled up with beats that do not count."""
        songs = sorted(self._songs[split], key=lambda song: len(song[1]))
        for start in range(0, len(songs), _HELD_OUT_SONGS):
            yield _padded(songs[start : start + _HELD_OUT_SONGS])


class ChordNetwork(nn.Module):
    """Convolutions over 13 beats with each in the middle.

    Args:
        objective: what the last layer must suit.
        width: channels.
    """

    def __init__(self, objective: str, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_layer(PITCHES, width, 1, 1), *_layer(width, width, 5, 1), *_layer(width, width, 5, 2)
        )
        self.head = make_head(objective, width, CLASSES)

    def forward(self, rolls: Tensor) -> Tensor:
        """Return logits ``(N, 25, T)`` of rolls ``(N, 88, T)``."""
        seen: Tensor = self.head(self.body(rolls).transpose(1, 2))
        return seen.transpose(1, 2)


def _layer(width_in: int, width: int, size: int, dilation: int) -> tuple[nn.Module, ...]:
    padding = dilation * (size // 2)
    convolution = nn.Conv1d(width_in, width, size, padding=padding, dilation=dilation, bias=False)
    return convolution, nn.BatchNorm1d(width), nn.ReLU(inplace=True)


def beats_of(
    loaded: Pop909Song, song: Song, unreliable_bars: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the piano roll of a song, and the class of each beat.

    Args:
        loaded: the song as annotated.
        song: the same with the parts of its MIDI file, on the same grid.
        unreliable_bars: bars whose beats do not count.

    Returns:
        float32 ``(88, T)``: the share of each beat in which a pitch sounds; int64 ``(T,)``, `IGNORED` for beats that do
        not count.
    """
    labels = np.array([class_of(line.chord) for line in loaded.file_chords for _ in range(line.beats)], np.int64)
    for bar in unreliable_bars:
        labels[bar * loaded.beats_per_bar : (bar + 1) * loaded.beats_per_bar] = IGNORED
    sounding = np.zeros((PITCHES, len(labels) * TICKS_PER_QUARTER), np.bool_)
    for part in song.parts:
        for note in part.notes:
            pitch = int(note["pitch"]) - LOWEST
            if 0 <= pitch < PITCHES and not part.is_drums:
                sounding[pitch, max(0, int(note["onset"])) : int(note["onset"]) + int(note["duration"])] = True
    roll = sounding.reshape(PITCHES, len(labels), TICKS_PER_QUARTER).mean(2, dtype=np.float32)
    return roll, labels


def class_of(chord: Chord | None) -> int:
    """Return the class of a chord, `IGNORED` without a third."""
    if chord is None:
        return NO_CHORD
    if 4 in chord.intervals:
        return chord.root
    return 12 + chord.root if 3 in chord.intervals else IGNORED


def transposed(
    roll: NDArray[np.float32], labels: NDArray[np.int64], shift: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return a roll ``(88, T)`` and its classes some semitones higher; pitches that leave the piano are lost."""
    moved = np.zeros_like(roll)
    if shift >= 0:
        moved[shift:] = roll[: PITCHES - shift]
    else:
        moved[:shift] = roll[-shift:]
    is_chord = (labels != IGNORED) & (labels != NO_CHORD)
    names = np.where(is_chord, labels // 12 * 12 + (labels % 12 + shift) % 12, labels)
    return moved, names


def _padded(songs: Sequence[tuple[NDArray[np.float32], NDArray[np.int64]]]) -> Batch:
    longest = max(len(labels) for _, labels in songs)
    rolls = np.zeros((len(songs), PITCHES, longest), np.float32)
    names = np.full((len(songs), longest), IGNORED, np.int64)
    for row, (roll, labels) in enumerate(songs):
        rolls[row, :, : len(labels)], names[row, : len(labels)] = roll, labels
    return torch.from_numpy(rolls), torch.from_numpy(names)
