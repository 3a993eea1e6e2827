"""The check on another optical unit: it aligns parts of a frame, finds known units again, keeps held-out sounds out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ritornello.compressor import other_unit
from ritornello.compressor.other_unit import MUSIC, ROWS, SETTINGS, SOUNDS, SWEEP, UnitNumbers, la2a
from ritornello.compressor.waveform_fit import Recording
from ritornello.datasets.la2a_clips import ClipPair, LevellerClips
from ritornello.errors import ArgumentError, ReadError
from ritornello.sound import Audio

RATE = 48_000
NONE = np.zeros((1, 0))


def unit() -> UnitNumbers:
    gain = replace(la2a().gain, threshold_db=-24.0, makeup_db=2.0, attack_ms=15.0, fast_release_ms=80.0)
    return UnitNumbers(gain, 5.0)


def recording(seed: int, seconds: float = 0.4) -> Recording:
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0.02, 0.6, 8), round(seconds * RATE / 8))
    source = (level * rng.standard_normal(len(level)) * 0.3)[None]
    silent = Recording(RATE, source, NONE, np.zeros(source.shape[1]))
    return replace(silent, target=unit().output(silent))


def pair(sound: Recording, id: str = "a") -> ClipPair:
    source, target = (Audio(x.astype(np.float32), RATE) for x in (sound.source, sound.target))
    return ClipPair(id, "another unit", None, None, source, target)


@pytest.mark.parametrize("late", [0.4, -0.3])
def test_the_part_of_a_frame_by_which_a_target_is_late_is_taken_out(late: float) -> None:
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(12_000)) * (np.arange(6001) < 4000)  # below 16 kHz
    source = 0.1 * np.fft.irfft(spectrum)
    delayed = 0.1 * np.fft.irfft(spectrum * np.exp(-2j * np.pi * np.arange(6001) * late / 12_000))
    gain = np.linspace(1.0, 0.3, 12_000)
    aligned, found = other_unit.align(pair(Recording(RATE, source[None], NONE, delayed * gain)))
    assert found == pytest.approx(late, abs=0.01)
    middle = slice(500, 11_500)
    missed = (aligned.target - source * gain)[middle]
    assert np.sum(missed**2) < 1e-3 * np.sum((delayed * gain - source * gain)[middle] ** 2)


def test_a_unit_is_found_again_and_measured_on_a_sound_it_was_not_fitted_to() -> None:
    held_out, *others = (recording(seed) for seed in range(4))
    rows, found = other_unit.compare(held_out, others, iterations=8)
    assert tuple(rows) == ROWS
    assert rows["fitted"]["esr"] < 1e-6 < 1e-3 < rows["la2a_times"]["esr"] < rows["constant_gain"]["esr"]
    assert rows["fitted_on_itself"]["esr"] < 1e-6
    assert abs(rows["fitted"]["gain_bias_db"]) < 0.01 < rows["la2a_times"]["gain_sd_db"]
    assert (found.gain.attack_ms, found.low_hz) == pytest.approx((15, 5), rel=0.01)


def test_a_second_half_has_heard_the_first_which_has_not_heard_the_second() -> None:
    whole = recording(0)
    first, second = other_unit.halves(whole, pre_roll_s=0.05)
    middle = len(whole.target) // 2
    np.testing.assert_array_equal(first.source, whole.source[:, :middle])
    np.testing.assert_array_equal(first.before, whole.source[:, :2400][:, ::-1])
    assert (second.first, len(second.target)) == (middle, len(whole.target))
    output = whole.target.copy()
    output[:middle] = 0
    assert not second.missed(output).any()
    assert other_unit.measure(second, output)["esr"] == 0


def write(folder: Path, silent: str = "", without: str = "") -> LevellerClips:
    rows = ["id,input,target,target_lag_samples"]
    for seed, name in enumerate((*(f"{s}_{t}" for t in SETTINGS for s in (*SOUNDS, SWEEP)), *MUSIC)):
        sound = recording(seed, 0.1)
        for kind, samples in (("in", sound.source), ("out", sound.target[None] * (name != silent))):
            Audio(samples.astype(np.float32), RATE).write(folder / f"{name}_{kind}.wav", "FLOAT")
        if name != without:
            rows.append(f"{name},{name}_in.wav,{name}_out.wav,0")
    (folder / "pairs.csv").write_text("\n".join(rows))
    return LevellerClips(folder)


@pytest.mark.parametrize("fits_sweep", [True, False])
def test_no_fit_hears_what_it_is_measured_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits_sweep: bool) -> None:
    seen = []

    def compare(
        held_out: Recording, others: list[Recording], iterations: int
    ) -> tuple[dict[str, dict[str, float]], UnitNumbers]:
        seen.append(len(others))
        counted = held_out.target[held_out.first :]
        assert all(not np.array_equal(other.target[: len(counted)], counted) for other in others)
        return {row: dict.fromkeys(other_unit.METRICS, -float(len(seen))) for row in ROWS}, la2a()

    monkeypatch.setattr(other_unit, "compare", compare)
    result = other_unit.evaluate_other_unit(write(tmp_path), fits_sweep=fits_sweep)
    assert seen == [*([4, 4, 4, 4, 4] if fits_sweep else [3, 3, 3, 3, 4]) * 3, 1, 1, 1]
    assert result["sounds"]["mean"]["fitted"]["gain_bias_db"] == 8.0  # the mean of 1 to 15, as magnitudes
    low, high = result["sounds"]["interval"]["fitted"]["esr"]
    assert low < 8 < high
    assert len(result["numbers"]) == len(result["late_frames"]) == 18
    json.dumps(result)
    text = other_unit.as_text(result)
    assert "15 held out" in text and "clip39" in text


def test_what_is_missing_or_silent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match=r"kick_heavy.*silent"):
        other_unit.evaluate_other_unit(write(tmp_path, silent="kick_heavy"))
    with pytest.raises(ReadError, match="guitar_medium"):
        other_unit.evaluate_other_unit(write(tmp_path, without="guitar_medium"))
    for options in (["--data", str(tmp_path), "--iterations", "0"], ["--data", str(tmp_path / "none.zip")]):
        monkeypatch.setattr("sys.argv", ["other_unit", *options])
        with pytest.raises(SystemExit, match="2"):
            other_unit._main()
