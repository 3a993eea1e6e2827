from __future__ import annotations

import numpy as np
import pytest

from ritornello.museformer.attention.bars import NO_SOURCE
from ritornello.museformer.attention.sequence import IGNORED, BarSequence, beat_numbers, make_sequence
from ritornello.museformer.tokens import vocabulary as v

from .token_songs import bar, random_bars

A, B, EMPTY = bar((0, 60, 12), (12, 64, 12)), bar((6, 62, 30)), bar()


def test_bars_stand_behind_the_start_symbol_and_the_end_is_the_last_target() -> None:
    sequence = make_sequence([A, B])
    assert sequence.ids.tolist() == [v.START, *A, *B]
    assert sequence.targets.tolist() == [*A, *B, v.END]
    assert sequence.starts.tolist() == [1, 1 + len(A), 1 + len(A) + len(B)]
    assert sequence.order.tolist() == [1, 2]
    assert sequence.bars == 2


def test_the_start_symbol_belongs_to_no_bar() -> None:
    sequence = make_sequence([A, B])
    assert sequence.places.tolist() == [-1, *[0] * len(A), *[1] * len(B)]
    assert sequence.bar_numbers.tolist() == [0, *[1] * len(A), *[2] * len(B)]
    assert sequence.places_in_bar.tolist() == [0, *range(len(A)), *range(len(B))]


def test_beats_run_from_each_onset_to_the_end_of_the_bar() -> None:
    # t o-0 i p d v o-12 i p d v b
    assert make_sequence([A]).beats.tolist() == [0, 0, 1, 1, 1, 1, 1, 13, 13, 13, 13, 13, 0]


def test_control_tokens_have_no_beat_and_end_that_of_the_bar_before() -> None:
    ids = np.array(
        [v.ONSET0 + 5, v.INSTRUMENT0, v.BAR_END, v.CONTINUE, v.PLAN0, v.TEMPO0 + 35, v.ONSET0, v.INSTRUMENT0]
    )
    assert beat_numbers(ids).tolist() == [6, 6, 0, 0, 0, 0, 1, 1]
    assert beat_numbers(np.array([v.START, v.ONSET0 + 47, v.VELOCITY0, v.START])).tolist() == [0, 48, 48, 0]


def test_control_tokens_are_never_targets() -> None:
    bars = [np.append(v.PLAN0 + 1, A), np.append([v.CONTINUE, v.PLAN0], B)]
    sequence = make_sequence(bars, [1, 5], [NO_SOURCE, 1])
    assert sequence.targets.tolist() == [IGNORED, *A, IGNORED, IGNORED, *B, v.END]
    assert sequence.ids.tolist() == [v.START, *bars[0], *bars[1]]


def test_the_end_is_no_target_unless_the_piece_ends() -> None:
    assert make_sequence([A, B], ends=False).targets.tolist() == [*A, *B, IGNORED]


def test_empty_bars_are_known() -> None:
    assert make_sequence([A, EMPTY, B, np.append(v.PLAN0, EMPTY)]).is_empty.tolist() == [False, True, False, True]
    assert make_sequence([]).is_empty.tolist() == []


def test_sources_are_places_in_the_order_of_generation() -> None:
    sequence = make_sequence([A, B, A, B], [3, 1, 4, 2], [NO_SOURCE, 3, 1, 9])
    assert sequence.sources.tolist() == [NO_SOURCE, 0, 1, NO_SOURCE]
    assert sequence.fine[2, 1]


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_cut_keeps_the_first_rows_and_what_they_see(cut: int) -> None:
    bars = random_bars(np.random.default_rng(0), 8)
    whole = make_sequence(bars)
    short = make_sequence(bars, max_rows=cut)
    assert len(short.ids) == len(short.targets) == cut < len(whole.ids)
    for name in ("ids", "targets", "places", "bar_numbers", "places_in_bar", "beats"):
        assert getattr(short, name).tolist() == getattr(whole, name)[:cut].tolist(), name
    assert short.starts[-1] == cut
    assert (np.diff(short.starts) > 0).all()
    count = short.bars
    assert np.array_equal(short.fine, whole.fine[:count, :count])
    assert short.sources.tolist() == whole.sources[:count].tolist()


def test_a_cut_beyond_the_end_cuts_nothing() -> None:
    whole = make_sequence([A, B])
    rows: BarSequence = make_sequence([A, B], max_rows=len(whole.ids))
    assert rows.targets.tolist() == whole.targets.tolist()
