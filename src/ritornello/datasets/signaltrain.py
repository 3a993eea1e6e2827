"""SignalTrain LA2A, downloaded by a user, or simulated pairs in the same layout: a folder in, aligned samples out.

Hawley, Colburn, Mimilakis, *SignalTrain LA2A dataset* v1.1 (Zenodo record 3824876, CC BY 4.0): folders ``Train``,
``Val`` and ``Test`` with files ``input_138_.wav`` and ``target_138_LA2A_3c__0__0.wav``, that is number, group, switch
(0 Compress, 1 Limit) and Peak Reduction. The folder decides the split. Test pairs are for measuring only: recordings
that models are accepted by are cut from them, so asking for them to train on is an error.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, ReadError

FOLDERS = {"train": "Train", "validation": "Val", "test": "Test"}
"""The folder of each split."""

TARGET_NAME = re.compile(r"target_(\d+)_LA2A_(\w+?)__(\d)__(\d+(?:\.\d+)?)\.wav")


@dataclass(frozen=True)
class SettingPair:
    """Two files, into and out of the unit, and the setting.

    Attributes:
        number: the number of both files.
        group: ``2c`` or ``3c``, which recording session; ``sim`` for simulated ones.
        is_limit: the switch.
        peak_reduction: the knob, 0 to 100.
        source: the input's file.
        target: the output's file.
        frames: length of both.
        sample_rate: of both, in Hz.
    """

    number: str
    group: str
    is_limit: bool
    peak_reduction: float
    source: Path
    target: Path
    frames: int
    sample_rate: int

    def read(self, start: int = 0, frames: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a stretch of input and output, each float32 ``(frames,)``; only that stretch is read.

        Raises:
            ReadError: if a file is damaged, or the stretch is not within it.
        """
        count = self.frames - start if frames is None else frames
        if start < 0 or count < 1 or start + count > self.frames:
            raise ReadError(f"{self.source}: has no frames {start} to {start + count}; it has {self.frames}")
        return _stretch(self.source, start, count), _stretch(self.target, start, count)


class SignalTrain:
    """The folder with ``Train``, ``Val`` and ``Test``; any of them may be missing.

    Args:
        path: the folder.

    Raises:
        ReadError: if there is none of the three, a target has no input, or both differ in length or sample rate.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_dir() or not any((self.path / name).is_dir() for name in FOLDERS.values()):
            raise ReadError(f"{self.path}: holds no folder Train, Val or Test; give the folder of SignalTrain LA2A")

    def split(self, name: str) -> list[SettingPair]:
        """Return the pairs of a split, ``train``, ``validation`` or ``test``, by number.

        Raises:
            ArgumentError: for another name.
            ReadError: see the class.
        """
        if name not in FOLDERS:
            raise ArgumentError(f"split '{name[:20]}' is not train, validation or test")
        folder = self.path / FOLDERS[name]
        names = sorted(folder.iterdir()) if folder.is_dir() else []
        found = [(place, TARGET_NAME.fullmatch(place.name)) for place in names]
        pairs = [_pair(place, *match.groups()) for place, match in found if match is not None]
        return sorted(pairs, key=lambda pair: (int(pair.number), pair.target.name))

    def for_training(self, name: str = "train") -> list[SettingPair]:
        """Return the pairs of a split to learn or choose from: ``train`` or ``validation``.

        Raises:
            ArgumentError: for ``test``, and if the split is empty.
            ReadError: see the class.
        """
        if name == "test":
            raise ArgumentError(f"{self.path / 'Test'}: Test files are for measuring only, never for training")
        pairs = self.split(name)
        if not pairs:
            raise ArgumentError(f"{self.path / FOLDERS[name]}: holds no pair of input_N_.wav and target_N_LA2A_..wav")
        return pairs


def pair_names(number: int, group: str, is_limit: bool, peak_reduction: float) -> tuple[str, str]:
    """Return the names of the input and the target of a pair."""
    knob = f"{peak_reduction:g}"
    return f"input_{number}_.wav", f"target_{number}_LA2A_{group}__{int(is_limit)}__{knob}.wav"


def _pair(target: Path, number: str, group: str, switch: str, knob: str) -> SettingPair:
    import soundfile

    source = target.with_name(f"input_{number}_.wav")
    if not source.is_file():
        raise ReadError(f"{target}: its input {source.name} is missing")
    if switch not in "01" or not 0 <= float(knob) <= 100:
        raise ReadError(f"{target}: switch {switch} and Peak Reduction {knob} are no setting; 0 or 1, and 0 to 100")
    try:
        before, after = soundfile.info(source), soundfile.info(target)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise ReadError(f"{target}: it or its input is damaged ({str(error).split(': ')[-1]})") from None
    for what, first, second in (
        ("frames", before.frames, after.frames),
        ("Hz", before.samplerate, after.samplerate),
        ("channels", before.channels, after.channels),
    ):
        if first != second:
            raise ReadError(f"{target}: {second} {what}, but {source.name} has {first}")
    return SettingPair(
        number, group, switch == "1", float(knob), source, target, int(before.frames), int(before.samplerate)
    )


def _stretch(path: Path, start: int, frames: int) -> NDArray[np.float32]:
    import soundfile

    try:
        samples, _ = soundfile.read(path, frames=frames, start=start, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
        raise ReadError(f"{path}: is damaged ({str(error).split(': ')[-1]})") from None
    if len(samples) != frames or not np.isfinite(samples).all():
        raise ReadError(f"{path}: is damaged, it ends early or holds what is no number")
    mono: NDArray[np.float32] = np.ascontiguousarray(samples[:, 0])
    return mono
