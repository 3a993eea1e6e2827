from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from ritornello.errors import ArgumentError, ReadError
from ritornello.training.checkpoint import latest_checkpoint
from ritornello.training.fit import FitConfig, muon_and_adamw

from .toy_run import EXAMPLES, KILL_AT, STEPS, Sums, log, make, run, weights

ROOT = Path(__file__).parents[2]
ONE_CORE = {**os.environ, "OMP_NUM_THREADS": "1"}
if torch.accelerator.is_available():
    ONE_CORE["ACCELERATE_USE_CPU"] = "true"  # as docs/accelerate-two-cpus.yaml says


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=ONE_CORE, capture_output=True, text=True, timeout=600)


def test_a_run_that_was_killed_goes_on_exactly(tmp_path: Path) -> None:
    straight = run(tmp_path / "straight", Sums(), dropout=0.3)
    killed = start("-m", "tests.training.toy_run", str(tmp_path / "killed"), "kill")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [line["step"] for line in log(tmp_path / "killed")] == [*range(1, KILL_AT + 1)]
    assert latest_checkpoint(tmp_path / "killed") == tmp_path / "killed" / "step-00000006"
    resumed = run(tmp_path / "killed", Sums(), dropout=0.3)
    assert torch.equal(weights(resumed), weights(straight))
    assert log(tmp_path / "killed") == log(tmp_path / "straight")
    assert len(log(tmp_path / "straight")) == STEPS


def test_the_optimizer_s_state_goes_where_the_weights_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU does to a run that is gone on with, by another dtype: the weights move after the state was read."""

    class Doubled(Sums):
        def batches(self, step: int, process: int, processes: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
            return [(x.double(), y.double()) for x, y in super().batches(step, process, processes)]

        def loss(self, model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return ((model(batch[0]) - batch[1]) ** 2).sum()

    run(tmp_path, Sums())
    shutil.rmtree(tmp_path / "step-00000012")
    monkeypatch.setattr(Accelerator, "prepare", lambda _self, model: model.double())
    resumed = run(tmp_path, Doubled())
    assert weights(resumed).isfinite().all()
    assert log(tmp_path)[-1]["step"] == STEPS


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    alone = run(tmp_path / "alone", Sums(), plain_descent=True)
    config = str(ROOT / "docs" / "accelerate-two-cpus.yaml")
    launch = ("-m", "accelerate.commands.launch", "--config_file", config)
    both = start(*launch, "-m", "tests.training.toy_run", str(tmp_path / "both"))
    assert both.returncode == 0, both.stderr
    together = run(tmp_path / "both", Sums(), plain_descent=True)  # finished: it is read
    torch.testing.assert_close(weights(together), weights(alone), atol=1e-6, rtol=0)
    for mine, theirs in zip(log(tmp_path / "both"), log(tmp_path / "alone"), strict=True):
        assert mine == pytest.approx(theirs, abs=2e-4)


def test_micro_batches_of_any_size_take_the_same_steps(tmp_path: Path) -> None:
    one_by_one, pairs, at_once = (
        run(tmp_path / str(size), Sums(micro_batch=size), plain_descent=True) for size in (1, 2, EXAMPLES)
    )
    torch.testing.assert_close(weights(one_by_one), weights(at_once), atol=1e-6, rtol=0)
    torch.testing.assert_close(weights(pairs), weights(at_once), atol=1e-6, rtol=0)
    assert (weights(at_once) - weights(make())).abs().max() > 0.01


def test_a_finished_run_is_read_and_not_done_again(tmp_path: Path) -> None:
    first = run(tmp_path, Sums())
    before = (tmp_path / "log.jsonl").read_bytes()
    again = run(tmp_path, Sums(kill_at=0))
    assert torch.equal(weights(first), weights(again))
    assert (tmp_path / "log.jsonl").read_bytes() == before


def test_a_seed_gives_the_same_weights(tmp_path: Path) -> None:
    assert torch.equal(*(weights(run(tmp_path / name, Sums(), dropout=0.3)) for name in "ab"))


def test_bfloat16_learns_and_leaves_the_network_in_float32(tmp_path: Path) -> None:
    exact = run(tmp_path / "no", Sums())
    rough = run(tmp_path / "bf16", Sums(), precision="bf16")
    difference = (weights(rough) - weights(exact)).norm() / weights(exact).norm()
    assert 0 < difference < 0.05
    lines = log(tmp_path / "bf16")
    assert lines[-1]["loss"] < lines[0]["loss"]
    rows = torch.randn(5, 8)
    expected = make()
    expected.load_state_dict(rough.state_dict())
    assert torch.equal(rough(rows), expected(rows))  # autocast ends with the run


def test_the_log_tells_targets_rate_and_what_was_validated(tmp_path: Path) -> None:
    run(tmp_path, Sums())
    lines = log(tmp_path)
    a_step = sum(3 + 5 * index for index in range(EXAMPLES))
    assert [line["targets"] for line in lines] == [a_step * step for step in range(1, STEPS + 1)]
    config = FitConfig(STEPS, 1.0, warmup_steps=2, decay_share=0.25)
    assert [line["rate"] for line in lines] == pytest.approx([config.rate(step) for step in range(STEPS)], abs=1e-5)
    assert ["size" in line for line in lines] == [False] * (STEPS - 1) + [True]


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    config = FitConfig(100, 1.0, warmup_steps=4, decay_share=0.2)
    assert [config.rate(step) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert {config.rate(step) for step in range(4, 81)} == {1.0}
    assert config.rate(90) == pytest.approx(0.5)
    assert config.rate(99) == pytest.approx(0.05)


def test_checkpoints_kept_are_the_last_two_and_the_one_before_the_decay(tmp_path: Path) -> None:
    run(tmp_path, Sums(), steps=20)
    kept = sorted(int(place.name[5:]) for place in tmp_path.glob("step-*"))
    assert kept == [15, 18, 20]
    run(tmp_path / "long", Sums(), steps=40)
    assert sorted(int(place.name[5:]) for place in (tmp_path / "long").glob("step-*")) == [30, 39, 40]


def test_muon_takes_the_matrices_and_adamw_the_rest() -> None:
    model = make()
    muon, adamw = muon_and_adamw(model, 0.1, 0.0, ("5.",))
    named = dict(model.named_parameters())
    expected = [{"0.weight", "3.weight"}, {"0.bias", "3.bias", "5.weight", "5.bias"}]
    for optimizer, names in zip((muon, adamw), expected, strict=True):
        found = {id(value) for group in optimizer.param_groups for value in group["params"]}
        assert found == {id(named[name]) for name in names}


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    class Broken(Sums):
        def loss(self, model: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return super().loss(model, batch) * float("nan")

    with pytest.raises(ArgumentError, match="no longer finite at step 0"):
        run(tmp_path, Broken())


def test_a_process_without_examples_is_told_and_not_waited_for(tmp_path: Path) -> None:
    class Idle(Sums):
        def batches(self, step: int, process: int, processes: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
            return []

    with pytest.raises(ArgumentError, match="nothing to learn for one of 1 processes"):
        run(tmp_path, Idle())


def test_a_damaged_last_checkpoint_is_told_in_one_line(tmp_path: Path) -> None:
    run(tmp_path, Sums())
    (tmp_path / "step-00000012" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ReadError, match=r"step-00000012.model.safetensors: damaged") as caught:
        run(tmp_path, Sums())
    assert "\n" not in str(caught.value)
