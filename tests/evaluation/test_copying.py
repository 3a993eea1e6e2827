from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ritornello.analysis.originality import longest_shared_runs
from ritornello.errors import ArgumentError
from ritornello.evaluation.bar_notes import DRUMS
from ritornello.evaluation.copying import CopiedRun, copied_runs, longest_copied_notes, note_steps
from ritornello.score.song import make_notes

Sequences = list[NDArray[np.int64]]

SEQUENCES = st.lists(st.lists(st.integers(-1, 2), max_size=40), max_size=5)


def naive_longest(query: NDArray[np.int64], references: Sequences) -> int:
    best = 0
    for reference in references:
        for i in range(len(query)):
            for j in range(len(reference)):
                length = 0
                while i + length < len(query) and j + length < len(reference):
                    if query[i + length] != reference[j + length]:
                        break
                    length += 1
                best = max(best, length)
    return best


def check(run: CopiedRun, query: NDArray[np.int64], references: Sequences) -> None:
    assert run.length == naive_longest(query, references)
    if run.length:
        copied = references[run.reference][run.reference_start : run.reference_start + run.length]
        np.testing.assert_array_equal(query[run.start : run.start + run.length], copied)
    else:
        assert run == CopiedRun(0)


@settings(max_examples=150, deadline=None)
@given(SEQUENCES, SEQUENCES, st.integers(1, 100))
def test_runs_are_the_longest_common_ones(queries: list[list[int]], references: list[list[int]], block: int) -> None:
    one = [np.array(sequence, np.int64) for sequence in queries]
    other = [np.array(sequence, np.int64) for sequence in references]
    for query, run in zip(one, copied_runs(one, other, block), strict=True):
        check(run, query, other)


@pytest.mark.parametrize("length", [1, 2, 3, 15, 16, 17, 33, 63, 64, 100])
def test_a_planted_run_is_found_where_it_is(length: int) -> None:
    rng = np.random.default_rng(length)
    references = [1000 * number + rng.permutation(300) for number in range(1, 5)]  # no event in common but the planted
    query = rng.integers(0, 4, 200)
    query[50 : 50 + length] = references[2][80 : 80 + length]
    assert copied_runs([query, query[:50]], references) == [CopiedRun(length, 50, 2, 80), CopiedRun(0)]


def test_a_run_does_not_cross_the_end_of_a_song() -> None:
    query = np.arange(10)
    assert copied_runs([query], [query[:6], query[6:]])[0] == CopiedRun(6, 0, 0, 0)
    assert copied_runs([query[:6], query[6:]], [query]) == [CopiedRun(6, 0, 0, 0), CopiedRun(4, 0, 0, 6)]
    zeros = np.zeros(5, np.int64)
    assert copied_runs([zeros], [zeros[:3], zeros[:4]])[0].length == 4
    assert copied_runs([zeros], []) == [CopiedRun(0)] and copied_runs([], [zeros]) == []


def as_bars(onset: NDArray[np.int64], pitch: NDArray[np.int64], family: int = 0) -> Sequences:
    notes = np.stack([onset % 48, pitch, np.full(len(onset), 6), np.full(len(onset), family)], axis=1)
    return [notes[onset // 48 == bar] for bar in range(int(onset.max()) // 48 + 1)]


def test_notes_are_counted_in_any_key_and_anywhere_in_the_bar() -> None:
    rng = np.random.default_rng(0)
    onset, pitch = np.cumsum(rng.integers(1, 13, 80)), rng.integers(50, 70, 80)
    moved = as_bars(onset[20:50] - onset[20] + 7, pitch[20:50] + 9)
    assert longest_copied_notes([moved], [as_bars(onset, pitch)]) == [30]
    for seed in range(5):  # the same count as of two melodies alone
        rng = np.random.default_rng(seed)
        lines = [(np.cumsum(rng.integers(1, 3, 60)), rng.integers(60, 62, 60)) for _ in range(2)]
        expected = longest_shared_runs(*(make_notes(on, np.ones(60), at) for on, at in lines)).rhythmic.length
        assert longest_copied_notes([as_bars(*lines[0])], [as_bars(*lines[1])]) == [expected]


def test_drums_count_by_the_drum_that_is_struck() -> None:
    onset, pitch = np.arange(0, 96, 12), np.array([36, 38, 36, 42, 36, 38, 36, 42])
    kit, shifted = as_bars(onset, pitch, DRUMS), as_bars(onset, pitch + 7, DRUMS)
    assert note_steps(kit, DRUMS).tolist() == [12 * 256 + drum for drum in pitch[1:]]
    assert longest_copied_notes([kit], [kit], DRUMS) == [8]
    assert longest_copied_notes([shifted], [kit], DRUMS) == [0]
    assert longest_copied_notes([kit], [kit]) == [0]  # no melody at all


def test_wrong_sequences_are_refused() -> None:
    for wrong in (np.zeros(3), np.zeros((2, 2), np.int64)):
        with pytest.raises(ArgumentError):
            copied_runs([wrong], [])
        with pytest.raises(ArgumentError):
            copied_runs([], [wrong])
