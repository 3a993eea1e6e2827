"""Training pairs: simulated without limit, written in the layout of SignalTrain, and cut into segments.

The simulation covers the 42 settings of SignalTrain (both modes, Peak Reduction 0 to 100 in steps of 5) and random
ones between; every pair runs from a dark cell. Validation and test pairs have sounds and settings of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.programme import programme
from ritornello.compressor.simulation import Simulation, coloured
from ritornello.compressor.unit import CALIBRATED
from ritornello.datasets.la2a_clips import TABLE, LevellerClips
from ritornello.datasets.signaltrain import FOLDERS, SignalTrain, pair_names
from ritornello.errors import ArgumentError
from ritornello.files import result_folder
from ritornello.sound import Audio

SAMPLE_RATE = 44100
"""Sample rate of all training pairs, in Hz."""

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
"""How simulated pairs are divided."""


class Pair(Protocol):
    """What went into a unit and what came out, at a setting, at 44.1 kHz: in memory, or in files."""

    @property
    def frames(self) -> int:
        """Length in frames."""

    @property
    def is_limit(self) -> bool:
        """The switch."""

    @property
    def peak_reduction(self) -> float:
        """The knob, 0 to 100."""

    def read(self, start: int = 0, frames: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a stretch of input and output, each float32 ``(frames,)``."""


@dataclass(frozen=True, eq=False)
class HeldPair:
    """A pair in memory; see `Pair`.

    Attributes:
        source: float32 ``(frames,)``: the input.
        target: float32 ``(frames,)``: the output.
        is_limit: the switch.
        peak_reduction: 0 to 100.
    """

    source: NDArray[np.float32]
    target: NDArray[np.float32]
    is_limit: bool
    peak_reduction: float

    @property
    def frames(self) -> int:
        """Length in frames."""
        return len(self.source)

    def read(self, start: int = 0, frames: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a stretch of input and output, each float32 ``(frames,)``."""
        stretch = slice(start, None if frames is None else start + frames)
        return self.source[stretch], self.target[stretch]


def simulated_pair(
    seed: Sequence[int], frames: int, is_limit: bool, peak_reduction: float, songs: Sequence[Audio] = ()
) -> HeldPair:
    """Return a pair of the simulated unit: the same arguments give the same pair."""
    source = programme(seed, frames, SAMPLE_RATE, songs)
    unit = Simulation(SAMPLE_RATE, 1, peak_reduction, is_limit, CALIBRATED)
    target = coloured(unit.process(source[None])[0], SAMPLE_RATE)[0]
    return HeldPair(source.astype(np.float32), target.astype(np.float32), is_limit, peak_reduction)


def setting_of(index: int, seed: int, split: str) -> tuple[bool, float]:
    """Return switch and Peak Reduction of a pair of a split: training goes through the 42 settings and random ones."""
    if split == "train" and index % 2 == 0:
        setting = index // 2 % 42
        return setting >= 21, 5.0 * (setting % 21)
    rng = np.random.default_rng([seed, index, list(FOLDERS).index(split)])
    return bool(rng.integers(2)), round(float(rng.uniform(0, 100)), 1)


def simulated_pairs(split: str, count: int, seconds: float, seed: int, songs: Sequence[Audio] = ()) -> list[HeldPair]:
    """Return pairs of a split, in memory.

    Args:
        split: ``train``, ``validation`` or ``test``.
        count: how many.
        seconds: length of each.
        seed: of sounds and settings.
        songs: see `programme`.
    """
    return [simulated_pair_at(split, index, seconds, seed, songs) for index in range(count)]


def write_pairs(
    folder: str | os.PathLike[str],
    minutes: float,
    seconds: float = 20.0,
    seed: int = 0,
    songs: Sequence[Audio] = (),
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write simulated pairs as 32-bit float WAV, in the layout of SignalTrain.

    Args:
        folder: the folder to make.
        minutes: audio in all.
        seconds: length of a pair.
        seed: of sounds and settings.
        songs: see `programme`.
        force: replace the files of an existing folder.
        progress: called with (pairs done, pairs in all).

    Returns:
        The number of pairs of each split.

    Raises:
        ArgumentError: if there would be no pair in a split.
        WriteError: if the folder cannot be written.
    """
    total = round(minutes * 60 / seconds)
    counts = {split: max(1, round(total * share)) for split, share in SHARES.items()}
    if total < 3 or seconds < 1:
        raise ArgumentError(f"{minutes:g} minutes in pairs of {seconds:g} s leave a split without one; ask for more")
    done = 0
    with result_folder(folder, force) as place:
        for split, count in counts.items():
            (place / FOLDERS[split]).mkdir()
            for index in range(count):
                pair = simulated_pair_at(split, index, seconds, seed, songs)
                names = pair_names(done, "sim", pair.is_limit, pair.peak_reduction)
                for name, samples in zip(names, (pair.source, pair.target), strict=True):
                    Audio(samples, SAMPLE_RATE).write(place / FOLDERS[split] / name, "FLOAT")
                done += 1
                if progress is not None:
                    progress(done, sum(counts.values()))
    return counts


def simulated_pair_at(split: str, index: int, seconds: float, seed: int, songs: Sequence[Audio]) -> HeldPair:
    """Return one pair of a split."""
    key = (seed, list(FOLDERS).index(split), index)
    return simulated_pair(key, round(seconds * SAMPLE_RATE), *setting_of(index, seed, split), songs)


def recorded_pairs(path: str | os.PathLike[str], split: str) -> Sequence[Pair]:
    """Return the pairs of a data set to learn or choose from.

    Args:
        path: a folder in the layout of SignalTrain, read as it is needed; or a folder or zip of clips with a
            ``pairs.csv``, which has no splits: its pairs of known setting are there for learning only.
        split: ``train`` or ``validation``.

    Raises:
        ArgumentError: for ``test``, if there is no pair, or one has another sample rate than 44.1 kHz.
        ReadError: if a file is damaged.
    """
    found: list[tuple[str, int, Pair]]
    if Path(path).is_dir() and not (Path(path) / TABLE).is_file():
        found = [(str(pair.source), pair.sample_rate, pair) for pair in SignalTrain(path).for_training(split)]
    else:
        clips = LevellerClips(path)
        loaded = [clips.load(id) for id in clips.with_known_setting()] if split == "train" else []
        if not loaded:
            raise ArgumentError(f"{path}: has no pair of known setting to use for {split}")
        found = []
        for clip in loaded:
            source, target = (audio.samples.mean(axis=0, dtype=np.float32) for audio in (clip.source, clip.target))
            pair = HeldPair(source, target, clip.mode == "limit", clip.peak_reduction or 0.0)
            found.append((f"{path}: {clip.id}", clip.source.sample_rate, pair))
    for name, rate, _ in found:
        if rate != SAMPLE_RATE:
            raise ArgumentError(f"{name}: {rate} Hz; training pairs have {SAMPLE_RATE} Hz")
    return [pair for _, _, pair in found]
