"""The calibration finds a unit again from its own recordings, and its bench agrees with the data sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ritornello.compressor import calibration
from ritornello.compressor.calibration import BOUNDS, TARGETS, Calibration, Target, calibrate, clip_esr
from ritornello.compressor.simulation import Simulation, UnitConstants, coloured
from ritornello.compressor.unit import CALIBRATED
from ritornello.datasets.la2a_clips import LevellerClips
from ritornello.errors import ArgumentError
from ritornello.sound import Audio

RATE = 44_100


@pytest.fixture
def clips(tmp_path: Path) -> LevellerClips:
    rows = ["id,device,input,target,mode,peak_reduction,target_lag_samples,polarity"]
    rng = np.random.default_rng(0)
    for id, mode in (("005", "compress"), ("094", "limit")):
        level = np.repeat(rng.uniform(0.02, 0.5, 15), RATE // 10)
        source = level * np.sin(2 * np.pi * 300 * np.arange(len(level)) / RATE)
        unit = Simulation(RATE, 1, 65, mode == "limit", CALIBRATED)
        target = coloured(unit.process(source[None])[0], RATE)[0]
        for name, samples in (("input", source), ("target", target)):
            Audio(samples.astype(np.float32), RATE).write(tmp_path / f"{id}_{name}.wav", "FLOAT")
        rows.append(f"{id},LA-2A,{id}_input.wav,{id}_target.wav,{mode},65,0,1")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    return LevellerClips(tmp_path)


def test_a_unit_is_found_again_from_its_recordings(clips: LevellerClips, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "bench", lambda *_: {name: target.low for name, target in TARGETS.items()})
    free = {"drive_db", "release_ms"}
    fixed = [name for name in (*BOUNDS, "drive_db", "output_db", "zero_vu_dbfs") if name not in free]
    start = replace(CALIBRATED, drive_db=CALIBRATED.drive_db + 2, release_ms=CALIBRATED.release_ms * 1.5)
    seen: list[Calibration] = []
    found = calibrate(clips, start, fixed=fixed, starts=1, progress=lambda _, result: seen.append(result))
    assert found.constants.drive_db == pytest.approx(CALIBRATED.drive_db, abs=0.02)
    assert found.constants.release_ms == pytest.approx(CALIBRATED.release_ms, rel=0.02)
    assert max(found.esr.values()) < 1e-6 < clip_esr(clips.load("005"), start)
    assert seen == [found]
    with pytest.raises(ArgumentError, match="nothing to fit"):
        calibrate(clips, fixed=[*fixed, *free])


def test_a_target_counts_what_is_outside_of_it() -> None:
    assert Target(3, 4, 0.1).error(3.5) == 0
    assert Target(3, 4, 0.1).error(4 * np.e) == pytest.approx(10)
    assert Target(5, 5, 0.5, is_db=True).error(4) == pytest.approx(-2)


def test_the_knob_turns_the_drive_down_to_nothing() -> None:
    unit = UnitConstants(drive_db=20)
    assert unit.drive_at(65) == pytest.approx(20)
    assert unit.drive_at(55) == pytest.approx(20 - 5.5)
    assert unit.drive_at(5) < unit.drive_at(10) - 6
    loud = np.sin(2 * np.pi * 1000 * np.arange(RATE // 10) / RATE)[None]
    assert np.allclose(Simulation(RATE, 1, 0, False, unit).process(loud)[1], 1)
    gains = [
        Simulation(RATE, 1, 70, True, replace(unit, drive_db=25, limit_tap=tap)).process(loud)[1][-1]
        for tap in (0.02, 0.1)
    ]
    assert gains[1] < gains[0]
