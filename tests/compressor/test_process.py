"""The processor: streamed equals offline, the null, linking, knobs, what is no number, silence and extremes."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ritornello.compressor import Leveller, Settings, gain_path, load_model, stages
from ritornello.errors import ArgumentError

RATE = 44_100


def music(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    level = np.repeat(10 ** rng.uniform(-2, -0.2, -(-frames // 500)), 500)[:frames]
    return (rng.standard_normal((channels, frames)) * level * 0.5).astype(np.float32)


def in_blocks(unit: Leveller, signal: np.ndarray, lengths: list[int]) -> np.ndarray:
    parts, start = [], 0
    while start < signal.shape[1]:
        length = lengths[len(parts) % len(lengths)]
        parts.append(unit.process(signal[:, start : start + length]))
        start += length
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("model", ["ours", "sim"])
@given(lengths=st.lists(st.integers(1, 700), min_size=1, max_size=6), link=st.sampled_from(["max", "mean", "off"]))
@settings(max_examples=10, deadline=None)
def test_streamed_equals_offline(model: str, lengths: list[int], link: str) -> None:
    assume(model == "ours" or link != "off")
    signal = music(3000, 2)
    knobs = Settings(peak_reduction=80, link=link, sidechain_highpass_hz=90, hiss=True, gain_db=3)
    whole = Leveller(RATE, 2, knobs, model=model).process(signal)
    assert np.abs(in_blocks(Leveller(RATE, 2, knobs, model=model), signal, lengths) - whole).max() < 1e-6


def test_knobs_in_motion_do_not_depend_on_blocks_and_do_not_click() -> None:
    signal = np.full((1, 6000), 0.25, np.float32)
    outputs = []
    for lengths in ([64], [1000], [1, 7, 301]):
        unit = Leveller(RATE, 1, Settings(peak_reduction=20, colour=False))
        first = in_blocks(unit, signal[:, :2000], lengths)
        unit.settings = Settings(peak_reduction=90, gain_db=6, mode="limit", colour=False)
        outputs.append(np.concatenate([first, in_blocks(unit, signal[:, 2000:], lengths)], axis=1))
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-6
    assert np.abs(outputs[0] - outputs[2]).max() < 1e-6
    assert np.abs(np.diff(outputs[0])).max() < 2e-3


def test_kernels_and_python_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    signal, side = music(1500, 2), music(1500, 2, seed=1) * 300
    side[:, 700:] /= 1000
    found = []
    for _ in range(2):
        unit = Leveller(RATE, 2, peak_reduction=75, link="mean", link_amount=0.7, mix=0.8, trim_db=2)
        first = unit.process(signal[:, :500].astype(np.float64))
        unit.settings = Settings(peak_reduction=60, gain_db=3)
        found.append(
            (first, *unit.process_with_gain(signal[:, 500:], side[:, 500:]), unit.gain_reduction_db, unit.meter_db)
        )
        for name in ("gain_path._kernel", "linear_colour._kernel", "stages._enter_kernel", "stages._leave_kernel"):
            monkeypatch.setattr(f"ritornello.compressor.{name}", lambda: None)
    for compiled, pure in zip(*found, strict=True):
        assert compiled.dtype == pure.dtype
        assert np.abs(compiled - pure).max() < (1e-6 if compiled.dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_what_comes_in_is_float64_and_sound(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    block = (music(300, 2) * 100).astype(dtype)
    if dtype != np.int16:
        block[0, :6] = np.nan, np.inf, -np.inf, 2e10, 1e-31, -1e-29
    for samples, replaced in (stages.enter(block), stages.enter(np.asfortranarray(block))):
        assert samples.dtype == np.float64
        assert replaced == (0 if dtype == np.int16 else 4)
        assert dtype == np.int16 or (not samples[0, :5].any() and samples[0, 5] < 0)
        assert np.array_equal(samples[:, 6:], block[:, 6:].astype(np.float64))
        found = samples
    monkeypatch.setattr(stages, "_enter_kernel", lambda: None)
    samples, again = stages.enter(block)
    assert samples.dtype == np.float64
    assert np.array_equal(samples, found) and again == replaced


def test_a_copy_of_a_unit_goes_on_by_itself() -> None:
    signal, unit = music(3000, 2), Leveller(RATE, 2, peak_reduction=80)
    unit.process(signal[:, :1000])
    copies = copy.deepcopy(unit), pickle.loads(pickle.dumps(unit))
    expected = unit.process(signal[:, 1000:])
    for other in copies:
        assert np.array_equal(other.process(signal[:, 1000:]), expected)
        assert np.array_equal(other.meter_db, unit.meter_db)


@pytest.mark.parametrize("knobs", [{"peak_reduction": 0, "colour": False}, {"peak_reduction": 90, "mix": 0}])
def test_nothing_is_changed_without_reduction_or_wet_signal(knobs: dict[str, float]) -> None:
    signal = music(2000, 2)
    assert np.abs(Leveller(RATE, 2, **knobs).process(signal) - signal).max() < 1e-6


def test_an_impulse_comes_out_in_its_own_frame() -> None:
    unit = Leveller(RATE, peak_reduction=65, colour=False)  # the filter itself rings into the next frame
    impulse = np.zeros(200, np.float32)
    impulse[50] = 0.5
    output = unit.process(impulse)
    assert unit.latency_samples == 0
    assert np.all(output[:50] == 0)
    assert abs(output[50]) == np.abs(output).max()


def test_reset_forgets_everything() -> None:
    signal, unit = music(2000), Leveller(RATE, peak_reduction=80, hiss=True)
    first = unit.process(signal)
    unit.reset()
    assert np.array_equal(unit.process(signal), first)


def test_more_peak_reduction_and_more_level_reduce_more() -> None:
    tone = np.sin(np.arange(RATE // 2) * 2 * np.pi * 1000 / RATE)
    for mode in ("compress", "limit"):
        depths = []
        for knob in range(0, 101, 10):
            unit = Leveller(RATE, peak_reduction=knob, mode=mode)
            unit.process(tone * 0.5)
            depths.append(float(unit.gain_reduction_db[0]))
        assert all(second <= first + 1e-9 for first, second in itertools.pairwise(depths))
        assert depths[0] == 0 and depths[-1] < -15


def test_what_is_no_number_becomes_silence_and_is_counted() -> None:
    signal = music(1000)
    damaged = signal.copy()
    damaged[0, [3, 500, 700]] = np.nan, np.inf, -np.inf
    clean = damaged.copy()
    clean[0, [3, 500, 700]] = 0
    unit = Leveller(RATE, peak_reduction=70)
    assert np.array_equal(unit.process(damaged), Leveller(RATE, peak_reduction=70).process(clean))
    assert unit.replaced_samples == 3


@pytest.mark.parametrize("model", ["ours", "sim"])
@pytest.mark.parametrize("level", [0.0, 1e-40, 1.0, 1e6, -0.5])
def test_silence_denormals_full_scale_and_dc_stay_finite_and_leave_no_stuck_state(model: str, level: float) -> None:
    unit = Leveller(RATE, peak_reduction=100, model=model)
    output = unit.process(np.full(5000, level))
    assert np.isfinite(output).all()
    assert np.isfinite(unit.process(music(500))).all()
    if level == 0:
        assert not output.any()


@pytest.mark.parametrize("mode", ["compress", "limit"])
def test_a_sample_beyond_any_sound_is_silence_and_a_very_loud_one_is_forgotten(mode: str) -> None:
    hurt, safe = (Leveller(RATE, peak_reduction=100, mode=mode, gain_db=40) for _ in range(2))
    output = hurt.process(np.full(100, 1e300))
    assert not output.any()
    assert hurt.replaced_samples == 100
    assert np.isfinite(hurt.process(np.full(2000, 9e9))).all()
    safe.process(np.zeros(2100))
    for signal in music(2 * RATE).reshape(2, 1, RATE):
        hurt.process(signal)
        safe.process(signal)
    assert hurt.gain_reduction_db[0] > safe.gain_reduction_db[0] - 6


def test_what_a_model_does_not_have_is_refused_and_leaves_it_as_it_was() -> None:
    for knobs in ({"link": "off"}, {"link_amount": 0.5}):
        with pytest.raises(ArgumentError, match="one cell"):
            Leveller(RATE, 2, model="sim", **knobs)
        Leveller(RATE, 1, model="sim", **knobs)  # one channel has nothing to link
    unit, untouched = (Leveller(RATE, 2, model="sim", peak_reduction=60) for _ in range(2))
    with pytest.raises(ArgumentError, match="one cell"):
        unit.settings = Settings(peak_reduction=90, link="off", sidechain_highpass_hz=200)
    assert unit.settings.peak_reduction == 60
    assert np.array_equal(unit.process(music(2000, 2)), untouched.process(music(2000, 2)))


def test_denormal_numbers_do_not_reach_the_filters() -> None:
    unit, silent = Leveller(RATE, peak_reduction=70), Leveller(RATE, peak_reduction=70)
    assert np.array_equal(unit.process(np.full(300, 1e-310)), silent.process(np.zeros(300)))
    exact = music(300).astype(np.float64)
    assert np.array_equal(unit.process(exact), silent.process(exact.astype(np.float32)))


def test_the_link_keeps_the_image_and_off_lets_each_channel_go() -> None:
    signal = np.stack([music(4000)[0], music(4000)[0] * np.float32(0.05)])
    together, alone = (Leveller(RATE, 2, peak_reduction=80, link=link, colour=False) for link in ("max", "off"))
    first, second = together.process(signal), alone.process(signal)
    assert np.allclose(first[1], first[0] * 0.05, atol=1e-6)
    assert alone.gain_reduction_db[1] > alone.gain_reduction_db[0] + 3
    assert not np.allclose(first, second)


def test_the_detector_hears_the_side_chain_after_its_filter() -> None:
    low = np.sin(np.arange(8000) * 2 * np.pi * 40 / RATE) * 0.7
    quiet = np.full((1, 8000), 1e-3)
    plain, filtered = (Leveller(RATE, peak_reduction=70, sidechain_highpass_hz=hz) for hz in (0, 500))
    plain.process(quiet, low[None])
    filtered.process(quiet, low[None])
    assert plain.gain_reduction_db[0] < -5 < filtered.gain_reduction_db[0] - 2


def test_a_cell_that_remembers_light_reduces_more() -> None:
    model = load_model()
    numbers = model.numbers("compress", 65)
    dark, lit = gain_path.GainPath(1), gain_path.GainPath(1)
    lit.states.array[0, 3] = 0.4
    tone = np.sin(np.arange(RATE // 10) * 2 * np.pi * 500 / RATE)[None] * 0.4
    row = numbers.at_rate(RATE, 0.0, 1.0)[None]
    assert lit.follow(tone, row)[0, 2000] < dark.follow(tone, row)[0, 2000] - 0.5


@pytest.mark.parametrize("rate", [48_000, 88_200, 96_000, 192_000])
def test_the_gain_is_that_of_44100_hz_at_other_rates(rate: int) -> None:
    trajectories = []
    for here in (RATE, rate):
        time = np.arange(int(0.6 * here)) / here
        tone = np.sin(2 * np.pi * 300 * time) * np.where(time < 0.3, 0.6, 0.1)
        gains = Leveller(here, peak_reduction=65).process_with_gain(tone)[1][0]
        trajectories.append(np.interp(np.linspace(0, 0.59, 200), time, gains))
    assert np.abs(trajectories[0] - trajectories[1]).mean() < 0.1


def test_bad_arguments_are_refused_in_one_line() -> None:
    for bad in (
        {"peak_reduction": 101}, {"peak_reduction": -1}, {"mode": "expand"}, {"mix": 2}, {"link": "some"},
        {"sidechain_highpass_hz": 5}, {"gain_db": 99}, {"seed": -1}, {"link_amount": 1.5},
        {"link": "off", "link_amount": 0.5},
    ):  # fmt: skip
        with pytest.raises(ArgumentError):
            Leveller(RATE, **bad)
    for rate in (8000, 44_099, 192_001):
        with pytest.raises(ArgumentError, match="sample rate"):
            Leveller(rate)
    unit = Leveller(RATE, 2)
    with pytest.raises(ArgumentError, match="shape"):
        unit.process(np.zeros((3, 10)))
    with pytest.raises(ArgumentError, match="side chain"):
        unit.process(np.zeros((2, 10)), np.zeros((2, 11)))


def test_an_empty_block_and_one_sample_are_fine() -> None:
    unit = Leveller(RATE)
    assert unit.process(np.zeros((1, 0))).shape == (1, 0)
    assert unit.process(np.array([0.5])).shape == (1,)
