"""Shared runs: closed cases, laws (symmetry, transposition, brute force) on random lines."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.analysis.originality import Run, longest_shared_runs
from ritornello.score import make_notes


def line(pitches: list[int], waits: list[int] | None = None, start: int = 0):  # type: ignore[no-untyped-def]
    waits = waits or [6] * len(pitches)
    onsets = start + np.concatenate([[0], np.cumsum(waits)])[: len(pitches)]
    return make_notes(onsets, [3] * len(pitches), pitches)


def test_a_planted_run_is_found_where_it_was_planted() -> None:
    a = line([60, 61, 64, 62, 67, 65, 70], [6, 6, 3, 3, 6, 12, 6])
    b = line([40, 71, 69, 74, 72, 50], [12, 3, 3, 6, 5, 1], start=30)  # 64 62 67 65 of a, seven semitones up
    shared = longest_shared_runs(a, b)
    assert shared.rhythmic == Run(4, 2, 1)
    assert shared.melodic == Run(4, 2, 1)


def test_rhythm_can_break_a_run_of_intervals() -> None:
    a = line([60, 62, 64, 65, 67])
    b = line([50, 52, 54, 55, 57], [6, 6, 12, 6, 6])
    shared = longest_shared_runs(a, b)
    assert shared.melodic == Run(5, 0, 0)
    assert shared.rhythmic == Run(3, 0, 0)


def test_of_equal_runs_the_first_is_reported_in_either_direction() -> None:
    a = line([60, 64, 60, 64, 60])
    b = line([50, 54])
    assert longest_shared_runs(a, b).melodic == Run(2, 0, 0)
    assert longest_shared_runs(b, a).melodic == Run(2, 0, 0)


@pytest.mark.parametrize("other", [0, 1])
def test_short_lines(other: int) -> None:
    a, b = line([60, 61, 62]), line([60] * other)
    assert longest_shared_runs(a, b).melodic == Run(other, 0, 0)
    assert longest_shared_runs(b, a).rhythmic == Run(other, 0, 0)


def test_against_brute_force_with_symmetry_and_transposition() -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        n, m = rng.integers(2, 25, 2)
        a = line(rng.integers(60, 64, n).tolist(), rng.choice([3, 6], n).tolist())
        b = line(rng.integers(60, 64, m).tolist(), rng.choice([3, 6], m).tolist())
        shared = longest_shared_runs(a, b)
        moved = b.copy()
        moved["pitch"] += 5
        moved["onset"] += 48
        assert longest_shared_runs(a, moved) == shared
        mirrored = longest_shared_runs(b, a)
        for kind, fields in (("rhythmic", ("pitch", "onset")), ("melodic", ("pitch",))):
            run, mirror = getattr(shared, kind), getattr(mirrored, kind)
            assert run.length == mirror.length == brute_force(a, b, fields)
            for field in fields:
                span_a = a[field][run.start_a : run.start_a + run.length]
                span_b = b[field][run.start_b : run.start_b + run.length]
                assert np.array_equal(np.diff(span_a), np.diff(span_b))


def brute_force(a, b, fields: tuple[str, ...]) -> int:  # type: ignore[no-untyped-def]
    best = 1
    for i in range(len(a)):
        for j in range(len(b)):
            size = 1
            while (
                i + size < len(a)
                and j + size < len(b)
                and all(a[f][i + size] - a[f][i + size - 1] == b[f][j + size] - b[f][j + size - 1] for f in fields)
            ):
                size += 1
            best = max(best, size)
    return best
