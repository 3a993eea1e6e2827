"""The similarity measures against their definitions, computed the slow way."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.analysis.structure.candidates import candidate_pairs, starts_a_phrase
from ritornello.analysis.structure.contour import Contours
from ritornello.analysis.structure.lines import REST, Lines
from ritornello.analysis.structure.similarity import Similarity


def random_lines(seed: int, bars: int = 20, per_bar: int = 16, several_keys: bool = False) -> Lines:
    rng = np.random.default_rng(seed)
    onsets, ends, pitches = [], [], []
    position = int(rng.integers(0, 6))
    while position < bars * per_bar - 8:
        length = int(rng.integers(1, 9))
        onsets.append(position)
        ends.append(position + length)
        pitches.append(int(rng.integers(55, 80)))
        position += length + int(rng.choice([0, 0, 0, 2, 5, 20]))
    masks = [sum(1 << int(t) for t in rng.choice(12, size=3, replace=False)) for _ in range(bars * per_bar // 4)]
    return Lines(per_bar, tuple(onsets), tuple(ends), tuple(pitches), tuple(masks), several_keys)


def slow_contour(x: list[int], y: list[int]) -> float:
    """The recurrence as it is written, one pair at a time."""

    def mean(line: list[int]) -> int:
        sounding = [p for p in line if p != REST]
        return sum(sounding) // len(sounding) if sounding else 60

    def steps(line: list[int]) -> list[int | None]:
        result: list[int | None] = []
        before: int | None = None
        for p in line:
            result.append(None if p == REST or before is None else int(np.sign(p - before)))
            before = before if p == REST else p
        return result

    def gap(p: int, other: int) -> int:
        return 10 if p == REST else abs(p - other)

    def weight(line: list[int], own: int) -> int:
        return sum(12 if p == REST else abs(p - own + 2) + 1 for p in line)

    mx, my, sx, sy, n = mean(x), mean(y), steps(x), steps(y), len(x)
    table = np.full((n + 1, n + 1), np.inf)
    for i in range(n + 1):
        for j in range(max(0, i - 2), min(n, i + 2) + 1):
            if i <= 4 and j <= 4:
                table[i, j] = 0
                continue
            p, q = x[i - 1], y[j - 1]
            distance = 0 if p == q == REST else 14 if REST in (p, q) else abs(p - q)
            one, two = sx[i - 1], sy[j - 1]
            turn = 0 if one is None or two is None else abs(one - two)
            options = [table[i - 1, j - 1] + distance + 2 * turn]
            options += [table[i - 1, j] + gap(p, my), table[i, j - 1] + gap(q, mx)]
            table[i, j] = min(options)
    return max(0.0, 1 - table[n, n] / ((weight(x, mx) + weight(y, my)) // 2))


def fill(line: list[int]) -> list[int]:
    result: list[int] = []
    for p in line:
        result.append(result[-1] if p == REST and result else p)
    return result


@pytest.mark.parametrize("per_bar", [12, 16])
def test_contour_of_many_pairs_equals_the_recurrence(per_bar: int) -> None:
    lines = random_lines(3, per_bar=per_bar)
    rng = np.random.default_rng(5)
    count = 60
    bars = rng.integers(1, 7, count)
    a, b = rng.integers(0, 13, count), rng.integers(0, 13, count)
    filled, shift = rng.integers(0, 2, count), rng.choice([0, 0, 5, -12], count)
    found = Contours(lines).similarity(a, b, bars, filled, shift)
    for k in range(count):
        cuts = []
        for start, move in ((a[k], 0), (b[k], shift[k])):
            line = lines.flat[start * per_bar : (start + bars[k]) * per_bar].tolist()
            line = fill(line) if filled[k] else line
            cuts.append([p if p == REST else p + int(move) for p in line])
        assert found[k] == pytest.approx(slow_contour(*cuts), abs=1e-12)


def test_contour_of_a_line_with_itself_is_one_and_symmetric() -> None:
    contours = Contours(random_lines(1))
    a, b = np.array([0, 4, 7]), np.array([9, 11, 12])
    length, raw = np.array([4, 5, 6]), np.zeros(3, dtype=np.int64)
    assert contours.similarity(a, a, length, raw, raw).tolist() == [1, 1, 1]
    there, back = contours.similarity(a, b, length, raw, raw), contours.similarity(b, a, length, raw, raw)
    assert np.allclose(there, back)


def test_chords_and_rhythm_equal_their_definitions() -> None:
    lines = random_lines(2)
    similarity = Similarity(lines)
    a, b, bars = np.array([0, 2, 5]), np.array([10, 9, 14]), 4
    for shift in (0, 7):
        found = similarity.chords(a, b, bars, shift)
        for k in range(3):
            values = []
            for beat in range(4 * bars):
                one = {t for t in range(12) if lines.chord_masks[4 * a[k] + beat] >> t & 1}
                other = {(t + shift) % 12 for t in range(12) if lines.chord_masks[4 * b[k] + beat] >> t & 1}
                values.append(2 * len(one & other) / (len(one) + len(other)))
            assert found[k] == pytest.approx(np.mean(values))
    for late in range(3):
        found = similarity.rhythm(a, b, bars, late)
        for k in range(3):
            one, other = (lines.events[16 * s : 16 * (s + bars)].copy() for s in (a[k], b[k]))
            if late == 1:
                one = np.concatenate([[False, False], one[1:-1]])
            if late == 2:
                other = np.concatenate([[False, False], other[1:-1]])
            assert found[k] == pytest.approx((one == other)[1:].mean())


def test_a_fragment_matches_its_copy_and_its_transposition_only_with_several_keys() -> None:
    base = random_lines(8, bars=9)
    for moved in (0, 3):
        onsets = base.onsets + tuple(onset + 160 for onset in base.onsets)
        ends = base.ends + tuple(end + 160 for end in base.ends)
        pitches = base.pitches + tuple(pitch + moved for pitch in base.pitches)
        turned = tuple(((mask << moved) | (mask >> (12 - moved))) & 0xFFF for mask in base.chord_masks)
        masks = base.chord_masks + (0,) * 4 + turned
        for several_keys in (False, True):
            lines = Lines(16, onsets, ends, pitches, masks, several_keys)
            starts = [s for s in range(lines.real_start, 5) if starts_a_phrase(lines, s, s + 4)]
            pairs = candidate_pairs(lines, 4)
            matches = Similarity(lines).match(pairs)
            found = set(zip(matches.first.tolist(), matches.second.tolist(), strict=True))
            copies = {(s, s + 10) for s in starts} & set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
            assert copies
            assert (copies <= found) == (moved == 0 or several_keys)
