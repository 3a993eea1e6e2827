"""Models on the bench: curves and bursts go the right way, the sheet stands beside what is published."""

from __future__ import annotations

import csv
import functools
import json
from pathlib import Path

import numpy as np
import pytest

from ritornello.app.cli import run
from ritornello.compressor import bench, load_model
from ritornello.nn.weights import PACKAGED


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PEAK_REDUCTIONS", (50.0, 80.0))
    monkeypatch.setattr(bench, "LEVELS_DBFS", (-60.0, -40.0, -20.0, 0.0))
    monkeypatch.setattr(bench, "EXPOSURES_S", (0.05, 0.4))
    monkeypatch.setattr(bench, "_RECOVERY_S", 0.5)
    monkeypatch.setattr(bench, "measure", functools.partial(bench.measure, long_exposure_s=0.3, long_recovery_s=0.3))


@pytest.mark.usefixtures("quick")
def test_more_level_and_more_peak_reduction_reduce_more_and_a_burst_comes_and_goes() -> None:
    told: list[tuple[int, int]] = []
    result = bench.on_the_bench("ours", progress=lambda done, total: told.append((done, total)))
    for by_knob in result.curves.values():
        assert all(np.all(np.diff(curve) > -1e-3) for curve in by_knob.values())
        assert np.all(by_knob[80.0][2:] > by_knob[50.0][2:])
    for by_length in result.bursts.values():
        for length, step in by_length.items():
            deepest = step.reduction_db[np.argmin(np.abs(step.time_s - length + 0.003))]
            assert deepest > 8
            assert step.reduction_db[0] < 0.2 > abs(step.reduction_db[-1]) - 0.5 * deepest
    assert result.numbers["limit"][80.0]["threshold_db"] == load_model().numbers("limit", 80).threshold_db
    assert told == [(number, 9) for number in range(1, 10)]


@pytest.mark.usefixtures("quick")
def test_the_command_writes_pictures_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, folder = tmp_path / "bench", str(PACKAGED / "compressor-ours")
    assert run(["evaluate", "compressor-bench", "-o", str(out), "--models", "ours", folder]) == 0
    printed = capsys.readouterr().out
    assert "published" in printed and "ratio in Limit" in printed and "attack_ms" in printed
    assert sorted(place.name for place in out.iterdir()) == [
        "attack-release.png", "bench.json", "curves.csv", "transfer.png",
    ]  # fmt: skip
    report = json.loads((out / "bench.json").read_text())
    assert set(report["models"]) == {"ours", folder}
    rows = list(csv.DictReader((out / "curves.csv").open()))
    assert len(rows) == 2 * 2 * 2 * 4
    for row in rows:
        assert float(row["output_dbfs"]) == pytest.approx(
            float(row["input_dbfs"]) - float(row["reduction_db"]), abs=2e-3
        )
    before = (out / "bench.json").read_bytes()
    assert run(["evaluate", "compressor-bench", "-o", str(out)]) == 2
    assert run(["evaluate", "compressor-bench", "-o", str(out), "--models", "nobody", "--force"]) == 2
    assert run(["evaluate", "compressor-bench", "-o", str(out), "--zero-vu", "5", "--force"]) == 2
    assert [len(line) > 0 for line in capsys.readouterr().err.splitlines()] == [True] * 3
    assert (out / "bench.json").read_bytes() == before


def test_a_model_that_hardly_reduces_has_curves_but_no_data_sheet(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    monkeypatch.setattr(bench.Leveller, "process", lambda unit, block: np.asarray(block) * 0.5)
    result = bench.on_the_bench("ours")
    assert result.sheet is None
    assert np.allclose(result.curves["compress"][80.0], 0, atol=1e-9)
    assert "–" in bench.sheet_text({"still": result})
    json.dumps(result.as_json(), allow_nan=False)
