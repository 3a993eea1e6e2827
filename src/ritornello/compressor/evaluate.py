"""Every model beside the hardware on pairs of recordings: one table, per clip and on average.

Models run from the first frame, after a mirror of the clip's first two seconds, since clips are cut out of recordings
that went on before; measured is what comes after the first 302 ms, which is where the widest convolution has its first
output. Simulated pairs begin with cells in the dark, and so do the models there. The STFT distance is told with the
hardware's noise added to the model's output, and without. Ends of the scale stand beside them: the input itself, and
the best constant gain of each clip.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.data import HeldPair
from ritornello.compressor.process import PRE_ROLL_S, Leveller, pre_roll
from ritornello.datasets.la2a_clips import ClipPair, LevellerClips
from ritornello.errors import ArgumentError
from ritornello.evaluation.audio_metrics import audio_distance
from ritornello.evaluation.audio_spectra import mr_stft_distance
from ritornello.evaluation.statistics import bootstrap_interval

SKIPPED_S = 13_332 / 44_100
"""Beginning of a clip that is not measured, in seconds."""

HISS_DBFS = -88.0
"""Noise of the hardware, RMS."""

DEFAULT_MODEL = "ours"

METRICS = (
    "mae", "esr", "esr_preemphasis", "mr_stft", "mr_stft_no_hiss", "lufs_error_db", "crest_error_db", "gain_bias_db",
    "gain_sd_db", "polarity",
)  # fmt: skip

_MAGNITUDES = ("crest_error_db", "gain_bias_db")  # their means are those of absolute values

Model = Callable[[ClipPair], NDArray[np.float32]]


def evaluate_clips(
    data: str | os.PathLike[str],
    models: Sequence[str] = (DEFAULT_MODEL,),
    progress: Callable[[int, int], None] | None = None,
    *,
    pre_roll_s: float = PRE_ROLL_S,
) -> dict[str, Any]:
    """Measure models on the pairs of a folder or zip whose setting is known.

    Args:
        data: folder or zip with a ``pairs.csv``, see `datasets.la2a_clips`.
        models: names as `Leveller` takes them, or ``all`` for the shipped ones.
        progress: called with (measurements done, in all).
        pre_roll_s: how much of a clip's beginning models have heard before it, backwards; 0 for cells in the dark.

    Returns:
        ``mean`` of the default model (of the first one where that is not measured), and ``models`` with ``mean``,
        ``interval`` of the mean ESR and ``clips`` of each, floors included. Clips without a known setting are listed in
        ``skipped``.

    Raises:
        ArgumentError: if no setting is known, or a model does not run on a clip.
        ReadError: if the data cannot be read.
    """
    clips = LevellerClips(data)
    ids = clips.with_known_setting()
    if not ids:
        raise ArgumentError(
            f"{clips.archive.path}: no pair has a known mode and Peak Reduction; there is nothing to measure"
        )
    names = list(dict.fromkeys(chosen_models(models)))
    runs: dict[str, Model] = {name: _leveller(name, pre_roll_s) for name in names}
    runs |= {"identity": _identity, "constant gain": _constant_gain}
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in runs}
    done = 0
    for id in ids:
        pair = clips.load(id)
        for name, run in runs.items():
            found[name][id] = measure(pair, run(pair))
            done += 1
            if progress is not None:
                progress(done, len(ids) * len(runs))
    table = {
        name: {"mean": mean_of(list(by_clip.values())), **_interval(by_clip), "clips": by_clip}
        for name, by_clip in found.items()
    }
    main = DEFAULT_MODEL if DEFAULT_MODEL in table else names[0]
    skipped = [id for id in clips.ids if id not in ids]
    return {"mean": table[main]["mean"], "clips": len(ids), "skipped": skipped, "models": table}


def chosen_models(models: Sequence[str]) -> list[str]:
    """Return names of models, with ``all`` spelt out."""
    if "all" not in models:
        return list(models)
    from ritornello.nn.weights import PACKAGED

    shipped = sorted(place.parent.name for place in PACKAGED.glob("compressor-*/model.safetensors"))
    return [DEFAULT_MODEL, "sim", *(name.removeprefix("compressor-") for name in shipped)]


def measure(pair: ClipPair, output: NDArray[np.float32]) -> dict[str, float]:
    """Return the measurements of one output, `METRICS` by name."""
    rate = pair.source.sample_rate
    first = round(SKIPPED_S * rate) if pair.source.frames > 2 * SKIPPED_S * rate else 0
    source, target, wet = pair.source.samples[:, first:], pair.target.samples[:, first:], output[:, first:]
    distance = asdict(audio_distance(source, wet, target, rate))
    noise = np.random.default_rng(0).standard_normal(wet.shape) * 10 ** (HISS_DBFS / 20)
    with_hiss = mr_stft_distance(wet * distance["polarity"] + noise, target)
    distance["mr_stft_no_hiss"], distance["mr_stft"] = distance["mr_stft"], with_hiss
    return {name: float(distance[name]) for name in METRICS}


def mean_of(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean over clips; of bias and crest error the mean magnitude."""
    means = {}
    for name in METRICS:
        values = np.array([row[name] for row in rows])
        means[name] = float((np.abs(values) if name in _MAGNITUDES else values).mean())
    return means


def evaluate_simulated(pairs: Sequence[HeldPair], models: Sequence[str]) -> dict[str, Any]:
    """Measure models on simulated pairs: those of a seeded test split, with sounds and settings of their own."""
    from ritornello.sound import Audio

    rows: dict[str, dict[str, dict[str, float]]] = {}
    runs: dict[str, Model] = {name: _leveller(name, 0.0) for name in chosen_models(models)}
    runs |= {"identity": _identity, "constant gain": _constant_gain}
    for number, held in enumerate(pairs):
        mode = "limit" if held.is_limit else "compress"
        source, target = (Audio(samples, 44_100) for samples in (held.source, held.target))
        pair = ClipPair(str(number), "simulation", mode, held.peak_reduction, source, target)
        if not held.target[round(SKIPPED_S * 44_100) :].any():
            continue
        for name, run in runs.items():
            rows.setdefault(name, {})[pair.id] = measure(pair, run(pair))
    return {
        name: {"mean": mean_of(list(by_clip.values())), **_interval(by_clip), "pairs": len(by_clip)}
        for name, by_clip in rows.items()
    }


def _leveller(name: str, pre_roll_s: float) -> Model:
    def run(pair: ClipPair) -> NDArray[np.float32]:
        assert pair.mode is not None and pair.peak_reduction is not None
        unit = Leveller(
            pair.source.sample_rate,
            pair.source.channels,
            model=name,
            mode=pair.mode,
            peak_reduction=pair.peak_reduction,
        )
        unit.warm_up(pre_roll(pair.source.samples, round(pre_roll_s * pair.source.sample_rate)))
        return unit.process(pair.source.samples)

    return run


def _identity(pair: ClipPair) -> NDArray[np.float32]:
    return pair.source.samples


def _constant_gain(pair: ClipPair) -> NDArray[np.float32]:
    first = round(SKIPPED_S * pair.source.sample_rate) if pair.source.duration_s > 2 * SKIPPED_S else 0
    source, target = (audio.samples[:, first:].astype(np.float64) for audio in (pair.source, pair.target))
    gain = float(np.vdot(source, target)) / max(float(np.vdot(source, source)), 1e-30)
    return pair.source.samples * np.float32(gain)


def _interval(by_clip: dict[str, dict[str, float]]) -> dict[str, list[float]]:
    low, high = bootstrap_interval([row["esr"] for row in by_clip.values()])
    return {"esr_interval": [low, high]}
