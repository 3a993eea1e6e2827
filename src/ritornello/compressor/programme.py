"""Sounds to compress, without limit and from a seed: plucked lines and chords, percussion, noise, tones, given songs.

A compressor's model must have heard attacks, tails, silences and steady tones at every level. Every excerpt is one kind
or two mixed, at a random level, in part with a random fade or gap. Signals are float64 ``(frames,)``, full scale -1..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from ritornello.errors import ArgumentError
from ritornello.sound import Audio

Signal = NDArray[np.float64]

LEVELS_DBFS = (-26.0, 0.0)
"""Range of the peak of an excerpt."""


def programme(seed: int | Sequence[int], frames: int, sample_rate: int, songs: Sequence[Audio] = ()) -> Signal:
    """Return one excerpt.

    Args:
        seed: the same seed gives the same excerpt.
        frames: its length, at least 1.
        sample_rate: frames per second.
        songs: recordings or renderings to cut excerpts from, at the same sample rate; half of all excerpts, where
            given.

    Raises:
        ArgumentError: if a song has another sample rate.
    """
    if any(song.sample_rate != sample_rate for song in songs):
        raise ArgumentError(f"songs for training pairs must have {sample_rate} Hz; resample them first")
    rng = np.random.default_rng(seed)
    if songs and rng.random() < 0.5:
        signal = _cut(rng, frames, songs)
    else:
        kinds = [plucked, plucked, _percussion, _noise, _tones]
        signal = kinds[int(rng.integers(len(kinds)))](rng, frames, sample_rate)
        if rng.random() < 0.4:
            other = kinds[int(rng.integers(len(kinds)))](rng, frames, sample_rate)
            signal = signal + other * float(rng.uniform(0.1, 1.0))
    if rng.random() < 0.3:
        signal = signal * _steps(rng, frames, sample_rate)
    peak = float(np.abs(signal).max())
    level = 10 ** (float(rng.uniform(*LEVELS_DBFS)) / 20)
    return signal * (level / peak) if peak > 0 else signal


def _cut(rng: np.random.Generator, frames: int, songs: Sequence[Audio]) -> Signal:
    song = songs[int(rng.integers(len(songs)))].samples.mean(axis=0, dtype=np.float64)
    start = int(rng.integers(max(1, len(song) - frames)))
    signal = np.zeros(frames)
    piece = song[start : start + frames]
    signal[: len(piece)] = piece
    return signal


def plucked(rng: np.random.Generator, frames: int, rate: int) -> Signal:
    """Notes of decaying harmonics, alone or in chords: like piano and guitar."""
    signal = np.zeros(frames)
    beat = float(rng.uniform(0.12, 0.6))
    brightness, decay = float(rng.uniform(0.6, 2.5)), float(rng.uniform(0.3, 2.5))
    onset = float(rng.uniform(0, beat))
    root = int(rng.integers(33, 64))
    while onset * rate < frames:
        for _ in range(int(rng.choice([1, 1, 2, 3, 4]))):
            pitch = root + int(rng.integers(0, 30))
            start = int(onset * rate)
            length = min(frames - start, int(decay * 3 * rate))
            time = np.arange(length) / rate
            frequency = 440 * 2 ** ((pitch - 69) / 12)
            note = np.zeros(length)
            for partial in range(1, 9):
                if partial * frequency < 0.4 * rate:
                    strength = partial**-brightness * float(rng.uniform(0.5, 1))
                    fall = np.exp(-time / decay * (1 + 0.4 * partial))
                    note += strength * fall * np.sin(2 * np.pi * partial * frequency * time + rng.uniform(0, 6.28))
            note *= np.minimum(1, time / 0.002)
            signal[start : start + length] += float(rng.uniform(0.2, 1)) * note
        onset += beat * float(rng.choice([0.5, 1, 1, 2]))
    return signal


def _percussion(rng: np.random.Generator, frames: int, rate: int) -> Signal:
    """Drum-like hits: falling tones and filtered noise with fast decays."""
    signal = np.zeros(frames)
    step = float(rng.uniform(0.1, 0.35))
    for start in range(int(rng.uniform(0, step) * rate), frames, int(step * rate)):
        if rng.random() < 0.3:
            continue
        length = min(frames - start, int(0.6 * rate))
        time = np.arange(length) / rate
        if rng.random() < 0.5:
            pitch = float(rng.uniform(45, 220)) * (1 + 2 * np.exp(-time / 0.02))
            hit = np.sin(2 * np.pi * np.cumsum(pitch) / rate) * np.exp(-time / float(rng.uniform(0.05, 0.25)))
        else:
            hit = rng.standard_normal(length) * np.exp(-time / float(rng.uniform(0.01, 0.15)))
            hit = hit - lfilter([0.1], [1, -0.9], hit)
        signal[start : start + length] += float(rng.uniform(0.3, 1)) * hit
    return signal


def _noise(rng: np.random.Generator, frames: int, rate: int) -> Signal:
    """Noise with a random colour and a moving level."""
    pole = float(rng.uniform(0.0, 0.98))  # white to dark
    noise: Signal = lfilter([1 - pole], [1, -pole], rng.standard_normal(frames))
    return noise * _steps(rng, frames, rate)


def _tones(rng: np.random.Generator, frames: int, rate: int) -> Signal:
    """Sines and sweeps in steps of level."""
    time = np.arange(frames) / rate
    low = float(np.exp(rng.uniform(np.log(40), np.log(8000))))
    high = float(np.exp(rng.uniform(np.log(40), np.log(8000)))) if rng.random() < 0.3 else low
    pitch = low * (high / low) ** (time / max(time[-1], 1e-9))
    return np.sin(2 * np.pi * np.cumsum(pitch) / rate) * _steps(rng, frames, rate)


def _steps(rng: np.random.Generator, frames: int, rate: int) -> Signal:
    """A level that jumps, with edges of 2 ms."""
    gain = np.ones(frames)
    position = 0
    while position < frames:
        length = int(rng.uniform(0.05, 0.8) * rate)
        gain[position : position + length] = 10 ** (float(rng.uniform(-40, 0)) / 20) if rng.random() > 0.1 else 0.0
        position += length
    edge = max(1, int(0.002 * rate))
    smooth: Signal = np.convolve(gain, np.hanning(edge + 2)[1:-1] / np.hanning(edge + 2).sum(), mode="same")
    return smooth
