"""Measurements on sound that the tests share: pitch, level, and a part played by the built-in player."""

from __future__ import annotations

import numpy as np

from ritornello.sound.performance import EVENT_DTYPE, PLAYED_NOTE_DTYPE, PartPerformance, plain_events
from ritornello.sound.soundfont import SoundFont
from ritornello.sound.synth import render_part

Note = tuple[float, float, int, int]
Event = tuple[float, int, float]


def play(
    soundfont: SoundFont,
    notes: list[Note],
    events: list[Event] = (),
    *,
    program: int = 0,
    is_drums: bool = False,
    rate: int = 44100,
) -> np.ndarray:
    """Play (onset, release, key, velocity) and (second, controller, value); return float32 (2, frames)."""
    played = np.array(notes, PLAYED_NOTE_DTYPE)
    told = plain_events(np.array(list(events), EVENT_DTYPE))
    return render_part(PartPerformance("part", program, is_drums, played, told), soundfont, rate)


def level_db(samples: np.ndarray, start_s: float, stop_s: float, rate: int = 44100) -> float:
    piece = samples[..., round(start_s * rate) : round(stop_s * rate)].astype(np.float64)
    return float(10 * np.log10(np.mean(piece**2) + 1e-20)) if piece.size else -200.0


def sine_hz(samples: np.ndarray, start_s: float, stop_s: float, rate: int = 44100) -> float:
    """Return the frequency of the strongest partial, to about 0.01 %."""
    mono = samples.reshape(-1, samples.shape[-1]).sum(axis=0)[round(start_s * rate) : round(stop_s * rate)]
    size = 8 * 2 ** int(np.ceil(np.log2(len(mono))))
    spectrum = np.log(np.abs(np.fft.rfft(mono.astype(np.float64) * np.hanning(len(mono)), size)) + 1e-12)
    peak = int(spectrum.argmax())
    before, here, after = spectrum[peak - 1 : peak + 2]
    return float((peak + 0.5 * (before - after) / (before - 2 * here + after)) * rate / size)


def cents(hz: float, reference_hz: float) -> float:
    return float(1200 * np.log2(hz / reference_hz))


def comb_deviation_cents(
    mono: np.ndarray, expected_hz: float, rate: int = 44100, reach: int = 120
) -> tuple[float, float]:
    """Find the fundamental near the expected one whose harmonics gather most of the spectrum.

    Returns the deviation in cents (-reach..reach), and how far its comb stands out from others: about 1 for noise.
    """
    size = 2 ** int(np.ceil(np.log2(4 * len(mono))))
    spectrum = np.abs(np.fft.rfft(mono.astype(np.float64) * np.hanning(len(mono)), size))
    deviations = np.arange(-float(reach), reach + 1.0)
    harmonics = np.arange(1, 13)
    hz = (expected_hz * 2 ** (deviations / 1200))[:, None] * harmonics
    amplitudes = np.interp(hz.ravel() * size / rate, np.arange(len(spectrum)), spectrum).reshape(hz.shape)
    score = (np.sqrt(amplitudes * (hz < min(0.45 * rate, 8000))) / np.sqrt(harmonics)).sum(axis=1)
    best = int(score.argmax())
    return float(deviations[best]), float(score[best] / np.median(score))
