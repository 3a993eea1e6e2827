"""Marks tell what an edit concerns; random numbers belong to their places; counts back off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.frameworks.chance import Chance
from ritornello.frameworks.counts import Counts
from ritornello.frameworks.marks import LAYERS, NO_MARK, OWN, holds, is_from, mark, marks_text, parse_marks


def test_a_mark_knows_its_content_and_its_ingredients() -> None:
    one = mark(OWN, ("C", 67), 71)
    assert holds(one, 71) and not holds(one, 72)
    assert is_from(one, ("C", 67)) and not is_from(one, ("Am", 67))
    assert not holds(NO_MARK, 71)


def test_marks_are_read_back_and_what_is_none_counts_as_none() -> None:
    marks = {layer: [mark(OWN, layer, cell) for cell in range(4)] for layer in LAYERS}
    assert parse_marks(marks_text(marks), 4) == marks
    assert parse_marks(marks_text(marks), 5) == {layer: [NO_MARK] * 5 for layer in LAYERS}
    assert marks_text({layer: [NO_MARK] * 3 for layer in LAYERS}) == ""


@given(st.text(max_size=60), st.integers(1, 4))
def test_any_text_is_read_as_marks(text: str, cells: int) -> None:
    found = parse_marks(text, cells)
    assert all(len(found[layer]) == cells for layer in LAYERS)


def test_a_place_has_one_number_and_its_neighbour_another() -> None:
    place = Chance(("seed", 1))
    assert place.at("cell", 3).uniform() == Chance(("seed", 1, "cell", 3)).uniform()
    numbers = {place.at("cell", cell).uniform() for cell in range(50)}
    assert len(numbers) == 50
    assert place.at("cell", 12).uniform() != place.at("cell1", 2).uniform()


def test_draws_follow_the_distribution_and_its_bounds() -> None:
    weights = np.array([5.0, 3.0, 1.0, 0.0])
    drawn = np.bincount([Chance((i,)).draw(weights) for i in range(3000)], minlength=4) / 3000
    assert np.abs(drawn - weights / weights.sum()).max() < 0.03
    assert {Chance((i,)).draw(weights, top_p=0.5) for i in range(50)} == {0}
    assert {Chance((i,)).draw(weights, temperature=0) for i in range(20)} == {0}


def test_counts_back_off_by_witten_and_bell() -> None:
    counts = Counts()
    for item in "aab":
        counts.add((("long",), ()), item)
    counts.add(((),), "c")
    items, shares = counts.distribution(("long",), ())
    # Short: a 2/4, b 1/4, c 1/4. Long: 3 observations of 2 kinds, which give 2/5 to the short one.
    expected = {"a": (2 + 2 * 0.5) / 5, "b": (1 + 2 * 0.25) / 5, "c": 2 * 0.25 / 5}
    assert dict(zip(items, shares, strict=True)) == pytest.approx(expected)
    assert counts.distribution(("unseen",), ())[1] == pytest.approx([0.5, 0.25, 0.25])
    assert counts.distribution(("unseen",))[0] == ()


def test_counts_are_read_back_without_what_is_rare() -> None:
    counts = Counts()
    for item, number in (("a", 3), ("b", 1)):
        for _ in range(number):
            counts.add(((1, "x"), ()), item)
    again = Counts.from_json(counts.to_json(2))
    assert again.rows == {(1, "x"): {"a": 3}, (): {"a": 3}}
    for wrong in ([["x"]], [[["x"], ["a", 0]]], [[["x"], ["a"]]], [[[None], ["a", 1]]]):
        with pytest.raises((ValueError, TypeError)):
            Counts.from_json(wrong)
