"""A recording through the amplifier in the memory of a block: loudness, peak and gain are measured as it goes by.

A wanted loudness takes two passes: the first measures the wet signal, the second writes it with the gain that is
missing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.process import (
    GAIN_RANGE_DB,
    HIGHEST_RATE_HZ,
    LOWEST_RATE_HZ,
    PRE_ROLL_S,
    Leveller,
    Settings,
)
from ritornello.compressor.stages import LOUDEST
from ritornello.compressor.trace import Trace
from ritornello.errors import ArgumentError, ReadError
from ritornello.sound.running_loudness import RunningLoudness
from ritornello.sound.streams import AudioReader, output_format, write_audio

Progress = Callable[[int, int], None]


def compress_file(
    source: AudioReader,
    out: Path,
    settings: Settings,
    *,
    model: str = "ours",
    sidechain: AudioReader | None = None,
    target_lufs: float | None = None,
    trace: Path | None = None,
    block: int = 65536,
    pre_roll_s: float = PRE_ROLL_S,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compress an open recording into a file that keeps its format, length and metadata.

    Args:
        source: the recording.
        out: the file to write, see `sound.streams.output_format`.
        settings: the knobs.
        model: see `Leveller`.
        sidechain: what the detector hears instead, of the same sample rate and length, and as many channels or one.
        target_lufs: loudness to reach by make-up gain.
        trace: a ``.csv`` or ``.png`` for the gain over time.
        block: frames at a time.
        pre_roll_s: how much of the recording's beginning the unit has heard before it, see `process.pre_roll`; 0 for
            cells in the dark.
        progress: called with (frames done, frames in all).

    Returns:
        Duration, loudness and peak before and after, greatest and mean reduction, gain, counts of clipped and replaced
        samples; loudness is None where nothing can be told, and with more than two channels.

    Raises:
        ArgumentError: if an argument is out of range or does not fit the file.
        ReadError: if a recording is empty or damaged, or its rate is not supported.
        WriteError: if a result cannot be written.
    """
    info = source.info
    check_recording(source)
    if sidechain is not None:
        check_sidechain(source, sidechain)
    _, subtype = output_format(out, info)
    passes = 1 if target_lufs is None else 2
    if target_lufs is not None:
        if info.channels > 2:
            raise ArgumentError(f"--target-lufs measures one or two channels, {info.path} has {info.channels}")
        meter = RunningLoudness(info.sample_rate, info.channels)
        unit = Leveller(info.sample_rate, info.channels, settings, model=model)
        done = 0
        for wet, *_ in _passes(unit, source, sidechain, block, pre_roll_s):
            meter.add(wet)
            done += wet.shape[1]
            if progress is not None:
                progress(done, passes * info.frames)
        loudness = meter.integrated_lufs()
        if not np.isfinite(loudness):
            raise ArgumentError(f"{info.path}: too short or quiet to bring to a loudness; leave out --target-lufs")
        missing = target_lufs - loudness
        if abs(missing) > GAIN_RANGE_DB:
            raise ArgumentError(
                f"{info.path}: is at {loudness:.1f} LUFS behind the unit; --target-lufs {target_lufs:g} would take "
                f"{missing:.1f} dB of gain, and at most {GAIN_RANGE_DB} dB are given"
            )
        settings = dataclasses.replace(settings, gain_db=missing)
    unit = Leveller(info.sample_rate, info.channels, settings, model=model)
    tally = _Tally(info.sample_rate, info.channels, subtype)
    with ExitStack() as stack:
        rows = None if trace is None else stack.enter_context(Trace(trace, info.sample_rate, info.frames))
        writer = stack.enter_context(write_audio(out, info))
        for wet, dry, decibels in _passes(unit, source, sidechain, block, pre_roll_s):
            writer.write(wet)
            tally.add(dry, wet, decibels)
            if rows is not None:
                rows.add(decibels, dry, wet)
            if progress is not None:
                progress((passes - 1) * info.frames + tally.frames, passes * info.frames)
        if rows is not None:
            rows.finish()
    return {
        "duration_s": info.frames / info.sample_rate,
        "frames": info.frames,
        "gain_db": settings.gain_db,
        **tally.report(),
        "replaced_samples": unit.replaced_samples,
    }


def check_recording(source: AudioReader) -> None:
    """Refuse a recording that the amplifier does not take.

    Raises:
        ReadError: saying why.
    """
    info = source.info
    if not info.frames:
        raise ReadError(f"{info.path}: holds no sound, its length is 0")
    if not LOWEST_RATE_HZ <= info.sample_rate <= HIGHEST_RATE_HZ:
        raise ReadError(
            f"{info.path}: sample rate {info.sample_rate} Hz is not supported; it goes from {LOWEST_RATE_HZ} to "
            f"{HIGHEST_RATE_HZ}; resample it first"
        )
    if info.channels > 64:
        raise ReadError(f"{info.path}: {info.channels} channels are too many; at most 64 are taken")


def check_sidechain(source: AudioReader, sidechain: AudioReader) -> None:
    """Refuse a side chain that does not go with a recording.

    Raises:
        ArgumentError: naming both values.
    """
    first, second = source.info, sidechain.info
    for what, wanted, found in (
        ("sample rate", f"{first.sample_rate} Hz", f"{second.sample_rate} Hz"),
        ("length", f"{first.frames} frames", f"{second.frames} frames"),
    ):
        if wanted != found:
            raise ArgumentError(f"--sidechain {second.path}: its {what} is {found}, that of {first.path} is {wanted}")
    if second.channels not in (1, first.channels):
        raise ArgumentError(
            f"--sidechain {second.path}: has {second.channels} channels; give 1 or, like {first.path}, {first.channels}"
        )


def _passes(
    unit: Leveller, source: AudioReader, sidechain: AudioReader | None, block: int, pre_roll_s: float
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]]:
    """Yield wet and dry blocks, and their gain in dB."""
    before = round(pre_roll_s * source.info.sample_rate)
    mirrors = [reader.mirror(before, block) for reader in (source, sidechain) if reader is not None]
    for heard in zip(*mirrors, strict=True):
        unit.warm_up(*heard)
    sides: Iterator[NDArray[np.float32] | None] = (
        iter(lambda: None, 0) if sidechain is None else sidechain.blocks(block)
    )
    for dry, side in zip(source.blocks(block), sides, strict=False):
        wet, decibels = unit.process_with_gain(dry, side)
        yield wet, dry, decibels


class _Tally:
    """What is measured as blocks go by."""

    def __init__(self, sample_rate: int, channels: int, subtype: str) -> None:
        self.frames = 0
        self._meters = [RunningLoudness(sample_rate, channels) for _ in range(2)] if channels <= 2 else []
        self._peaks = [0.0, 0.0]
        self._least, self._sum, self._clipped = 0.0, 0.0, 0
        self._clips = subtype not in ("FLOAT", "DOUBLE")

    def add(self, dry: NDArray[np.float32], wet: NDArray[np.float32], decibels: NDArray[np.float64]) -> None:
        dry = np.where(np.abs(dry) <= LOUDEST, dry, np.float32(0))  # as the unit takes it
        for meter, signal in zip(self._meters, (dry, wet), strict=False):
            meter.add(signal)
        for which, signal in enumerate((dry, wet)):
            self._peaks[which] = max(self._peaks[which], float(np.abs(signal).max()))
        self._least = min(self._least, float(decibels.min()))
        self._sum += float(np.minimum(decibels, 0).mean(axis=0).sum())
        self._clipped += int((np.abs(wet) > 1).sum()) if self._clips else 0
        self.frames += wet.shape[1]

    def report(self) -> dict[str, Any]:
        found = [meter.integrated_lufs() for meter in self._meters] or [-np.inf, -np.inf]
        before, after = (round(value, 2) if np.isfinite(value) else None for value in found)
        peaks = [round(20 * np.log10(peak), 2) if peak > 0 else None for peak in self._peaks]
        return {
            "loudness_before_lufs": before,
            "loudness_after_lufs": after,
            "peak_before_dbfs": peaks[0],
            "peak_after_dbfs": peaks[1],
            "max_reduction_db": round(-self._least, 3),
            "mean_reduction_db": round(-self._sum / max(self.frames, 1), 3),
            "clipped_samples": self._clipped,
        }
