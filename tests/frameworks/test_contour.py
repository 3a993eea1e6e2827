"""Curves and the distance of a basic melody from them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, ReadError, RitornelloError
from ritornello.frameworks.contour import (
    NAMED,
    RANGE_SEMITONES,
    STEP_COST,
    WINDOW,
    contour_error,
    contour_errors,
    in_semitones,
    named_contour,
    parse_curve,
    read_curve,
    resampled,
)

pitches = st.lists(st.integers(50, 80), min_size=1, max_size=10)


def _slow_error(rows: list[int], curve: list[float]) -> float:
    """The definition, cell by cell."""
    a = [p - sum(rows) / len(rows) for p in rows]
    b = [c - sum(curve) / len(curve) for c in curve]

    def best(i: int, j: int) -> float:
        if abs(i - j) > WINDOW or i < 0 or j < 0:
            return math.inf
        if i == 0 or j == 0:
            return STEP_COST * max(i, j)
        steps = min(best(i - 1, j - 1), best(i - 1, j) + STEP_COST, best(i, j - 1) + STEP_COST)
        return abs(a[i - 1] - b[j - 1]) + steps

    return best(len(a), len(b)) / len(a)


@given(st.data(), st.integers(1, 6))
def test_the_error_is_that_of_the_definition(data: st.DataObject, cells: int) -> None:
    row = data.draw(st.lists(st.integers(50, 80), min_size=cells, max_size=cells))
    curve = data.draw(st.lists(st.floats(-9, 9), min_size=cells, max_size=cells))
    assert contour_error(row, curve) == pytest.approx(_slow_error(row, curve))


@given(pitches, st.integers(-20, 20))
def test_a_melody_follows_itself_on_any_height(row: list[int], shift: int) -> None:
    assert contour_error(row, row) == pytest.approx(0, abs=1e-9)
    assert contour_error(row, [pitch + shift for pitch in row]) == pytest.approx(0, abs=1e-9)


def test_many_melodies_are_measured_as_each_is_alone() -> None:
    rows = np.random.default_rng(0).integers(55, 80, (7, 16))
    curve = in_semitones(named_contour("arch", 16))
    together = contour_errors(rows, curve)
    assert together == pytest.approx([contour_error(row, curve) for row in rows])


def test_what_is_not_drawn_or_silent_does_not_count() -> None:
    curve = np.array([0.0, math.nan, 4.0, 4.0])
    assert contour_error([60, 99, 64, 64], curve) == pytest.approx(0, abs=1e-9)
    assert contour_error([60, 61], [math.nan, math.nan]) == 0
    assert contour_error([0, 0, 0], [0, 0, 0]) == 0


def test_a_peak_a_cell_late_costs_less_than_no_peak() -> None:
    curve = [0, 0, 9, 0, 0, 0]
    late, none = [60, 60, 60, 69, 60, 60], [60, 60, 60, 60, 60, 60]
    assert contour_error(late, curve) < contour_error(none, curve)


def test_named_curves_have_their_shape() -> None:
    rise, fall, arch = (named_contour(name, 9) for name in ("rise", "fall", "arch"))
    assert list(rise) == sorted(rise) and list(fall) == sorted(fall, reverse=True)
    assert max(arch) == arch[4] and arch == arch[::-1]
    assert set(named_contour("flat", 5)) == {0.0}
    assert all(len(named_contour(name, cells)) == cells for name in NAMED for cells in (1, 2, 7))
    with pytest.raises(ArgumentError, match="contour 'zigzag' is unknown; use one of rise"):
        named_contour("zigzag", 8)


def test_any_vertical_scale_is_the_same_curve() -> None:
    small, large = in_semitones([0.1, 0.2, 0.4]), in_semitones([100, 200, 400])
    assert small == pytest.approx(large)
    assert np.ptp(small) == pytest.approx(RANGE_SEMITONES)
    assert in_semitones([3, 3, 3]).tolist() == [0, 0, 0]
    assert np.isnan(in_semitones([None, 1, 2])[0])


def test_a_curve_is_read_off_evenly() -> None:
    assert resampled((0, 10), 5) == (0, 2.5, 5, 7.5, 10)
    assert resampled((1, 2, 3), 3) == (1, 2, 3)
    assert resampled((4, 9), 1) == (4,)


def test_curves_come_as_names_numbers_or_files(tmp_path: Path) -> None:
    assert parse_curve(" arch ") == "arch"
    assert parse_curve("0, 3,5.5,2") == (0, 3, 5.5, 2)
    (tmp_path / "a.json").write_text("[0, 1.5, 3]")
    (tmp_path / "a.csv").write_text("cell,height\n0,1\n1,2.5\n")
    (tmp_path / "b.csv").write_text("1,2,3,4\n")
    assert parse_curve(str(tmp_path / "a.json")) == (0, 1.5, 3)
    assert read_curve(tmp_path / "a.csv") == (1, 2.5)
    assert read_curve(tmp_path / "b.csv") == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("up", "none of rise, fall"),
        ("3", "at least two points"),
        ("1,nan", "no finite number"),
        ("1,,2", "no numbers such as"),
    ],
)
def test_no_curve_is_refused(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        parse_curve(text)


def test_a_file_without_a_curve_is_named(tmp_path: Path) -> None:
    place = tmp_path / "curve.json"
    for content in ("{}", '["a", 1]', "[1]", "[", "[true, 2]"):
        place.write_text(content)
        with pytest.raises(ReadError, match=r"curve\.json"):
            read_curve(place)
    with pytest.raises(ReadError, match="no such file"):
        read_curve(tmp_path / "missing.csv")


@given(st.binary(max_size=60), st.sampled_from([".csv", ".json"]))
def test_the_reader_never_fails_otherwise(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    place = tmp_path_factory.mktemp("curves") / f"curve{suffix}"
    place.write_bytes(data)
    try:
        assert len(read_curve(place)) >= 2
    except RitornelloError as error:
        assert "\n" not in str(error).replace("\\n", "") or str(place) in str(error)
