"""The learned residual: identity at the start, silence, streams, rates, exact errors, its training and its command."""

from __future__ import annotations

import builtins
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ritornello.app.cli import run as command_line
from ritornello.compressor import Leveller, Settings, data, load_model, residual
from ritornello.compressor.data import HeldPair
from ritornello.compressor.engines import GainPathEngine
from ritornello.compressor.evaluate import SKIPPED_S
from ritornello.compressor.export import export_json, export_onnx
from ritornello.compressor.residual import BOUND, HOP, GainResidual, level_of
from ritornello.compressor.residual_network import ResidualConfig, ResidualNetwork, save_residual
from ritornello.compressor.train_residual import (
    ResidualRecipe,
    ResidualTask,
    batch_of,
    excerpt_esr,
    train_residual,
    whole,
)
from ritornello.errors import ArgumentError, MissingDependencyError, ReadError
from ritornello.nn.state_space import DiagonalStateSpace

RATE = 44_100


def network(seed: int = 0, strength: float = 0.6) -> ResidualNetwork:
    """Return a residual that corrects a lot."""
    torch.manual_seed(seed)
    made = ResidualNetwork(ResidualConfig())
    torch.nn.init.normal_(made.contract.weight, std=strength)
    return made.eval()


def music(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    level = np.repeat(10 ** rng.uniform(-2, -0.2, -(-frames // 500)), 500)[:frames]
    return (rng.standard_normal((channels, frames)) * level * 0.5).astype(np.float32)


def unit_folder(place: Path, made: ResidualNetwork) -> str:
    place.mkdir()
    (place / "model.json").write_text(json.dumps(load_model().as_json()))
    save_residual(place / "residual", made, {})
    return str(place)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return unit_folder(tmp_path_factory.mktemp("units") / "unit", network())


def test_the_whole_model_has_fewer_parameters_than_it_may(folder: str) -> None:
    assert network().parameters_in_all == 868
    assert load_model(folder).parameters == load_model().parameters + 868 < 8200


def test_what_a_layer_settles_to_is_what_its_recurrence_settles_to() -> None:
    torch.manual_seed(1)
    layer = DiagonalStateSpace(3, 4, 0.05, 0.5)
    output, _ = layer.at_rate().recur(np.zeros((3, 4), complex), np.ones((2000, 3)))
    assert np.allclose(output[-1], layer.settled_gain().detach().numpy(), atol=1e-4)


def test_a_fresh_residual_changes_nothing_and_a_trained_one_does(tmp_path: Path, folder: str) -> None:
    signal = music(4000)
    plain = Leveller(RATE, peak_reduction=70).process(signal)
    fresh = unit_folder(tmp_path / "fresh", ResidualNetwork(ResidualConfig()))
    assert np.array_equal(Leveller(RATE, model=fresh, peak_reduction=70).process(signal), plain)
    assert np.abs(Leveller(RATE, model=folder, peak_reduction=70).process(signal) - plain).max() > 1e-3


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("link", ["max", "mean", "off"])
def test_blocks_of_any_length_give_what_the_whole_gives(
    folder: str, link: str, is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs = Settings(peak_reduction=80, link=link)  # type: ignore[arg-type]
    signal = music(3000, 2)
    whole_file = Leveller(RATE, 2, knobs, model=folder).process(signal)
    if not is_compiled:
        monkeypatch.setattr(residual, "_kernel", lambda: None)
    unit, parts, start = Leveller(RATE, 2, knobs, model=folder), [], 0
    for length in (1, 31, 32, 33, 700, 5, 2198):
        parts.append(unit.process(signal[:, start : start + length]))
        start += length
    assert np.abs(np.concatenate(parts, axis=1) - whole_file).max() < 1e-6
    unit.reset()
    assert np.abs(unit.process(signal) - whole_file).max() < 1e-6


def test_the_stream_computes_what_the_network_computes() -> None:
    made, frames = network(), 32 * 120
    wet = music(frames).astype(np.float64)
    wet[:, :1280] = 0
    decibels = -np.abs(np.cumsum(music(frames, seed=1), axis=1)).astype(np.float64) * 0.1
    decibels[:, :1280] = 0
    _, heard = GainResidual(made, RATE, 1, True, 65.0).correct(wet, decibels, np.zeros(15))
    features = np.stack(
        [level_of((wet.reshape(-1, HOP) ** 2).mean(axis=1)), decibels.reshape(-1, HOP).mean(axis=1)], axis=1
    )
    with torch.no_grad():
        wanted = made(torch.from_numpy(features.astype(np.float32))[None], torch.tensor([[1.0, 65.0]]))[0].numpy()
    reached = 10 ** ((heard - decibels)[0, HOP - 1 :: HOP] / 20) - 1
    assert np.abs(reached[1:] - wanted[:-1]).max() < 1e-5
    assert np.abs(wanted[:40]).max() < 1e-5 < 0.01 < np.abs(wanted[40:]).max()  # settled from the first hop on


def test_silence_stays_silent_and_the_null_is_kept(folder: str) -> None:
    signal = music(4000)
    assert not Leveller(RATE, model=folder, peak_reduction=80).process(np.zeros(3000)).any()
    off = Settings(peak_reduction=80, colour=False)
    assert np.array_equal(Leveller(RATE, 1, off, model=folder).process(signal), Leveller(RATE, 1, off).process(signal))
    assert np.array_equal(Leveller(RATE, 1, Settings(0.0, colour=False), model=folder).process(signal), signal)
    at_zero = [Leveller(RATE, 1, Settings(0.0), model=name).process(signal) for name in ("ours", folder)]
    assert np.array_equal(*at_zero)


def test_no_input_makes_more_of_it_than_its_bound() -> None:
    made = network(strength=50.0)
    wet = np.concatenate([music(3000), np.full((1, 3000), 1e9), np.zeros((1, 3000)), music(3000) * 1e-9], axis=1)
    out, decibels = GainResidual(made, RATE, 1, False, 90.0).correct(wet, np.zeros(wet.shape), np.zeros(15))
    factor = 10 ** (decibels / 20)
    assert np.all(np.isfinite(out)) and factor.min() >= 1 - BOUND - 1e-9 and factor.max() <= 1 + BOUND + 1e-9
    assert np.allclose(out, wet * factor)


@pytest.mark.parametrize("rate", [48_000, 96_000])
def test_at_other_rates_the_correction_is_the_same_in_time(rate: int) -> None:
    made = network()

    def trace(at: int) -> np.ndarray:
        seconds = np.arange(at) / at
        envelope = 0.02 + 0.3 * (seconds % 0.25 < 0.1)
        decibels = np.where(seconds % 0.25 < 0.1, -8.0, -3.0)[None] * 1.0
        wet = (envelope * np.sin(2 * np.pi * 997 * seconds))[None]
        heard = GainResidual(made, at, 1, False, 65.0).correct(wet, decibels, np.zeros(15))[1]
        return np.interp(np.arange(1000) / 1000, seconds, (heard - decibels)[0])

    first, second = trace(RATE), trace(rate)
    assert np.abs(first).max() > 0.2
    assert np.abs(first - second).mean() < 0.1 * np.abs(first).mean()


def test_linked_channels_are_corrected_alike(folder: str) -> None:
    signal = music(4000, 2) * np.array([[1.0], [0.1]], np.float32)
    for link, is_alike in (("max", True), ("off", False)):
        unit = Leveller(RATE, 2, Settings(peak_reduction=80, link=link), model=folder)  # type: ignore[arg-type]
        gains = unit.process_with_gain(signal)[1]
        assert np.allclose(gains[0], gains[1]) == is_alike


def test_turning_the_knob_does_not_depend_on_blocks_and_does_not_click(folder: str) -> None:
    signal, outputs = np.full((1, 6000), 0.25, np.float32), []
    for length in (6000, 50):
        unit = Leveller(RATE, 1, Settings(peak_reduction=20), model=folder)
        parts = []
        for start in range(0, 6000, min(length, 2000)):
            if start == 2000:
                unit.settings = Settings(peak_reduction=90, mode="limit")
            parts.append(unit.process(signal[:, start : start + min(length, 2000)]))
        outputs.append(np.concatenate(parts, axis=1))
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-6
    assert np.abs(np.diff(outputs[0][:, 100:])).max() < 4e-3


def pair(seed: int, seconds: float = 1.2) -> HeldPair:
    """Return a pair of a unit that differs from ours: it gives half of the reduction."""
    signal = music(round(seconds * RATE), seed=seed)
    wet, gain = Leveller(RATE, peak_reduction=60).process_with_gain(signal)
    return HeldPair(signal[0], (wet * 10 ** (-gain / 40))[0].astype(np.float32), False, 60.0)


def test_the_error_of_the_training_is_the_error_of_the_sound() -> None:
    made, model, given = network(), load_model(), pair(0)
    hops = whole(given, model, 0.0)
    features, sums, setting = batch_of([hops, whole(pair(1, 0.9), model, 0.0)])
    with torch.no_grad():
        found = float(excerpt_esr(made(features, setting), sums)[0])
    engine = GainPathEngine(dataclasses.replace(model, residual=made), RATE, 1, Settings(60.0))
    dry = given.source[None].astype(np.float64)
    wet = engine.process(dry, dry, False)[0][0]
    first, last = -(-round(SKIPPED_S * RATE) // HOP) * HOP, len(hops.sums) * HOP
    target = given.target.astype(np.float64)[first:last]
    assert found == pytest.approx(float(np.sum((wet[first:last] - target) ** 2) / np.sum(target**2)), rel=1e-3)


def test_training_helps_goes_on_where_it_stopped_and_is_never_worse_than_none(tmp_path: Path) -> None:
    pairs, chosen_by = [pair(seed) for seed in range(3)], [pair(7)]
    recipe = ResidualRecipe(steps=20, batch=2, validate_every=5)
    trained, measured = train_residual(load_model(), pairs, chosen_by, recipe, tmp_path / "run")
    assert measured["validation_esr"] < 0.8 * measured["validation_esr_without"]
    again, _ = train_residual(load_model(), pairs, chosen_by, recipe, tmp_path / "run")  # nothing is left to do
    for first, second in zip(trained.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)
    # A unit that is ours already: nothing can be gained.
    signal = music(50_000)
    same = HeldPair(signal[0], Leveller(RATE, peak_reduction=60).process(signal)[0], False, 60.0)
    _, kept = train_residual(load_model(), pairs, [same], recipe, tmp_path / "same")
    assert kept["validation_esr"] == kept["validation_esr_without"] < 1e-6


def test_long_pairs_are_cut_and_silent_or_short_ones_refused(tmp_path: Path) -> None:
    recipe = ResidualRecipe(batch=2, excerpt_s=0.8, lead_s=0.4)
    features, sums, _ = ResidualTask([pair(0, 2.0)], load_model(), recipe, 0.0).batches(0, 0, 1)[0]
    assert features.shape == (2, round(0.8 * RATE) // HOP, 2)
    assert not sums[:, : round(0.4 * RATE) // HOP].any() and sums[:, -1, 0].all()
    short = HeldPair(np.zeros(9000, np.float32), np.zeros(9000, np.float32), False, 60.0)
    with pytest.raises(ArgumentError, match="longer"):
        ResidualTask([short], load_model(), recipe, 0.0)
    with pytest.raises(ArgumentError, match="choose"):
        train_residual(load_model(), [pair(0)], [short], recipe, tmp_path)


def test_an_export_does_not_leave_the_residual_out_silently(tmp_path: Path, folder: str) -> None:
    for export in (export_json, export_onnx):
        with pytest.raises(ArgumentError, match="residual"):
            export(load_model(folder), tmp_path / "cell", RATE, Settings())
    assert not (tmp_path / "cell").exists()


def test_damaged_residuals_and_a_missing_torch_are_told_in_one_line(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(unit_folder(tmp_path / "unit", network()))
    (place / "residual" / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ReadError, match="damaged"):
        Leveller(RATE, model=str(place))
    description = json.loads((place / "residual" / "config.json").read_text())
    for change in ({"channels": 10**9}, {"colour": "red"}):
        text = json.dumps({**description, "network": {**description["network"], **change}})
        (place / "residual" / "config.json").write_text(text)
        with pytest.raises(ReadError, match="damaged"):
            load_model(place)
    genuine = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "ritornello.compressor.residual_network":
            raise ImportError(name)
        return genuine(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"ritornello\[ml\]"):
        load_model(folder)
    assert load_model().residual is None


def test_the_command_trains_and_its_folder_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "simulated_pairs", lambda split, *_: [pair(len(split))])
    run = str(tmp_path / "run")
    command = ["train", "compressor", "--model", "ours", "--residual", "--gain-path", "ours", "-o", run]
    command += ["--simulated-minutes", "0.5", "--json", "--steps", "4"]
    assert command_line(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parameters"] == load_model().parameters + 868
    assert told["validation_esr"] <= told["validation_esr_without"]
    assert load_model(run).residual is not None
    begun = tmp_path / "begun"
    begun.mkdir()
    for name in ("recipe.json", "model.json"):
        (begun / name).write_bytes((tmp_path / "run" / name).read_bytes())
    with pytest.raises(ReadError, match="not ended"):
        load_model(begun)
    assert command_line(["train", "export", run, "-o", str(tmp_path / "unit")]) == 0
    signal = music(3000)
    first, second = (
        Leveller(RATE, model=str(tmp_path / n), peak_reduction=60).process(signal) for n in ("run", "unit")
    )
    assert np.array_equal(first, second)
    assert sorted(path.name for path in (tmp_path / "unit").iterdir()) == ["model.json", "residual"]
    for wrong in (
        ["train", "compressor", "--residual", "-o", run],
        ["train", "compressor", "--model", "ours", "--gain-path", "ours", "-o", run],
        ["train", "compressor", "--model", "ours", "--residual", "--force", "-o", run],
        [*command[:-1], "5"],
    ):
        capsys.readouterr()
        assert command_line(wrong) == 2
        assert capsys.readouterr().err.count("\n") == 1
