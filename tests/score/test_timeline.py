from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from song_strategies import meter_changes, tempi

from ritornello.errors import ArgumentError
from ritornello.score import Meter, Tempo
from ritornello.score.timeline import bar_ticks, seconds_to_ticks, ticks_to_seconds


@st.composite
def tempo_maps(draw: st.DrawFn) -> list[Tempo]:
    ticks = sorted(draw(st.sets(st.integers(1, 2000), max_size=6)))
    return [Tempo(tick, draw(tempi)) for tick in [0, *ticks]]


@given(tempo_maps(), st.lists(st.integers(0, 5000), max_size=20))
def test_seconds_and_ticks_are_inverse(tempo_map: list[Tempo], ticks: list[int]):
    assert np.allclose(seconds_to_ticks(tempo_map, ticks_to_seconds(tempo_map, ticks)), ticks, atol=1e-6)


@given(tempo_maps())
def test_seconds_rise_with_ticks(tempo_map: list[Tempo]):
    assert (np.diff(ticks_to_seconds(tempo_map, np.arange(2100))) > 0).all()


def test_seconds_of_a_tempo_change():
    tempo_map = [Tempo(0, 60.0), Tempo(24, 120.0)]
    assert ticks_to_seconds(tempo_map, [0, 12, 24, 36]).tolist() == [0.0, 1.0, 2.0, 2.5]


@given(meter_changes(), st.integers(0, 1000))
def test_bars_cover_the_song_and_start_at_every_metre(meters: tuple[Meter, ...], end: int):
    lines = bar_ticks(meters, end)
    assert lines[0] == 0
    assert lines[-1] >= max(end, 1)
    assert {meter.tick for meter in meters} <= set(lines.tolist())
    for start, stop in itertools.pairwise(lines):
        running = max((meter for meter in meters if meter.tick <= start), key=lambda meter: meter.tick)
        assert 0 < stop - start <= running.bar_ticks
        if stop not in {meter.tick for meter in meters}:
            assert stop - start == running.bar_ticks


def test_a_pickup_is_a_short_first_metre():
    assert bar_ticks([Meter(0, 1, 4), Meter(12, 4, 4)], 100).tolist() == [0, 12, 60, 108]


@pytest.mark.parametrize(
    ("numerator", "denominator", "bar", "beat", "compound"),
    [(4, 4, 48, 12, False), (3, 4, 36, 12, False), (6, 8, 36, 18, True), (12, 8, 72, 18, True), (2, 2, 48, 24, False),
     (3, 8, 18, 6, False), (9, 16, 27, 9, True), (4, 32, 6, 1, False)],
)  # fmt: skip
def test_bars_and_beats(numerator: int, denominator: int, bar: int, beat: int, compound: bool):
    meter = Meter(0, numerator, denominator)
    assert (meter.bar_ticks, meter.beat_ticks, meter.is_compound) == (bar, beat, compound)
    assert str(meter) == f"{numerator}/{denominator}"


@pytest.mark.parametrize("arguments", [(-1, 4, 4), (0, 0, 4), (0, 65, 4), (0, 4, 3), (0, 4, 64), (0, 7, 32)])
def test_metres_that_are_none_are_refused(arguments: tuple[int, int, int]):
    with pytest.raises(ArgumentError, match="metre"):
        Meter(*arguments)


@pytest.mark.parametrize("arguments", [(-1, 100.0), (0, 1.9), (0, 1001.0), (0, float("nan"))])
def test_tempi_that_are_none_are_refused(arguments: tuple[int, float]):
    with pytest.raises(ArgumentError, match="tempo"):
        Tempo(*arguments)
