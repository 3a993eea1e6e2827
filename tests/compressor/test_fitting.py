"""Fitting our model: known numbers are found again, settings without pairs move along, the command writes a model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ritornello.compressor.data import HeldPair, recorded_pairs, simulated_pair, write_pairs
from ritornello.compressor.fitting import fit_model
from ritornello.compressor.model import LevellerModel, load_model
from ritornello.compressor.process import Leveller, pre_roll
from ritornello.compressor.programme import programme
from ritornello.errors import ArgumentError


def other_unit() -> LevellerModel:
    model = load_model()
    tables = {mode: {**table, "threshold_db": table["threshold_db"] - 1.5} for mode, table in model.by_setting.items()}
    shared = {**model.shared, "attack_ms": 9.0, "fast_release_ms": 30.0}
    return dataclasses.replace(model, by_setting=tables, shared=shared)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[HeldPair]:
    import json

    place = tmp_path_factory.mktemp("unit") / "model.json"
    place.write_text(json.dumps(other_unit().as_json()))
    found = []
    for seed, mode in enumerate(("compress", "limit")):
        source = programme(seed, 50_000, 44_100)[None]
        unit = Leveller(44_100, 1, model=str(place), peak_reduction=65, mode=mode)
        found.append(HeldPair(source[0].astype(np.float32), unit.process(source)[0], mode == "limit", 65.0))
    return found


def test_known_numbers_are_found_again(pairs: list[HeldPair]) -> None:
    fit = fit_model(pairs, load_model(), iterations=12)
    assert fit.esr_after < 0.05 * fit.esr_before
    wanted = other_unit()
    assert fit.model.shared["attack_ms"] == pytest.approx(wanted.shared["attack_ms"], rel=0.15)
    levels = np.array([-12.0, -6.0])
    found, expected = (unit.numbers("compress", 65).static_reduction_db(levels) for unit in (fit.model, wanted))
    np.testing.assert_allclose(found, expected, atol=0.4)


def test_settings_without_pairs_move_along_and_nothing_happens_at_0(pairs: list[HeldPair]) -> None:
    fit = fit_model(pairs, load_model(), iterations=4)
    before, after = (unit.by_setting["compress"]["threshold_db"] for unit in (load_model(), fit.model))
    assert after[4] - before[4] == pytest.approx(after[7] - before[7], abs=0.5)
    assert fit.model.numbers("limit", 0).slope == 0
    assert fit.model.numbers("limit", 0).makeup_db == 0


def test_silent_and_short_pairs_are_refused() -> None:
    silence = np.zeros(50_000, np.float32)
    with pytest.raises(ArgumentError, match="nothing to fit"):
        fit_model([HeldPair(silence, silence, False, 50.0)], load_model())
    short = simulated_pair([1], 1000, False, 50)
    with pytest.raises(ArgumentError, match="nothing to fit"):
        fit_model([short], load_model())


def test_pairs_of_a_folder_are_read_stretch_by_stretch(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", minutes=0.1, seconds=1.5, seed=3)
    (first, *_) = recorded_pairs(tmp_path / "pairs", "train")
    whole = first.read()
    part = first.read(100, 50)
    assert len(whole[0]) == first.frames
    for one, other in zip(part, whole, strict=True):
        np.testing.assert_array_equal(one, other[100:150])


def test_a_pre_roll_ends_where_the_recording_begins() -> None:
    beginning = np.arange(10.0)[None]
    np.testing.assert_array_equal(pre_roll(beginning, 4), [[3, 2, 1, 0]])
    assert pre_roll(beginning, 99).shape == (1, 10)
    assert pre_roll(beginning, 0).shape == (1, 0)


def test_a_warm_unit_reduces_the_beginning_more_and_puts_out_the_same_noise() -> None:
    sound = 0.2 * np.random.default_rng(0).standard_normal((1, 44_100))
    cold = Leveller(44_100, 1, peak_reduction=80, hiss=True)
    warm = Leveller(44_100, 1, peak_reduction=80, hiss=True)
    warm.warm_up(pre_roll(sound, 88_200))
    first, second = cold.process_with_gain(sound)[1], warm.process_with_gain(sound)[1]
    assert second[0, :2000].mean() < first[0, :2000].mean() - 0.2
    cold.reset()
    warm.reset()
    np.testing.assert_array_equal(cold.process(sound), warm.process(sound))
