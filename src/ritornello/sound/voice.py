"""One tone of a SoundFont region: the sample read at the right speed, looped, filtered and shaped by its envelope.

Signal path of the *SoundFont Technical Specification 2.04*, section 9.1: sample, low-pass filter, volume envelope. What
we changed: a sample is unrolled through its loop and then resampled once as a whole by soxr, which keeps exact pitch and
does not alias when a sample is played above its root; only a pitch that moves (vibrato, bends, pitch envelopes) is
read point by point, from the same signal at twice the rate with third-order Hermite interpolation.

Notation: n frames of output at ``rate``; control values are computed every `CONTROL_FRAMES` frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.sound.envelope import (
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

_FASTEST = 40.0  # source frames per output frame; beyond that a sample lies above the range of hearing
_FILTER_STEP_CENTS = 40.0  # the filter is set anew when its cutoff has moved by this much
_FILTER_WARM_UP = 512  # frames after which the filter has forgotten how it started
_HIGHEST_CUTOFF = 0.45  # of the sample rate, as in FluidSynth

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class ToneSettings:
    """What decides the sound of a tone apart from its loudness and place; equal settings give the same tone.

    Attributes:
        region: index of the region in its preset.
        key: MIDI key.
        cents: constant detuning in cents: a held pitch bend and what modulators add.
        filter_fc: cutoff in absolute cents.
        filter_q: resonance in centibels.
        vibrato_cents: depth of the vibrato oscillator.
        mod_lfo_cents: depth of the modulation oscillator's pitch.
        held_frames: frames until the release, where the tone depends on it before and after; else None.
        note: index of the note, if the pitch follows a moving controller; else None.
    """

    region: int
    key: int
    cents: float
    filter_fc: float
    filter_q: float
    vibrato_cents: float
    mod_lfo_cents: float
    held_frames: int | None = None
    note: int | None = None


@dataclass(frozen=True, eq=False)
class Tone:
    """A key held for ever, with what is needed to let it go at any time.

    Attributes:
        body: float32 ``(n,)`` filtered and shaped by the volume envelope.
        envelope: float32 ``(n,)`` volume envelope.
        tail: gives the release: ``tail(frame)`` is float32 ``(m,)``, to be played from that frame on.
    """

    body: Samples
    envelope: Samples
    tail: Callable[[int], Samples]


def make_tone(
    memory: NDArray[np.int16],
    region: Region,
    settings: ToneSettings,
    frames: int,
    rate: int,
    pitch_curve: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
) -> Tone | None:
    """Make a tone.

    Args:
        memory: the SoundFont's sample memory.
        region: the region that sounds.
        settings: key, tuning and filter.
        frames: frames that the key is held at most.
        rate: frames per second.
        pitch_curve: extra cents at times in seconds since the onset.

    Returns:
        The tone, or None if nothing is to be heard.
    """
    generators = region.generators
    envelope = volume_envelope(generators, settings.key, rate, frames + 1)
    release = release_frames(generators, rate)
    raw = _read_sample(memory, region, settings, len(envelope) + release, rate, pitch_curve)
    if raw is None:
        return None
    envelope = envelope[: len(raw)]
    held_s = None if settings.held_frames is None else settings.held_frames / rate
    tremolo = _tremolo(region, len(raw), rate)
    if tremolo is not None:
        raw *= tremolo
    cutoff = None if _is_open(region, settings) else _cutoff(region, settings, len(raw), rate, held_s)
    held = raw if cutoff is None else lowpass(raw[: len(envelope)], cutoff, settings.filter_q, rate)
    body = held[: len(envelope)] * envelope
    follows_release = cutoff is not None and generators["mod_env_to_filter"] != 0 and held_s is None

    def tail(frame: int) -> Samples:
        level = float(envelope[frame]) if frame < len(envelope) else 0.0
        if level <= 0.0:
            return np.zeros(0, np.float32)
        # From a lower level the same slope reaches the floor earlier.
        shape = release_curve(release)
        count = min(release, len(raw) - frame)
        if cutoff is None:
            wave = raw[frame : frame + count]
        else:
            start = max(frame - _FILTER_WARM_UP, 0) // CONTROL_FRAMES * CONTROL_FRAMES
            first = start // CONTROL_FRAMES
            curve = cutoff[first:]
            if follows_release:
                curve = _cutoff(region, settings, frame + count, rate, frame / rate, first)
            wave = lowpass(raw[start : frame + count], curve, settings.filter_q, rate)[frame - start :]
        return wave * (shape[: len(wave)] * np.float32(level))

    return Tone(body, envelope, tail)


def _read_sample(
    memory: NDArray[np.int16],
    region: Region,
    settings: ToneSettings,
    frames: int,
    rate: int,
    pitch_curve: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None,
) -> Samples | None:
    """Return the unfiltered wave, at most ``frames`` long: shorter if the sample ends."""
    import soxr

    generators, sample = region.generators, region.sample
    root = generators["root_key"] if generators["root_key"] >= 0 else sample.key
    cents = (settings.key - root) * generators["scale_tuning"] + 100.0 * generators["coarse_tune"]
    cents += generators["fine_tune"] + sample.correction + settings.cents
    step = sample.rate / rate * 2.0 ** (cents / 1200.0)  # source frames per output frame
    times_s = np.arange(frames // CONTROL_FRAMES + 2) * (CONTROL_FRAMES / rate)
    moving = _moving_cents(region, settings, times_s, rate)
    if pitch_curve is not None:
        moving = pitch_curve(times_s) if moving is None else moving + pitch_curve(times_s)
    positions: NDArray[np.float64] | None = None
    if moving is not None:
        speed = np.interp(np.arange(frames), times_s * rate, 2.0 ** (moving / 1200.0))
        positions = np.cumsum(speed) - speed
    reach = frames if positions is None else int(positions[-1]) + 8 if frames else 0
    if step > _FASTEST or reach * step > 2**27:
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
    region: Region, settings: ToneSettings, times_s: NDArray[np.float64], rate: int
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
    times_s = np.arange(frames // CONTROL_FRAMES + 2) * (CONTROL_FRAMES / rate)
    delay, freq = region.generators["mod_lfo_delay"], region.generators["mod_lfo_freq"]
    gains = 10.0 ** (depth * low_frequency_oscillator(delay, freq, times_s) / 200.0)
    return np.interp(np.arange(frames), times_s * rate, gains).astype(np.float32)


def _is_open(region: Region, settings: ToneSettings) -> bool:
    """Whether the filter leaves everything through: at its highest cutoff, without resonance and not moving."""
    generators = region.generators
    moves = min(generators["mod_env_to_filter"], 0) or generators["mod_lfo_to_filter"]
    return not moves and settings.filter_fc >= 13500 and settings.filter_q < 10


def _cutoff(
    region: Region, settings: ToneSettings, frames: int, rate: int, held_s: float | None, first: int = 0
) -> NDArray[np.float64]:
    """Return the cutoff in Hz for each control block from block ``first`` on."""
    generators = region.generators
    cents = np.full(max(frames // CONTROL_FRAMES + 1 - first, 1), float(settings.filter_fc))
    times_s = (first + np.arange(len(cents))) * (CONTROL_FRAMES / rate)
    if generators["mod_env_to_filter"]:
        cents += generators["mod_env_to_filter"] * modulation_envelope(generators, settings.key, times_s, held_s)
    if generators["mod_lfo_to_filter"]:
        wave = low_frequency_oscillator(generators["mod_lfo_delay"], generators["mod_lfo_freq"], times_s)
        cents += generators["mod_lfo_to_filter"] * wave
    cutoff: NDArray[np.float64] = absolute_cents_to_hz(0.0) * 2.0 ** (np.clip(cents, 1500.0, 13500.0) / 1200.0)
    return np.minimum(cutoff, _HIGHEST_CUTOFF * rate)


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
    # Single precision is exact enough for all but very low cutoffs, where the poles come close to 1.
    dtype = np.float64 if float(cutoff_hz[:blocks].min()) < 100.0 else np.float32
    wave = wave.astype(dtype, copy=False)
    result = np.empty(len(wave), np.float32)
    state = np.zeros(2, dtype)
    for start, stop in zip(starts, stops, strict=True):
        omega = 2.0 * np.pi * float(np.median(cutoff_hz[start:stop])) / rate
        alpha = np.sin(omega) / (2.0 * resonance)
        b1 = (1.0 - np.cos(omega)) * gain
        feed = np.array([b1 / 2.0, b1, b1 / 2.0]) / (1.0 + alpha)
        back = np.array([1.0, -2.0 * np.cos(omega) / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha)])
        span = slice(start * CONTROL_FRAMES, min(stop * CONTROL_FRAMES, len(wave)))
        result[span], state = lfilter(feed.astype(dtype), back.astype(dtype), wave[span], zi=state)
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
