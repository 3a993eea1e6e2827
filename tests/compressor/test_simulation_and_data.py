"""The simulated circuit, training pairs, one short training, exports: laws that hold for any constants."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from ritornello.compressor import simulation
from ritornello.compressor.data import HeldPair, setting_of, simulated_pairs, write_pairs
from ritornello.compressor.export import export_json, export_onnx, run_json
from ritornello.compressor.linear_colour import colour_filter
from ritornello.compressor.model import load_model, read_model
from ritornello.compressor.process import Leveller, Settings
from ritornello.compressor.programme import programme
from ritornello.compressor.simulation import Simulation, UnitConstants
from ritornello.compressor.train import SHORT, SegmentTask, train
from ritornello.compressor.unit import CALIBRATED
from ritornello.datasets.signaltrain import SignalTrain
from ritornello.errors import ArgumentError, ReadError
from ritornello.files import write_json

RATE = 44_100


def tone(seconds: float = 0.3, level: float = 0.4) -> np.ndarray:
    return level * np.sin(2 * np.pi * 1000 * np.arange(int(seconds * RATE)) / RATE)[None]


def test_the_compiled_simulation_and_python_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = np.random.default_rng(0).standard_normal((2, 1200)) * 0.3
    first = Simulation(RATE, 2, 70, True, CALIBRATED).process(signal)
    monkeypatch.setattr(simulation, "_kernel", lambda: None)
    second = Simulation(RATE, 2, 70, True, CALIBRATED).process(signal)
    assert np.abs(first[0] - second[0]).max() < 1e-9


def test_more_drive_reduces_more_and_the_cell_recovers_in_the_dark() -> None:
    units = [Simulation(RATE, 1, knob, False, CALIBRATED) for knob in (20, 60, 95)]
    depths = [-20 * np.log10(unit.process(tone())[1][-1]) for unit in units]
    assert depths[0] < depths[1] < depths[2]
    unit = Simulation(RATE, 1, 80, False, CALIBRATED)
    deep = unit.process(tone())[1][-1]
    assert unit.process(np.zeros((1, RATE)))[1][-1] > deep


def test_a_lit_cell_distorts_and_a_dark_one_does_not() -> None:
    unit = dataclasses.replace(CALIBRATED, cell_third=1.0, output_db=0)
    dark, lit = (Simulation(RATE, 1, knob, False, unit).process(tone(0.5, 0.5)) for knob in (0, 60))
    assert np.allclose(dark[0], tone(0.5, 0.5))
    heard, gain = lit[0][0, -4410:], lit[1][-1]
    third, first = (abs(np.exp(-2j * np.pi * hz * np.arange(4410) / RATE) @ heard) for hz in (3000, 1000))
    assert third / first == pytest.approx((1 - gain) * (0.5 * gain) ** 2 / 4, rel=0.2)


def test_filled_traps_make_the_attack_quicker() -> None:
    units = [dataclasses.replace(CALIBRATED, attack_fill=fill) for fill in (0.0, 20.0)]
    signal = tone(1.2, 0.5)
    signal[:, round(0.8 * RATE) : RATE] = 0.0  # lit, 200 ms dark, lit again: traps are still full
    gains = [Simulation(RATE, 1, 70, False, unit).process(signal)[1] for unit in units]
    again = [gain[RATE + 200] / gain[RATE - 1] for gain in gains]
    assert again[1] < again[0]


def test_other_units_differ_and_the_same_seed_gives_the_same() -> None:
    assert CALIBRATED.varied(1) == CALIBRATED.varied(1) != CALIBRATED.varied(2)
    assert UnitConstants().varied(1, spread=0) == UnitConstants()


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 192_000])
def test_the_colour_is_the_measured_one_at_any_rate(rate: int) -> None:
    numerator, pole = colour_filter(rate, 8.0, 23_200.0, 1.0)
    waves = np.exp(-2j * np.pi * np.array([50, 1000, 5000, 10_000]) / rate)
    response = np.polyval(numerator[::-1], waves) / (1 - pole * waves)
    assert np.allclose(20 * np.log10(np.abs(response)), [-0.11, 0, 0.2, 0.65], atol=0.12)
    assert np.angle(response[0], deg=True) == pytest.approx(9, abs=1)


def test_programme_and_pairs_follow_their_seed() -> None:
    assert np.array_equal(programme(3, 5000, RATE), programme(3, 5000, RATE))
    first, second = (simulated_pairs("validation", 3, 0.5, 7) for _ in range(2))
    assert all(np.array_equal(a.target, b.target) for a, b in zip(first, second, strict=True))
    other = simulated_pairs("test", 3, 0.5, 7)
    assert not any(np.array_equal(a.source, b.source) for a, b in zip(first, other, strict=True))


def test_training_settings_cover_the_42_of_signaltrain() -> None:
    covered = {setting_of(index, 0, "train") for index in range(0, 84, 2)}
    assert covered == {(mode, 5.0 * knob) for mode in (False, True) for knob in range(21)}


def test_written_pairs_are_a_signaltrain_folder(tmp_path: Path) -> None:
    counts = write_pairs(tmp_path / "pairs", minutes=0.1, seconds=1)
    data = SignalTrain(tmp_path / "pairs")
    assert {split: len(data.split(split)) for split in counts} == counts
    source, target = data.for_training()[0].read()
    assert source.shape == target.shape == (RATE,)


def test_polarity_is_turned_in_training_only_and_never_in_place() -> None:
    pair = HeldPair(np.ones(5000, np.float32), np.ones(5000, np.float32), False, 50.0)
    task = SegmentTask([pair], dataclasses.replace(SHORT, segment=4096, batch=16))
    (batch,) = task.batches(0, 0, 1)
    assert {float(row[0]) for row in batch[0]} == {1.0, -1.0}
    assert torch.equal(batch[0], batch[1])
    assert pair.source.min() == 1


def test_a_short_training_learns_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pairs = [p for p in simulated_pairs("train", 6, 0.4, 0) if np.abs(p.target).mean() > 1e-3]
    recipe = dataclasses.replace(SHORT, steps=4, segment=8192, batch=2, validate_every=2)
    network = train("lstm-32", pairs, pairs[:1], recipe, tmp_path)
    again = train("lstm-32", pairs, pairs[:1], recipe, tmp_path)
    for first, second in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)
    with pytest.raises(ArgumentError, match="nobody"):
        train("nobody", pairs, pairs, recipe, tmp_path / "x")


def test_the_json_cell_computes_what_the_processor_does(tmp_path: Path) -> None:
    settings = Settings(peak_reduction=70, mode="limit")
    cell = export_json(load_model(), tmp_path / "cell.json", RATE, settings)
    signal = tone(0.1)[0] * np.linspace(0, 1.5, 4410)
    assert np.abs(run_json(cell, signal) - Leveller(RATE, 1, settings).process(signal)).max() < 1e-5


def test_the_onnx_cell_is_verified_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    from ritornello.compressor import export

    full = export._verify
    monkeypatch.setattr(export, "_verify", lambda session, rate, settings: full(session, rate, settings, seconds=0.2))
    assert export_onnx(load_model(), tmp_path / "cell.onnx", RATE, Settings(peak_reduction=70)) < 1e-5
    assert (tmp_path / "cell.onnx").is_file()
    monkeypatch.setattr(export, "_verify", lambda *_: 1.0)
    with pytest.raises(ArgumentError, match="differs"):
        export_onnx(load_model(), tmp_path / "bad.onnx", RATE, Settings())
    assert not (tmp_path / "bad.onnx").exists()


def test_the_shipped_model_is_small_monotone_and_silent_at_peak_reduction_0() -> None:
    model = load_model()
    assert model.parameters < 8200
    for tables in model.by_setting.values():
        assert np.all(np.diff(tables["threshold_db"]) < 0)
        assert tables["slope"][0] == tables["makeup_db"][0] == 0
    levels = model.numbers("compress", 65).static_reduction_db(np.array([-40.0, -20.0, -5.0, 0.0]))
    assert np.all(np.diff(levels) >= 0)


@pytest.mark.parametrize("change", [{"version": 9}, {"shared": {}}, {"peak_reduction": [0, 50]}, {"colour": {"x": 1}}])
def test_a_damaged_model_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write_json(tmp_path / "model.json", {**load_model().as_json(), **change})
    with pytest.raises(ReadError):
        read_model(tmp_path / "model.json")
    write_json(tmp_path / "model.json", load_model().as_json())
    assert read_model(tmp_path / "model.json").parameters == load_model().parameters
