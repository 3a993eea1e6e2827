"""Generators and modulators: what replaces, what adds, what is clipped, what modulates."""

from __future__ import annotations

import pytest

from ritornello.sound.soundfont import parse_soundfont
from ritornello.sound.zones import Region, preset_regions
from sound.tiny_soundfont import build, span

VELOCITY_TO_FILTER = (0x0102, 8)


def regions(*args, **kwargs) -> tuple[Region, ...]:
    soundfont = parse_soundfont(build(*args, **kwargs))
    return preset_regions(soundfont, soundfont.presets[0, 0])


def controller(velocity: float = 127.0, **ccs: float):
    return lambda number, is_cc: (
        ccs.get(f"cc{number}", 0.0) if is_cc else {2: velocity, 14: 64.0, 16: 2.0}.get(number, 0.0)
    )


def test_defaults_of_the_specification() -> None:
    (region,) = regions(({},))
    assert region.generators["filter_fc"] == 13500
    assert region.generators["vol_env_release"] == -12000
    assert region.generators["scale_tuning"] == 100
    assert (region.keys, region.velocities) == ((0, 127), (0, 127))


def test_instrument_replaces_and_preset_adds() -> None:
    (region,) = regions(
        ({"fine_tune": 30, "pan": -100},), preset_zone={"fine_tune": 12, "pan": -500, "sample_modes": 1}
    )
    assert region.generators["fine_tune"] == 42
    assert region.generators["pan"] == -500  # clipped at the edge
    assert region.generators["sample_modes"] == 0  # no preset generator


def test_ranges_intersect_and_empty_ones_vanish() -> None:
    low, high = {"keys": span(0, 59), "velocities": span(0, 64)}, {"keys": span(60, 127)}
    (region,) = regions((low, high), preset_zone={"keys": span(40, 55)})
    assert region.keys == (40, 55)
    assert region.plays(40, 64)
    assert not region.plays(40, 65)
    assert not region.plays(39, 64)


def test_velocity_lowers_the_level_by_40_db_a_decade() -> None:
    (region,) = regions(({},))
    assert region.modulation("attenuation", controller(127.0, cc7=127, cc11=127)) == pytest.approx(0, abs=1e-6)
    assert region.modulation("attenuation", controller(12.7, cc7=127, cc11=127)) == pytest.approx(400, abs=0.1)


def test_velocity_closes_the_filter_unless_the_zone_says_no() -> None:
    (region,) = regions(({},))
    assert region.modulation("filter_fc", controller(0.0)) == pytest.approx(-2400)
    for amount_source in (0, 0x0D02):  # as 2.04 and as 2.01 write it
        (region,) = regions(({},), modulators=((*VELOCITY_TO_FILTER, 0, amount_source, 0),))
        assert region.modulation("filter_fc", controller(0.0)) == 0


def test_pitch_wheel_and_pan_reach_their_range() -> None:
    (region,) = regions(({},))
    whole = lambda number, is_cc: {14: 0.0, 16: 2.0}.get(number, 0.0)  # noqa: E731
    assert region.modulation("fine_tune", whole) == pytest.approx(-200)
    assert region.modulation("pan", controller(cc10=64)) == 0
    assert region.modulation("pan", controller(cc10=0)) == -500


def test_own_modulators_count_and_absolute_transform_folds() -> None:
    source = 0x0080 | 2 | 0x0200  # controller 2, bipolar
    (region,) = regions(({},), modulators=((source, 9, 100, 0, 0), (source, 8, 1000, 0, 2)))
    assert region.modulation("filter_q", controller(cc2=0)) == pytest.approx(-100)
    assert region.modulation("filter_fc", controller(127.0, cc2=0)) == pytest.approx(1000)
