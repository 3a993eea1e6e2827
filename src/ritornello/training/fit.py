"""The one fit loop, on Hugging Face Accelerate: a laptop's process or many under `accelerate launch`, same recipe.

A task says what a step's examples are and what their summed loss is; the loop divides the examples among processes and
micro-batches, weighs every target alike whatever the division, clips, steps, logs a line of JSON, validates, and writes
checkpoints from which a killed run goes on exactly. The schedule is warm-up, constant, linear decay to zero ("WSD", Hu
et al., *MiniCPM*, 2024): a run can be prolonged from where the decay began.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from ritornello.errors import ArgumentError
from ritornello.files import write_bytes
from ritornello.training.checkpoint import latest_checkpoint, load_checkpoint, prune_checkpoints, save_checkpoint

Precision = Literal["no", "bf16"]


class Task(Protocol):
    """What is learned."""

    def batches(self, step: int, process: int, processes: int) -> Sequence[Any]:
        """Return this process's micro-batches of a step; the same for the same arguments."""

    def targets(self, batch: Any) -> int:
        """Return the number of targets of a micro-batch."""

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        """Return the loss summed over the targets of a micro-batch."""


@dataclass(frozen=True)
class FitConfig:
    """How to fit.

    Attributes:
        steps: optimizer steps in all.
        learning_rate: peak rate.
        warmup_steps: steps of linear warm-up.
        decay_share: share of the steps, at the end, over which the rate falls to zero.
        clip: largest norm of the gradient.
        precision: ``no`` for float32, ``bf16`` for autocast.
        save_every: steps between checkpoints.
        validate_every: steps between validations; 0 for none but the last.
        seed: of dropout, 0 or more.
    """

    steps: int
    learning_rate: float
    warmup_steps: int = 100
    decay_share: float = 0.2
    clip: float = 1.0
    precision: Precision = "bf16"
    save_every: int = 200
    validate_every: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.save_every) < 1 or min(self.warmup_steps, self.validate_every, self.seed) < 0:
            raise ArgumentError("steps and save_every are at least 1, warmup_steps, validate_every and seed at least 0")
        if not (self.learning_rate > 0 and self.clip > 0 and 0 <= self.decay_share <= 1):
            raise ArgumentError("learning_rate and clip are above 0, decay_share is from 0 to 1")

    @property
    def decay_start(self) -> int:
        """The step at which the rate begins to fall."""
        return self.steps - round(self.steps * self.decay_share)

    def rate(self, step: int) -> float:
        """Return the rate of a step, counted from 0, as a share of the peak."""
        warm = min(1.0, (step + 1) / (self.warmup_steps + 1))
        left = (self.steps - step) / max(1, self.steps - self.decay_start)
        return warm * min(1.0, left)


Validate = Callable[[nn.Module], dict[str, float]]


def fit(
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    task: Task,
    config: FitConfig,
    folder: Path,
    *,
    validate: Validate | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> nn.Module:
    """Fit a model, going on from the last checkpoint in the folder if there is one.

    Args:
        model: its weights are changed in place.
        optimizers: each parameter belongs to one; their rates are set to the schedule's share of what they have now.
        task: the examples and the loss.
        config: see `FitConfig`.
        folder: gets ``log.jsonl`` and the checkpoints.
        validate: returns measurements, which are logged.
        progress: called with (steps done, steps in all).

    Returns:
        The model with the weights of the last step.

    Raises:
        ArgumentError: if the loss is no longer finite, or a step has nothing to learn for one of the processes.
        ReadError: if the last checkpoint is damaged or of another model.
    """
    AcceleratorState._reset_state()  # an earlier fit of this process may have had another precision
    # Told nothing, Accelerate counts processes of a launcher as one each where there is no GPU.
    on_cpu = not torch.accelerator.is_available()
    accelerator = Accelerator(cpu=on_cpu, mixed_precision=config.precision, step_scheduler_with_optimizer=False)
    folder.mkdir(parents=True, exist_ok=True)
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    state: dict[str, Any] = {"step": 0, "targets": 0, "seconds": 0.0}
    if (found := latest_checkpoint(folder)) is not None:
        state = load_checkpoint(found, model, list(optimizers))
    prepared = accelerator.prepare(model)
    for optimizer in optimizers:
        optimizer.load_state_dict(optimizer.state_dict())  # what was loaded goes to the device the weights went to
    log = folder / "log.jsonl"
    if accelerator.is_main_process:
        _forget_after(log, state["step"])
    begun = time.perf_counter() - state["seconds"]
    for step in range(state["step"], config.steps):
        for optimizer, rates in zip(optimizers, peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = peak * config.rate(step)
        # Dropout follows from seed, step and process alone, so that a run goes on exactly on any device.
        torch.manual_seed(_step_seed(config.seed, step, accelerator.process_index))
        loss, targets = _backward(accelerator, prepared, task, step)
        if not math.isfinite(loss):
            raise ArgumentError(f"the loss is no longer finite at step {step}; use a lower learning rate")
        norm = float(nn.utils.clip_grad_norm_(model.parameters(), config.clip))
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        done = step + 1
        state = {
            "step": done,
            "targets": state["targets"] + targets,
            "seconds": round(time.perf_counter() - begun, 2),
        }
        line = {**state, "loss": round(loss, 5), "gradient_norm": round(norm, 4), "rate": round(config.rate(step), 5)}
        is_last = done == config.steps
        if validate is not None and (is_last or (config.validate_every and done % config.validate_every == 0)):
            line |= validate(model)
        if accelerator.is_main_process:
            with log.open("a") as file:
                file.write(json.dumps(line) + "\n")
            if is_last or done % config.save_every == 0 or done == config.decay_start:
                save_checkpoint(folder, done, model, list(optimizers), state)
                prune_checkpoints(folder, 2, frozenset({config.decay_start}))
            if progress is not None:
                progress(done, config.steps)
        accelerator.wait_for_everyone()
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)  # else it would compute by autocast ever after
    return model


def leave() -> None:
    """End what `accelerate launch` began: processes wait for each other and part; alone, nothing happens.

    Without it a process may end while threads of the group still run, which aborts it.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _backward(accelerator: Accelerator, model: nn.Module, task: Task, step: int) -> tuple[float, int]:
    """Add up the gradients of a step; return the mean loss and the number of targets over all processes."""
    batches = task.batches(step, accelerator.process_index, accelerator.num_processes)
    device = accelerator.device
    counted = torch.tensor([float(sum(task.targets(batch) for batch in batches)), float(bool(batches))], device=device)
    targets, busy = accelerator.reduce(counted, "sum").tolist()
    if busy < accelerator.num_processes or not targets:  # a process without a gradient would be waited for, forever
        raise ArgumentError(
            f"step {step} has nothing to learn for one of {accelerator.num_processes} processes; "
            "use at most as many processes as a step has examples"
        )
    total = torch.zeros((), device=device)
    for number, batch in enumerate(batches):
        is_last = number + 1 == len(batches)
        with accelerator.accumulate(model) if is_last else accelerator.no_sync(model):
            with accelerator.autocast():
                summed = task.loss(model, batch)
            # Processes' gradients are averaged, so each counts as many times as there are processes.
            accelerator.backward(summed * (accelerator.num_processes / targets))
        total += summed.detach()
    return float(accelerator.reduce(total, "sum")) / targets, int(targets)


def _step_seed(seed: int, step: int, process: int) -> int:
    return int(np.random.SeedSequence((seed, step, process)).generate_state(1, np.uint64)[0] >> 1)


def _forget_after(log: Path, step: int) -> None:
    """Drop the log's lines of steps after a checkpoint, which will be done again."""
    if log.exists():
        lines = [line for line in log.read_text().splitlines() if _step_of(line) <= step]
        write_bytes(log, "".join(line + "\n" for line in lines).encode())


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # cut by a kill


def muon_and_adamw(
    model: nn.Module, learning_rate: float, weight_decay: float, adamw_names: Iterable[str]
) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of a model and AdamW for everything else.

    Muon: Jordan et al. (2024), with the update scaled to AdamW's (Liu et al., *Muon is scalable for LLM training*,
    2025), so that both share one rate.

    Args:
        model: the model.
        learning_rate: peak rate of both.
        weight_decay: of matrices.
        adamw_names: beginnings of names of matrices that AdamW takes: embeddings and outputs.
    """
    prefixes = tuple(adamw_names)
    named = list(model.named_parameters())
    matrices = [value for name, value in named if value.ndim == 2 and not name.startswith(prefixes)]
    others = [value for name, value in named if value.ndim != 2 or name.startswith(prefixes)]
    return [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0),
    ]
