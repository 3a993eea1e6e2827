from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.museformer.attention.bars import LAST_OFFSETS, NO_SOURCE, STRUCTURE_OFFSETS, fine_table

from .token_songs import infill_order


def seen(table: np.ndarray, order: list[int], bar: int) -> set[int]:
    """Musical indices of the bars that a bar sees finely."""
    return {order[place] for place in np.flatnonzero(table[order.index(bar)])}


def test_in_musical_order_a_bar_sees_the_offsets_of_the_paper() -> None:
    order = list(range(1, 61))
    table = fine_table(order)
    for bar in order:
        assert seen(table, order, bar) == {bar - offset for offset in STRUCTURE_OFFSETS if bar > offset}


def test_without_selection_a_bar_sees_the_last_eight() -> None:
    order = list(range(1, 21))
    assert seen(fine_table(order, offsets=LAST_OFFSETS), order, 15) == set(range(7, 15))


def test_a_refilled_bar_sees_both_sides() -> None:
    order = infill_order(40, 17, 18)
    table = fine_table(order)
    assert seen(table, order, 17) == {16, 15, 19, 13, 21, 9, 25, 5}
    assert seen(table, order, 18) == {17, 19, 16, 20, 14, 22, 10, 26}


def test_what_comes_before_the_gap_does_not_see_behind_it() -> None:
    order = infill_order(12, 4, 6)
    table = fine_table(order)
    assert seen(table, order, 3) == {1, 2}
    assert seen(table, order, 7) == {3}  # of 6, 5, 3, ... only 3 is written yet
    assert seen(table, order, 8) == {7}


def test_the_source_of_a_plan_and_its_neighbours_come_first() -> None:
    order = list(range(1, 65))
    sources = [NO_SOURCE] * 64
    sources[63] = 21
    table = fine_table(order, sources)
    assert seen(table, order, 64) == {21, 20, 22, 63, 62, 60, 56, 52}
    assert seen(table, order, 63) == {63 - offset for offset in STRUCTURE_OFFSETS}


def test_a_source_that_an_offset_names_too_costs_no_place() -> None:
    order = list(range(1, 41))
    sources = [NO_SOURCE] * 40
    sources[39] = 38
    assert seen(fine_table(order, sources), order, 40) == {38, 37, 39, 36, 32, 28, 24, 16}


@pytest.mark.parametrize("source", [12, 41])
def test_sources_that_do_not_come_earlier_are_passed_over(source: int) -> None:
    order = list(range(1, 41))
    sources = [NO_SOURCE] * 40
    sources[9] = source
    assert seen(fine_table(order, sources), order, 10) == {9, 8, 6, 2}


@given(st.data())
def test_of_any_order_and_sources_at_most_eight_earlier_bars_are_fine(data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(1, 60), unique=True, min_size=1, max_size=40))
    sources = data.draw(st.lists(st.sampled_from([NO_SOURCE, *order]), min_size=len(order), max_size=len(order)))
    table = fine_table(order, sources)
    assert not np.triu(table).any()
    assert table.sum(1).max() <= 8
    for place, source in enumerate(sources):
        if source in order[:place]:
            assert table[place, order.index(source)]


@given(st.permutations(list(range(1, 13))))
def test_what_a_bar_sees_does_not_depend_on_what_follows(order: list[int]) -> None:
    whole = fine_table(order)
    for count in (1, 5, 11):
        assert np.array_equal(fine_table(order[:count]), whole[:count, :count])
