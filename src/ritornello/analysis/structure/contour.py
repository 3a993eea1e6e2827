"""Contour similarity of two melodies: time warping in a narrow band, for thousands of pairs at once.

Follows the recurrence of Dai, Zhang and Dannenberg (2020): a pair of samples costs their pitch distance plus a penalty
for opposite steps, a sample left over costs its distance from the other line's mean, the first four sixteenths are free
(pick-ups), and the path stays within two sixteenths of the diagonal. We run the band as five array rows over all pairs.

Axes: P pairs, W = 5 cells of the band (j - i = -2 .. 2).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.structure.lines import REST, IntArray, Lines

LONGEST = 16
"""Longest fragment in bars."""

BAND = 2
FREE = 4
REST_DISTANCE = 14
REST_GAP = 10
REST_WEIGHT = 12
STEP_WEIGHT = 2
NO_MEAN = 60
_NO_STEP_A, _NO_STEP_B = 10, 20  # more than two apart from each other and from every step
_CHUNK = 8_192


class Contours:
    """The contours of a song's fragments, raw and filled (rests take the pitch before them).

    Args:
        lines: the song.
    """

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        per_bar = lines.sixteenths_per_bar
        width = LONGEST * per_bar + BAND
        padded = np.concatenate([lines.flat, np.full(width, REST, dtype=np.int64)])
        last = np.maximum.accumulate(np.where(padded != REST, np.arange(len(padded)), -1))
        filled = np.where(last >= 0, padded[last], REST)
        before = np.concatenate([[REST], filled[:-1]])
        starts = np.arange(lines.bars) * per_bar
        index = starts[:, None] + np.arange(width)[None, :]  # (N, width)
        # Opening rests of a fragment have no pitch before them: they stay rests in the filled line too.
        opened = last[index] >= starts[:, None]
        continues = np.concatenate([np.zeros((lines.bars, 1), bool), opened[:, :-1]], axis=1)
        values = np.stack([padded[index], np.where(opened, filled[index], REST)])  # (2, N, width)
        steps = np.sign(values - before[index])
        steps[~(continues[None] & (values != REST))] = _NO_STEP_A
        self._values = values.astype(np.int32)
        self._steps = steps.astype(np.int32)

    @cached_property
    def _totals(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        sounding = self._values != REST
        pitches = np.cumsum(np.where(sounding, self._values, 0), axis=2, dtype=np.int64)
        return pitches, np.cumsum(sounding, axis=2, dtype=np.int64)

    @cached_property
    def means(self) -> IntArray:
        """``(2, N, 17)`` mean pitch cut to a whole number by line (raw, filled), first bar and length in bars."""
        pitches, counts = self._totals
        last = np.arange(1, LONGEST + 1) * self.lines.sixteenths_per_bar - 1
        total, count = pitches[:, :, last], counts[:, :, last]
        means = np.where(count > 0, total // np.maximum(count, 1), NO_MEAN)
        return np.concatenate([np.full_like(means[:, :, :1], NO_MEAN), means], axis=2)

    @cached_property
    def weights(self) -> IntArray:
        """``(2, N, 17)`` sum of the weights w that the distance is compared with, as `means`."""
        result = np.zeros_like(self.means)
        for bars in range(1, LONGEST + 1):
            values = self._values[:, :, : bars * self.lines.sixteenths_per_bar]
            own = self.means[:, :, bars, None]
            result[:, :, bars] = np.where(values == REST, REST_WEIGHT, np.abs(values - own + 2) + 1).sum(axis=2)
        return result

    def similarity(
        self, a: IntArray, b: IntArray, bars: IntArray, filled: IntArray, shift: IntArray
    ) -> NDArray[np.float64]:
        """Return R for pairs of fragments.

        Args:
            a: ``(P,)`` first bar of one fragment.
            b: ``(P,)`` first bar of the other.
            bars: ``(P,)`` length of both in bars, 1..16.
            filled: ``(P,)`` 1 for the filled lines, 0 for the raw ones.
            shift: ``(P,)`` semitones that are added to the other.

        Returns:
            ``(P,)`` similarity, 0..1.
        """
        result = np.zeros(len(a))
        order = np.argsort(-bars, kind="stable")
        for low in range(0, len(order), _CHUNK):
            part = order[low : low + _CHUNK]
            result[part] = self._chunk(a[part], b[part], bars[part], filled[part], shift[part])
        return result

    def _chunk(
        self, a: IntArray, b: IntArray, bars: IntArray, filled: IntArray, shift: IntArray
    ) -> NDArray[np.float64]:
        """Return R for pairs sorted by falling length: pairs that are done leave the band from its right end."""
        per_bar = self.lines.sixteenths_per_bar
        mean_a = self.means[filled, a, bars].astype(np.int32)
        has_notes = self._totals[1][filled, b, bars * per_bar - 1] > 0  # a silent line's mean is a constant
        mean_b = (self.means[filled, b, bars] + shift * has_notes).astype(np.int32)
        norm = (self.weights[filled, a, bars] + self.weights[filled, b, bars]) // 2
        distance = np.zeros(len(a), dtype=np.int64)
        width = int(bars[0]) * per_bar + BAND
        x_all = np.ascontiguousarray(self._values[filled, a, :width].T)  # (width, P)
        y_all = np.ascontiguousarray(self._values[filled, b, :width].T)
        if shift.any():
            y_all = np.where(y_all == REST, REST, y_all + shift.astype(np.int32))
        step_x = np.ascontiguousarray(self._steps[filled, a, :width].T)
        step_y = np.ascontiguousarray(self._steps[filled, b, :width].T)
        step_y[step_y == _NO_STEP_A] = _NO_STEP_B
        gap_x = np.where(x_all == REST, REST_GAP, np.abs(x_all - mean_b))
        gap_y = np.where(y_all == REST, REST_GAP, np.abs(y_all - mean_a))
        active = len(a)
        band = np.zeros((2 * BAND + 1, active), dtype=np.int32)  # row i = 2: every cell is free
        lengths = bars * per_bar
        for i in range(BAND + 1, int(lengths[0]) + 1):
            if lengths[active - 1] < i:
                active = int(np.searchsorted(-lengths, -i, side="right"))
            if active < band.shape[1]:
                distance[active : band.shape[1]] = band[BAND, active:]
                band = np.ascontiguousarray(band[:, :active])
            ys = slice(i - 1 - BAND, i + BAND)
            cost = np.abs(y_all[ys, :active] - x_all[i - 1, :active])
            cost[cost > 500] = REST_DISTANCE
            turn = np.abs(step_y[ys, :active] - step_x[i - 1, :active])
            turn[turn > 2] = 0
            cost += STEP_WEIGHT * turn
            cost += band
            np.minimum(cost[:-1], band[1:] + gap_x[i - 1, :active], out=cost[:-1])
            gaps = gap_y[ys, :active]
            for cell in range(2 * BAND + 1):
                if i <= FREE and i - BAND + cell <= FREE:
                    cost[cell] = 0
                elif cell:
                    np.minimum(cost[cell], cost[cell - 1] + gaps[cell], out=cost[cell])
            band = cost
        distance[: band.shape[1]] = band[BAND]
        return np.maximum(0.0, 1.0 - distance / norm)
