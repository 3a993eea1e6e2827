"""One tone of a SoundFont region: the sample read at the right speed, looped, filtered and shaped by its envelope.

Signal path of the *SoundFont Technical Specification 2.04*, section 9.1: sample, low-pass filter, volume envelope. What
we changed: a sample is unrolled through its loop and then resampled once as a whole by soxr, which keeps the pitch
exact and does not alias above its root; only a pitch that moves (vibrato, bends, pitch envelopes) is
read point by point, from the same signal at twice the rate with third-order Hermite interpolation.

Notation: n frames of output at ``rate``; control values are computed every `CONTROL_FRAMES` frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.sound.envelope import (
    FLOOR_DB,
    absolute_cents_to_hz,
    low_frequency_oscillator,
    modulation_envelope,
    release_curve,
    release_frames,
    volume_envelope,
)
from ritornello.sound.zones import Region

CONTROL_FRAMES = 64
"""Frames between two control values (1.5 ms at 44.1 kHz)."""

_SLOWEST, _FASTEST = 1 / 512, 40.0  # source frames per output frame; beyond, nothing is left in the range of hearing
_FILTER_STEP_CENTS = 60.0  # the filter is set anew when its cutoff has moved by this much
_FILTER_WARM_UP = 512  # frames after which the filter has forgotten how it started
_HIGHEST_CUTOFF = 0.45  # of the sample rate, as in FluidSynth

Samples = NDArray[np.float32]
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WaveSettings:
    """What decides the unfiltered wave of a key; equal settings give the same wave.

    Attributes:
        region: index of the region in its preset.
        key: MIDI key.
        cents: constant detuning in cents: a held pitch bend and what modulators add.
        vibrato_cents: depth of the vibrato oscillator.
        mod_lfo_cents: depth of the modulation oscillator's pitch.
        held_frames: frames until the release, where the wave depends on it before and after; else None.
        note: index of the note, if the pitch follows a moving controller; else None.
    """

    region: int
    key: int
    cents: float
    vibrato_cents: float
    mod_lfo_cents: float
    held_frames: int | None = None
    note: int | None = None


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """The low-pass of a tone: cutoff in absolute cents, resonance in centibels."""

    cutoff_cents: float
    q_centibels: float


@dataclass(frozen=True, eq=False)
class Wave:
    """A key held for ever, before its filter.

    Attributes:
        region: the region that sounds.
        settings: key and tuning.
        samples: float32 ``(n,)``, longer than the envelope by a release where the sample allows it.
        envelope: float32 ``(m,)`` volume envelope of the held key.
        release_frames: length of a release from full level.
        rate: frames per second.
    """

    region: Region
    settings: WaveSettings
    samples: Samples
    envelope: Samples
    release_frames: int
    rate: int


def make_wave(
    memory: NDArray[np.int16],
    region: Region,
    settings: WaveSettings,
    frames: int,
    rate: int,
    pitch_curve: Callable[[Times], Times] | None = None,
) -> Wave | None:
    """Read a region's sample for a key.

    Args:
        memory: the SoundFont's sample memory.
        region: the region that sounds.
        settings: key and tuning.
        frames: frames that the key is held at most.
        rate: frames per second.
        pitch_curve: extra cents at times in seconds since the onset.

    Returns:
        The wave, or None if nothing is to be heard.
    """
    envelope = volume_envelope(region.generators, settings.key, rate, frames + 1)
    release = release_frames(region.generators, rate)
    samples = _read_sample(memory, region, settings, len(envelope) + release, rate, pitch_curve)
    if samples is None:
        return None
    tremolo = _tremolo(region, len(samples), rate)
    if tremolo is not None:
        samples *= tremolo
    return Wave(region, settings, samples, envelope[: len(samples)], release, rate)


class Tone:
    """A wave through its filter and volume envelope, ready to be let go at any time.

    Attributes:
        body: float32 ``(n,)``, the key held for ever.
    """

    def __init__(self, wave: Wave, settings: FilterSettings, frames: int) -> None:
        """Filter and shape a wave for a key that is held for at most some frames."""
        self._wave, self._settings = wave, settings
        count = min(len(wave.envelope), frames + 1)
        held = wave.samples[:count]
        held_frames = wave.settings.held_frames
        self._held_s = None if held_frames is None else held_frames / wave.rate
        self._cutoff = None
        if not _is_open(wave.region, settings):
            self._cutoff = _cutoff(wave, settings, len(wave.samples), self._held_s)
            held = lowpass(held, self._cutoff, settings.q_centibels, wave.rate)
        self.body: Samples = held * wave.envelope[:count]
        self._tails: dict[int, Samples] = {}

    def tail(self, frame: int) -> Samples:
        """Return what sounds from a frame on when the key is released there: float32 ``(m,)``."""
        if frame not in self._tails:
            if len(self._tails) > 4:
                self._tails.clear()
            self._tails[frame] = self._make_tail(frame)
        return self._tails[frame]

    def _make_tail(self, frame: int) -> Samples:
        wave = self._wave
        level = float(wave.envelope[frame]) if frame < len(wave.envelope) else 0.0
        # From a lower level the same slope reaches the floor earlier.
        reach = 1.0 + 20.0 * np.log10(max(level, 1e-9)) / FLOOR_DB
        count = min(int(wave.release_frames * reach), len(wave.samples) - frame)
        if reach <= 0.0 or count <= 0:
            return np.zeros(0, np.float32)
        samples = wave.samples[frame : frame + count]
        if self._cutoff is not None:
            start = max(frame - _FILTER_WARM_UP, 0) // CONTROL_FRAMES * CONTROL_FRAMES
            first = start // CONTROL_FRAMES
            cutoff = self._cutoff[first:]
            if wave.region.generators["mod_env_to_filter"] and self._held_s is None:
                cutoff = _cutoff(wave, self._settings, frame + count, frame / wave.rate, first)
            samples = wave.samples[start : frame + count]
            samples = lowpass(samples, cutoff, self._settings.q_centibels, wave.rate)[frame - start :]
        return samples * (release_curve(wave.release_frames)[:count] * np.float32(level))


def _read_sample(
    memory: NDArray[np.int16],
    region: Region,
    settings: WaveSettings,
    frames: int,
    rate: int,
    pitch_curve: Callable[[Times], Times] | None,
) -> Samples | None:
    """Return the unfiltered wave, at most ``frames`` long: shorter if the sample ends."""
    import soxr

    generators, sample = region.generators, region.sample
    root = generators["root_key"] if generators["root_key"] >= 0 else sample.key
    cents = (settings.key - root) * generators["scale_tuning"] + 100.0 * generators["coarse_tune"]
    cents += generators["fine_tune"] + sample.correction + settings.cents
    step = sample.rate / rate * 2.0 ** (cents / 1200.0)  # source frames per output frame
    times_s = np.arange(frames // CONTROL_FRAMES + 2, dtype=np.float64) * (CONTROL_FRAMES / rate)
    moving = _moving_cents(region, settings, times_s, rate)
    if pitch_curve is not None:
        moving = pitch_curve(times_s) if moving is None else moving + pitch_curve(times_s)
    positions: NDArray[np.float64] | None = None
    if moving is not None:
        speed = np.interp(np.arange(frames), times_s * rate, 2.0 ** (moving / 1200.0))
        positions = np.cumsum(speed) - speed
    reach = frames if positions is None else int(positions[-1]) + 8 if frames else 0
    if not _SLOWEST <= step <= _FASTEST or reach * step > 2**27:
        return None
    source = _unroll(memory, region, int(np.ceil(reach * step)) + 64, settings.held_frames, step)
    if len(source) < 2:
        return None
    if positions is None:
        wave = source if step == 1.0 else soxr.resample(source, step, 1.0, quality="HQ")
        return np.array(wave[:frames], dtype=np.float32)
    fine = soxr.resample(source, step / 2.0, 1.0, quality="HQ")
    return _hermite(fine, 2.0 * positions)


def _unroll(
    memory: NDArray[np.int16], region: Region, count: int, held_frames: int | None, step: float
) -> NDArray[np.float32]:
    """Return at least ``count`` source frames if the sample loops, else all up to its end; in -1..1."""
    generators, sample = region.generators, region.sample

    def address(base: int, name: str) -> int:
        return base + generators[f"{name}_offset"] + 32768 * generators[f"{name}_offset_coarse"]

    start = min(max(address(sample.start, "start"), 0), len(memory))
    end = min(max(address(sample.end, "end"), start), len(memory))
    loop_start = address(sample.loop_start, "loop_start")
    loop_end = address(sample.loop_end, "loop_end")
    mode = generators["sample_modes"]
    scale = np.float32(1.0 / 32768.0)
    # Many SoundFonts let the loop end a few frames beyond the sample.
    loop_end = min(loop_end, len(memory))
    if mode not in (1, 3) or not start <= loop_start < loop_end - 1 or loop_end > end + 64:
        return memory[start : min(end, start + count)] * scale
    head = memory[start:loop_end] * scale
    loop = memory[loop_start:loop_end] * scale
    if mode == 3 and held_frames is not None:
        # The loop is left at its end once the key is up: section 8.1.2, sampleModes.
        beyond = held_frames * step - len(head)
        repeats = max(int(np.ceil(beyond / len(loop))), 0)
        repeats = min(repeats, count // len(loop) + 1)
        rest = memory[loop_end:end] * scale
        return np.concatenate([head, np.tile(loop, repeats), rest])[:count]
    missing = count - len(head)
    if missing <= 0:
        return head[:count]
    return np.concatenate([head, np.tile(loop, missing // len(loop) + 1)])[:count]


def _moving_cents(
    region: Region, settings: WaveSettings, times_s: NDArray[np.float64], rate: int
) -> NDArray[np.float64] | None:
    """Return the pitch movement by oscillators and the modulation envelope in cents; None if there is none."""
    generators = region.generators
    parts: list[NDArray[np.float64]] = []
    if abs(settings.vibrato_cents) >= 0.5:
        wave = low_frequency_oscillator(generators["vib_lfo_delay"], generators["vib_lfo_freq"], times_s)
        parts.append(settings.vibrato_cents * wave)
    if abs(settings.mod_lfo_cents) >= 0.5:
        wave = low_frequency_oscillator(generators["mod_lfo_delay"], generators["mod_lfo_freq"], times_s)
        parts.append(settings.mod_lfo_cents * wave)
    depth = generators["mod_env_to_pitch"]
    if depth:
        held_s = None if settings.held_frames is None else settings.held_frames / rate
        parts.append(depth * modulation_envelope(generators, settings.key, times_s, held_s))
    return sum(parts[1:], parts[0]) if parts else None


def _tremolo(region: Region, frames: int, rate: int) -> Samples | None:
    depth = region.generators["mod_lfo_to_volume"]
    if depth == 0:
        return None
    times_s = np.arange(frames // CONTROL_FRAMES + 2, dtype=np.float64) * (CONTROL_FRAMES / rate)
    delay, freq = region.generators["mod_lfo_delay"], region.generators["mod_lfo_freq"]
    gains = 10.0 ** (depth * low_frequency_oscillator(delay, freq, times_s) / 200.0)
    return np.interp(np.arange(frames), times_s * rate, gains).astype(np.float32)


def _is_open(region: Region, settings: FilterSettings) -> bool:
    """Whether the filter leaves everything through: at its highest cutoff, without resonance and never lowered."""
    generators = region.generators
    is_lowered = generators["mod_env_to_filter"] < 0 or generators["mod_lfo_to_filter"] != 0
    return not is_lowered and settings.cutoff_cents >= 13500 and settings.q_centibels < 10


def _cutoff(wave: Wave, settings: FilterSettings, frames: int, held_s: float | None, first: int = 0) -> Times:
    """Return the cutoff in Hz for each control block from block ``first`` on."""
    generators = wave.region.generators
    blocks = np.arange(first, max(frames // CONTROL_FRAMES, first) + 1, dtype=np.float64)
    times_s = blocks * (CONTROL_FRAMES / wave.rate)
    cents = np.full(len(times_s), settings.cutoff_cents)
    if generators["mod_env_to_filter"]:
        envelope = modulation_envelope(generators, wave.settings.key, times_s, held_s)
        cents += generators["mod_env_to_filter"] * envelope
    if generators["mod_lfo_to_filter"]:
        delay, freq = generators["mod_lfo_delay"], generators["mod_lfo_freq"]
        cents += generators["mod_lfo_to_filter"] * low_frequency_oscillator(delay, freq, times_s)
    cutoff = absolute_cents_to_hz(0.0) * np.exp2(np.clip(cents, 1500.0, 13500.0) / 1200.0)
    result: Times = np.minimum(cutoff, _HIGHEST_CUTOFF * wave.rate)
    return result


def lowpass(wave: Samples, cutoff_hz: NDArray[np.float64], q_centibels: float, rate: int) -> Samples:
    """Filter with the resonant two-pole low-pass of the specification, set anew as its cutoff moves.

    Args:
        wave: ``(n,)`` signal.
        cutoff_hz: cutoff of each block of `CONTROL_FRAMES`, at least ``n / CONTROL_FRAMES`` of them.
        q_centibels: height of the resonance above the level at low frequencies; half of it is taken off the gain.
        rate: frames per second.
    """
    from scipy.signal import lfilter

    blocks = -(-len(wave) // CONTROL_FRAMES)
    if blocks == 0:
        return wave
    q_db = q_centibels / 10.0
    resonance = 10.0 ** ((q_db - 3.0103) / 20.0)
    gain = 10.0 ** (-q_db / 40.0)
    steps = np.round(1200.0 * np.log2(cutoff_hz[:blocks]) / _FILTER_STEP_CENTS)
    turns = np.flatnonzero(np.diff(steps)) + 1
    starts = [0, *turns.tolist()]
    stops = [*turns.tolist(), blocks]
    # Single precision is exact enough unless the poles come close to the unit circle.
    dtype = np.float64 if float(cutoff_hz[:blocks].min()) < 100.0 or q_db > 30.0 else np.float32
    wave = wave.astype(dtype, copy=False)
    result = np.empty(len(wave), np.float32)
    state = np.zeros(2, dtype)
    for start, stop in zip(starts, stops, strict=True):
        omega = 2.0 * math.pi * float(cutoff_hz[(start + stop) // 2]) / rate
        alpha = math.sin(omega) / (2.0 * resonance)
        b1 = (1.0 - math.cos(omega)) * gain
        norm = 1.0 / (1.0 + alpha)
        feed = np.array((b1 / 2.0 * norm, b1 * norm, b1 / 2.0 * norm), dtype)
        back = np.array((1.0, -2.0 * math.cos(omega) * norm, (1.0 - alpha) * norm), dtype)
        span = slice(start * CONTROL_FRAMES, min(stop * CONTROL_FRAMES, len(wave)))
        result[span], state = lfilter(feed, back, wave[span], zi=state)
    return result


def _hermite(wave: NDArray[Any], positions: NDArray[np.float64]) -> Samples:
    """Read a signal at fractional positions with third-order Hermite interpolation; stop where it ends."""
    positions = positions[: np.searchsorted(positions, len(wave) - 3)]
    index = positions.astype(np.int64)
    x = (positions - index).astype(np.float32)
    before, here, after, beyond = (wave[np.maximum(index + offset, 0)] for offset in (-1, 0, 1, 2))
    slope = 0.5 * (after - before)
    curve = before - 2.5 * here + 2.0 * after - 0.5 * beyond
    bend = 0.5 * (beyond - before) + 1.5 * (here - after)
    result: Samples = (((bend * x + curve) * x + slope) * x + here).astype(np.float32)
    return result
