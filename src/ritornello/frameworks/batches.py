"""Phrases of songs as padded arrays.

Axes: R rows (phrases), T tokens of the longest phrase, F columns, B bits, S songs, N tokens of the longest song.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ritornello.frameworks.data import IntArray
from ritornello.frameworks.features import Features

IGNORED = -100
"""Target of what is not to be learned or measured."""


@dataclass(frozen=True)
class Example:
    """A phrase of a song with what is to be predicted.

    Attributes:
        features: see `features.Features`.
        tokens: ``(T,)`` the true classes: history and targets.
        first: tokens before it are no targets (leading segments without a note).
        allowed: ``(T, classes / 8)`` possible classes as packed bits, or None for all.
    """

    features: Features
    tokens: IntArray
    first: int = 0
    allowed: NDArray[np.uint8] | None = None


class Places(NamedTuple):
    """Where tokens stand: all that pointing depends on, each ``(…, tokens)`` int64.

    Attributes:
        phrase: number of the phrase in the song.
        letter: number of its letter.
        token: number of the token in the phrase.
        step: first step in the phrase.
        label: rhythm label, -1 where unknown.
        bar_steps: steps in a bar.
    """

    phrase: Tensor
    letter: Tensor
    token: Tensor
    step: Tensor
    label: Tensor
    bar_steps: Tensor

    def gather(self, index: Tensor) -> Places:
        """Return the places ``(S, N)`` of tokens of the flattened rows."""
        return Places(*(value.reshape(-1)[index] for value in self))

    def slice(self, start: int, stop: int) -> Places:
        """Return the places of some tokens of the last axis."""
        return Places(*(value[..., start:stop] for value in self))


@dataclass(frozen=True)
class Batch:
    """Phrases of one or more songs.

    Attributes:
        numbers: ``[R, T, F]`` int64.
        bits: ``[R, T, B]`` float32.
        references: ``[R, T, K]`` int64 pitches from which intervals are counted.
        tokens: ``[R, T]`` int64 the true classes, 0 where padded.
        targets: ``[R, T]`` int64 the same, `IGNORED` where nothing is to be predicted.
        is_token: ``[R, T]`` bool, false where padded.
        places: see `Places`, ``[R, T]``.
        allowed: ``[R, T, classes]`` bool, or None if all classes are possible.
        by_song: ``[S, N]`` int64, index into the flattened rows of each song's tokens in their order.
        in_song: ``[S, N]`` bool, false where padded.
        remembers: ``[R]`` bool, whether a phrase may look at earlier phrases of its song.
    """

    numbers: Tensor
    bits: Tensor
    references: Tensor
    tokens: Tensor
    targets: Tensor
    is_token: Tensor
    places: Places
    allowed: Tensor | None
    by_song: Tensor
    in_song: Tensor
    remembers: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        places = Places(*(value.to(device) for value in self.places))
        return Batch(**{**vars(self), **moved, "places": places})


def collate(songs: Sequence[Sequence[Example]], remembers: ArrayLike = True) -> Batch:
    """Pad the phrases of songs.

    Args:
        songs: for each song its phrases in their order; all of one task.
        remembers: for each phrase whether it may look at earlier phrases of its song, or one value for all.
    """
    rows = [example for song in songs for example in song]
    longest = max(len(row.tokens) for row in rows)
    shape = (len(rows), longest)
    first = rows[0].features
    numbers = np.zeros((*shape, first.numbers.shape[1]), np.int64)
    bits = np.zeros((*shape, first.bits.shape[1]), np.float32)
    references = np.full((*shape, first.references.shape[1]), -1, np.int64)
    tokens, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
    is_token = np.zeros(shape, np.bool_)
    places = np.zeros((6, *shape), np.int64)
    packed = rows[0].allowed is not None
    allowed = np.zeros((*shape, rows[0].allowed.shape[1] * 8 if rows[0].allowed is not None else 0), np.bool_)
    lengths = [sum(len(example.tokens) for example in song) for song in songs]
    by_song = np.zeros((len(songs), max(lengths)), np.int64)
    in_song = np.arange(max(lengths))[None, :] < np.array(lengths)[:, None]
    row = 0
    for song_index, song in enumerate(songs):
        letters: dict[str, int] = {}
        filled = 0
        for phrase, example in enumerate(song):
            features, size = example.features, len(example.tokens)
            numbers[row, :size], bits[row, :size], references[row, :size] = (
                features.numbers, features.bits, features.references,
            )  # fmt: skip
            tokens[row, :size], is_token[row, :size] = example.tokens, True
            targets[row, example.first : size] = example.tokens[example.first :]
            letter = letters.setdefault(features.letter, len(letters))
            places[:, row, :size] = _places(features, phrase, letter)
            if example.allowed is not None:
                allowed[row, :size] = np.unpackbits(example.allowed, axis=1)
                allowed[row, size:] = True
            by_song[song_index, filled : filled + size] = row * longest + np.arange(size)
            filled += size
            row += 1
    sees = np.broadcast_to(np.asarray(remembers, np.bool_), len(rows)).copy()
    numbers_, bits_, references_, tokens_, targets_ = (
        torch.from_numpy(value) for value in (numbers, bits, references, tokens, targets)
    )
    return Batch(
        numbers_, bits_, references_, tokens_, targets_, torch.from_numpy(is_token),
        Places(*torch.from_numpy(places)), torch.from_numpy(allowed) if packed else None,
        torch.from_numpy(by_song), torch.from_numpy(in_song), torch.from_numpy(sees),
    )  # fmt: skip


def places_of(features: Features, phrase: int, letter: int) -> Places:
    """Return the places ``[1, T]`` of one phrase: its number in the song and the number of its letter are given."""
    return Places(*torch.from_numpy(_places(features, phrase, letter))[:, None, :])


def _places(features: Features, phrase: int, letter: int) -> IntArray:
    whole = np.ones(len(features), np.int64)
    return np.stack([
        phrase * whole, letter * whole, np.arange(len(features)), features.places, features.labels,
        features.bar_steps * whole,
    ])  # fmt: skip
