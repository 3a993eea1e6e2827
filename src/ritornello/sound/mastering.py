"""The last step of a mix: loudness to a target, peaks below a ceiling, by one gain curve that all stems share.

A static gain brings the mix to its loudness. Where peaks would pass the ceiling a look-ahead limiter lowers the gain:
the least gain over the window ahead, smoothed by that window's length, so that it is down when the peak arrives. The
curve is computed from the mix and applied to every stem, hence the stems still sum to the mix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ritornello.sound.loudness import integrated_lufs, true_peak

CEILING_DBTP = -1.0
"""Highest true peak of a master, in decibels."""

MAX_LIMITING_DB = 9.0
"""Most that the limiter may take off a peak; music with higher peaks stays below the target loudness."""

_BLOCK = 16  # frames per value of the gain curve
_LOOK_AHEAD_S, _RELEASE_S = 0.006, 0.12
_MARGIN_DB = 0.3  # what true peaks usually add to sample peaks
_SILENCE_DB = -72.0
_FADE_S = 0.03


@dataclass(frozen=True, eq=False)
class Master:
    """How a mix becomes its master.

    Attributes:
        frames: length that is kept; what follows is silence.
        gain: static gain.
        limiter: gain per block of 16 frames, in 0..1, or None if nothing is limited.
        fade_frames: length of the fade at the end.
    """

    frames: int
    gain: float
    limiter: NDArray[np.float32] | None
    fade_frames: int

    def apply(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mastered samples of the mix or of a stem: float32 ``(channels, self.frames)``.

        Args:
            samples: ``(channels, frames)``; a stem that ends before the mix is filled with silence.
        """
        result = np.zeros((samples.shape[0], self.frames), np.float32)
        count = min(self.frames, samples.shape[1])
        np.multiply(samples[:, :count], np.float32(self.gain), out=result[:, :count])
        if self.limiter is not None:
            for first in range(0, len(self.limiter) - 1, 4096):  # in pieces, to stay in the processor's cache
                corners = self.limiter[first : first + 4097]
                start, stop = first * _BLOCK, min((first + len(corners) - 1) * _BLOCK, self.frames)
                if start < stop and corners.min() < 1.0:
                    steps = (np.arange(_BLOCK, dtype=np.float32) / _BLOCK)[None, :]
                    curve = (corners[:-1, None] * (1 - steps) + corners[1:, None] * steps).ravel()
                    result[:, start:stop] *= curve[: stop - start]
        if self.fade_frames:
            result[:, -self.fade_frames :] *= np.linspace(1.0, 0.0, self.fade_frames, dtype=np.float32)
        return result


def plan_master(mix: NDArray[np.float32], sample_rate: int, target_lufs: float) -> Master:
    """Decide how a mix is mastered.

    Args:
        mix: float32 ``(2, frames)``, not silent.
        sample_rate: frames per second.
        target_lufs: wanted integrated loudness.
    """
    peak = float(max(mix.max(), -mix.min()))
    if peak < 0.02:  # the loudness gate would take a very quiet mix for silence
        louder = plan_master(mix * np.float32(0.5 / peak), sample_rate, target_lufs)
        return replace(louder, gain=louder.gain * 0.5 / peak)
    audible = _last_audible(mix, peak * 10.0 ** (_SILENCE_DB / 20.0))
    frames = min(audible + round(_FADE_S * sample_rate), mix.shape[1])
    fade = min(round(_FADE_S * sample_rate), frames)
    ceiling = 10.0 ** (CEILING_DBTP / 20.0)
    lufs = integrated_lufs(mix[:, :frames], sample_rate)
    highest = ceiling / true_peak(mix)
    if not np.isfinite(lufs):  # shorter than a loudness block: as loud as the ceiling allows, not more
        return Master(frames, highest, None, fade)
    gain = 10.0 ** ((target_lufs - lufs) / 20.0)
    if gain <= highest:
        return Master(frames, gain, None, fade)
    most = highest * 10.0 ** (MAX_LIMITING_DB / 20.0)
    gain = min(gain, most)
    blocks = _block_peaks(mix[:, :frames])
    allowed = ceiling * 10.0 ** (-_MARGIN_DB / 20.0)
    for _ in range(6):
        master = Master(frames, gain, _limiter_curve(blocks * gain, allowed, sample_rate), fade)
        mastered = master.apply(mix)
        missing_db = target_lufs - integrated_lufs(mastered, sample_rate)
        over = true_peak(mastered) / ceiling
        is_loud = abs(missing_db) < 0.4 or (missing_db > 0 and gain == most)
        if is_loud and over <= 1.0:
            break
        # Limiting costs loudness, which more gain gives back in part; hence a little more than is missing.
        if not is_loud:
            gain = min(gain * 10.0 ** (1.5 * missing_db / 20.0), most)
        if over > 1.0:
            allowed /= over * 1.005
    return master if over <= 1.0 else Master(frames, master.gain / over, master.limiter, fade)


def _last_audible(mix: NDArray[np.float32], threshold: float) -> int:
    step = 4096
    for start in range((mix.shape[1] - 1) // step * step, -1, -step):
        loud = np.flatnonzero(np.abs(mix[:, start : start + step]).max(axis=0) > threshold)
        if len(loud):
            return start + int(loud[-1]) + 1
    return 0


def _block_peaks(mix: NDArray[np.float32]) -> NDArray[np.float32]:
    peaks = np.zeros(-(-mix.shape[1] // _BLOCK), np.float32)
    whole = mix.shape[1] // _BLOCK
    for channel in mix:
        blocks = channel[: whole * _BLOCK].reshape(whole, _BLOCK)
        np.maximum(peaks[:whole], np.maximum(blocks.max(axis=1), -blocks.min(axis=1)), out=peaks[:whole])
        if len(peaks) > whole:
            peaks[whole] = max(peaks[whole], float(np.abs(channel[whole * _BLOCK :]).max()))
    return peaks


def _limiter_curve(peaks: NDArray[np.float32], ceiling: float, sample_rate: int) -> NDArray[np.float32]:
    """Return the gain at each block's start and after the last: float32 ``(blocks + 1,)``."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d
    from scipy.signal import lfilter

    needed = np.minimum(ceiling / np.maximum(peaks, 1e-9), 1.0)
    ahead = max(round(_LOOK_AHEAD_S * sample_rate / _BLOCK), 1)
    # Two more blocks on each side: the curve is interpolated between block starts.
    least = minimum_filter1d(needed, 2 * ahead + 5, mode="nearest")
    # A slow return: the smoothed curve, but never above what is needed.
    pole = float(np.exp(-_BLOCK / (_RELEASE_S * sample_rate)))
    slow = 1.0 - lfilter([1.0 - pole], [1.0, -pole], 1.0 - least)
    curve = uniform_filter1d(np.minimum(least, slow), 2 * ahead + 1, mode="nearest")
    result: NDArray[np.float32] = np.append(curve, curve[-1:]).astype(np.float32)
    return result
