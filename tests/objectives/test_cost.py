"""The cost of objectives is measured for those that are asked for; how much it is, is a benchmark's affair."""

from __future__ import annotations

import pytest

from ritornello.errors import ArgumentError
from ritornello.nn.objectives import OBJECTIVES
from ritornello.objectives.cost import objective_cost


def test_every_loss_is_timed_beside_the_built_in_one() -> None:
    found = objective_cost(5, 7, repeats=1)
    assert set(found) == set(OBJECTIVES) - {"harmonic"}
    assert all(one["ms"] > 0 and one["ratio"] > 0 for one in found.values())
    assert set(objective_cost(5, 7, ["expgb"], repeats=1)) == {"expgb"}


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(ArgumentError, match="classes"):
        objective_cost(1, 7)
    with pytest.raises(ArgumentError, match="softmax"):
        objective_cost(5, 7, ["softmax"])
