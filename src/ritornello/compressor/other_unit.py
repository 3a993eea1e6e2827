"""Does the gain path fit another optical unit? Fits to recordings of a Tube-Tech CL 1B, measured on held-out ones.

Four sounds and a sweep were played through it at three settings, and three excerpts of music; what its knobs were is
not known. Of each setting every sound is left out once: the numbers of the gain path are fitted to the others and
measured on the one. Music is fitted on the first half of an excerpt and measured on the second, for which the unit has
heard the first. Beside them stand, on the same frames,

- the best constant gain of that very sound,
- the shipped numbers of the LA-2A with threshold and make-up gain alone fitted, to the same recordings as ours,
- ours fitted to the very frames that are measured: what the gain path can reach.

Of the unit's own colour only a high-pass (its coupling) is fitted, in every row but the constant gain. The table aligns
whole frames; what is left, up to half a frame, is the same for every row and is taken out first, see `align`. Run::

    python -m ritornello.compressor.other_unit --data la2a-clips.zip --json
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ritornello.compressor.gain_path import GainNumbers
from ritornello.compressor.model import load_model
from ritornello.compressor.process import PRE_ROLL_S, pre_roll
from ritornello.compressor.waveform_fit import Recording, Signal, minimise
from ritornello.datasets.la2a_clips import ClipPair, LevellerClips
from ritornello.errors import ArgumentError, RitornelloError
from ritornello.evaluation.audio_metrics import error_to_signal_ratio, gain_trajectory_db, loudness_error_db
from ritornello.evaluation.statistics import clustered_interval

SOUNDS, SWEEP = ("bass", "hihat", "kick", "guitar"), "sweep"
SETTINGS = ("gentle", "medium", "heavy")
MUSIC = ("clip3", "clip39", "clip5")

ROWS = ("constant_gain", "la2a_times", "fitted", "fitted_on_itself")

METRICS = ("esr", "gain_bias_db", "gain_sd_db", "lufs_error_db")

BOUNDS = {
    "threshold_db": (-60.0, 10.0), "slope": (0.05, 60.0), "knee_db": (0.3, 40.0), "light_ms": (0.005, 50.0),
    "attack_ms": (0.05, 1000.0), "fast_release_ms": (1.0, 3000.0), "slow_release_ms": (20.0, 20_000.0),
    "fast_share": (0.02, 1.0), "memory_shift_db": (0.0, 18.0), "memory_up_ms": (5.0, 20_000.0),
    "memory_down_ms": (50.0, 60_000.0), "memory_full_db": (0.5, 60.0), "makeup_db": (-24.0, 12.0),
    "low_hz": (0.3, 60.0),
}  # fmt: skip
"""Where numbers may go; wider than those of the LA-2A, since other units have knobs for their times."""

LEVELS = ("threshold_db", "makeup_db", "low_hz")
"""Numbers that are fitted first, and alone where the times of the LA-2A stay."""

_LINEAR = ("threshold_db", "fast_share", "memory_shift_db", "makeup_db")

_LOW_HZ = 3.0  # where the high-pass begins

ALIGNED_HZ = (2000.0, 16_000.0)
"""Phases of this range tell the part of a frame by which a target is late."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class UnitNumbers:
    """A unit at one setting.

    Attributes:
        gain: its gain path.
        low_hz: corner of the first-order high-pass behind it.
    """

    gain: GainNumbers
    low_hz: float

    def output(self, recording: Recording) -> Signal:
        """Return what the unit makes of a source: ``(frames,)``."""
        pole = math.exp(-2 * math.pi * self.low_hz / recording.rate)
        return recording.output(self.gain, np.array([1.0, -1.0]) * (1 + pole) / 2, pole)


@dataclass(frozen=True)
class _Heard:
    recording: Recording

    def error(self, unit: UnitNumbers) -> Signal:
        """Return the error over the root of the target's energy."""
        return self.recording.missed(unit.output(self.recording))


class _Space:
    """Some numbers of a unit as a vector, times and slopes as logarithms; the others stay."""

    def __init__(self, unit: UnitNumbers, names: Sequence[str]) -> None:
        self.unit, self.names = unit, names
        edges = np.array([[self._to(name, edge) for edge in BOUNDS[name]] for name in names])
        self.low, self.high = edges[:, 0], edges[:, 1]
        values = {**vars(unit.gain), "low_hz": unit.low_hz}
        self.start = np.clip([self._to(name, values[name]) for name in names], self.low, self.high)

    @staticmethod
    def _to(name: str, value: float) -> float:
        return value if name in _LINEAR else math.log(value)

    def model(self, values: Signal) -> UnitNumbers:
        """Return the unit of a vector."""
        found = {
            name: value if name in _LINEAR else math.exp(value)
            for name, value in zip(self.names, values.tolist(), strict=True)
        }
        low_hz = found.pop("low_hz", self.unit.low_hz)
        return UnitNumbers(replace(self.unit.gain, **found), low_hz)

    def penalty(self, values: Signal) -> tuple[Signal, Signal]:
        """Return no penalty."""
        return np.zeros((0, len(values))), np.zeros(0)


def la2a() -> UnitNumbers:
    """Return the shipped numbers of the LA-2A at Peak Reduction 65."""
    return UnitNumbers(load_model().numbers("compress", 65), _LOW_HZ)


def fit_unit(
    recordings: Sequence[Recording], start: UnitNumbers, names: Sequence[str] = tuple(BOUNDS), iterations: int = 8
) -> UnitNumbers:
    """Return the unit that comes nearest to recordings of one setting.

    Args:
        recordings: each counts alike.
        start: where to begin.
        names: what is fitted, of `BOUNDS`.
        iterations: steps at most.
    """
    return minimise([_Heard(recording) for recording in recordings], _Space(start, names), iterations).model


def align(pair: ClipPair) -> tuple[Recording, float]:
    """Return a pair in mono as a recording, and by which part of a frame its target was late.

    The cross-spectrum's phase over 2 to 16 kHz, a line through 0, tells the delay whatever the gain; the target is
    moved by it.
    """
    from scipy.signal import csd

    rate = pair.source.sample_rate
    source, target = (audio.samples.mean(axis=0, dtype=np.float64) for audio in (pair.source, pair.target))
    hertz, cross = csd(source, target, rate, nperseg=min(2048, len(source)))
    used = (hertz > ALIGNED_HZ[0]) & (hertz < ALIGNED_HZ[1])
    hertz, weight, phase = hertz[used], np.abs(cross[used]), np.angle(cross[used])
    late = -float(weight * hertz @ phase / (2 * np.pi * max(weight @ hertz**2, 1e-300)))
    padded = len(target) + 4096
    spectrum = np.fft.rfft(target, padded)
    turned = spectrum * np.exp(2j * np.pi * late * rate * np.arange(len(spectrum)) / padded)
    moved = np.fft.irfft(turned, padded)[: len(target)]
    return Recording(rate, source[None], np.zeros((1, 0)), moved), late * rate


def measure(recording: Recording, output: Signal) -> dict[str, float]:
    """Return `METRICS` of an output, on the frames that count."""
    source, found, wanted = (x[recording.first :] for x in (recording.source[0], output, recording.target))
    gain = gain_trajectory_db(source, found, wanted, recording.rate)
    return {
        "esr": error_to_signal_ratio(found, wanted),
        "gain_bias_db": float(gain.mean()) if len(gain) else 0.0,
        "gain_sd_db": float(gain.std()) if len(gain) else 0.0,
        "lufs_error_db": loudness_error_db(found, wanted, recording.rate),
    }


def compare(
    held_out: Recording, others: Sequence[Recording], iterations: int = 8
) -> tuple[dict[str, dict[str, float]], UnitNumbers]:
    """Return `METRICS` of each of `ROWS` on a recording that is not among the others, and the unit fitted to those."""
    source, target = held_out.source[0, held_out.first :], held_out.target[held_out.first :]
    best = float(source @ target) / max(float(source @ source), 1e-300)
    levels = fit_unit(others, la2a(), LEVELS, iterations)
    fitted = fit_unit(others, levels, iterations=iterations)  # from there: there is reduction to fit the times of
    on_itself = fit_unit([held_out], fitted, iterations=iterations)
    outputs = [best * held_out.source[0], *(unit.output(held_out) for unit in (levels, fitted, on_itself))]
    return {row: measure(held_out, output) for row, output in zip(ROWS, outputs, strict=True)}, fitted


def halves(recording: Recording, pre_roll_s: float = PRE_ROLL_S) -> tuple[Recording, Recording]:
    """Return the first half, and the whole of which the second half counts; both begin with a lit cell."""
    middle = len(recording.target) // 2
    before = pre_roll(recording.source[:, :middle], round(pre_roll_s * recording.rate))
    source, target = recording.source, recording.target
    first = Recording(recording.rate, source[:, :middle], before, target[:middle])
    return first, Recording(recording.rate, source, before, target, middle)


def evaluate_other_unit(
    clips: LevellerClips, iterations: int = 8, fits_sweep: bool = True, progress: Progress | None = None
) -> dict[str, Any]:
    """Fit and measure on every recording of the other unit.

    Args:
        clips: data with pairs named ``SOUND_SETTING`` of `SOUNDS`, `SWEEP` and `SETTINGS`, and those of `MUSIC`.
        iterations: steps of each fit at most.
        fits_sweep: whether fits to the others hear the sweep, which alone goes through all levels.
        progress: called with (recordings measured, in all).

    Returns:
        ``sounds`` and ``music``, each with ``mean`` of each of `ROWS` over what was held out, of the bias that of its
        magnitude, its 95 % ``interval`` (sounds drawn whole, with all their settings) and ``items``; ``numbers``: the
        unit that was measured on each, fitted to the others; ``late_frames`` that were taken out.

    Raises:
        ReadError: if a recording is missing or damaged.
        ArgumentError: if one is silent.
    """
    ready, late = {}, {}
    names = [f"{sound}_{setting}" for setting in SETTINGS for sound in (*SOUNDS, SWEEP)]
    for name in (*names, *MUSIC):
        ready[name], late[name] = align(clips.load(name))
        if not (ready[name].energy and halves(ready[name])[0].energy and halves(ready[name])[1].energy):
            raise ArgumentError(f"{clips.archive.path}: pair '{name}': the target is silent; there is nothing to fit")
    items, numbers = {}, {}
    for done, name in enumerate((*names, *MUSIC)):
        sound, _, setting = name.partition("_")
        if name in MUSIC:
            first, held_out = halves(ready[name])
            others = [first]
        else:
            held_out = ready[name]
            heard = (*SOUNDS, SWEEP) if fits_sweep else SOUNDS
            others = [ready[f"{other}_{setting}"] for other in heard if other != sound]
        items[name], unit = compare(held_out, others, iterations)
        numbers[name] = {**vars(unit.gain), "low_hz": unit.low_hz}
        if progress is not None:
            progress(done + 1, len(ready))
    by_sound = [[f"{sound}_{setting}" for setting in SETTINGS] for sound in (*SOUNDS, SWEEP)]
    return {
        "sounds": _summary(items, by_sound),
        "music": _summary(items, [[name] for name in MUSIC]),
        "numbers": numbers,
        "late_frames": late,
    }


def _summary(items: dict[str, dict[str, dict[str, float]]], groups: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return means, intervals and the items of some groups."""
    found: dict[str, Any] = {
        "mean": {},
        "interval": {},
        "items": {name: items[name] for group in groups for name in group},
    }
    for row in ROWS:
        values = {metric: [[abs(items[name][row][metric]) for name in group] for group in groups] for metric in METRICS}
        found["mean"][row] = {metric: float(np.mean(by_group)) for metric, by_group in values.items()}
        found["interval"][row] = {metric: clustered_interval(by_group) for metric, by_group in values.items()}
    return found


def as_text(result: dict[str, Any]) -> str:
    """Return the means, and the ESR of every recording, as lines for a person."""
    lines = []
    for part in ("sounds", "music"):
        lines.append(
            f"{part} ({len(result[part]['items'])} held out): mean ESR, |gain bias|, gain sd, LUFS error in dB"
        )
        for row, mean in result[part]["mean"].items():
            lines.append(f"  {row:<17}" + "".join(f"{mean[metric]:10.4f}" for metric in METRICS))
        lines.append(f"  ESR by recording: {', '.join(ROWS)}")
        for name, item in result[part]["items"].items():
            lines.append(f"  {name:<17}" + "".join(f"{item[row]['esr']:10.4f}" for row in ROWS))
    return "\n".join(lines)


def _main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ritornello.compressor.other_unit",
        description="Fit the gain path to recordings of another optical unit, measure it on held-out ones.",
    )
    parser.add_argument("--data", required=True, help="la2a-clips.zip, or a folder with a pairs.csv")
    parser.add_argument("--iterations", type=int, default=8, help="steps of each fit at most, 1 to 100")
    parser.add_argument("--without-sweep", action="store_true", help="fit to the other sounds but not to the sweep")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if not 1 <= options.iterations <= 100:
        parser.exit(2, f"--iterations {options.iterations} is out of range; it goes from 1 to 100\n")

    def progress(done: int, total: int) -> None:
        print(f"\r{done} of {total} recordings", end="" if done < total else "\n", file=sys.stderr, flush=True)

    try:
        result = evaluate_other_unit(
            LevellerClips(options.data), options.iterations, not options.without_sweep, progress
        )
    except RitornelloError as error:
        parser.exit(2, f"{error}\n")
    print(json.dumps(result) if options.json else as_text(result))


if __name__ == "__main__":
    _main()
