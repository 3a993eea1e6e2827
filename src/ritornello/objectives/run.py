"""One run of a comparison: a network is trained with one objective and setting, and measured.

At one seed all objectives have the same weights, batches and augmentation. A control multiplies the loss by the ratio
of cross-entropy's gradient to its own, measured on the first batches before training, so that both begin with equal
steps.
"""

from __future__ import annotations

import copy
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ritornello.evaluation.calibration import (
    calibration_error,
    fitted_scale,
    negative_log_likelihood,
    softmax,
)
from ritornello.nn.objectives import Objective, make_loss
from ritornello.objectives.task import IGNORED, Split, Task, make_optimizer

Schedule = Literal["constant", "cosine"]

_LARGEST_LOG_MASS = 100.0  # beyond it squares would overflow; nothing learns there

MATCHING_BATCHES = 10
"""Batches on which gradients are compared for the matched control."""


@dataclass(frozen=True)
class RunSpec:
    """What a run is.

    Attributes:
        objective: its name.
        rate: learning rate.
        decay: weight decay.
        seed: of weights, order and augmentation.
        steps: how long it is.
        schedule: after the warm-up ``constant``, or ``cosine`` down to 0.
        matched: whether the loss is multiplied so that its first gradients are as large as cross-entropy's.
        is_final: whether the test split is measured too.
    """

    objective: str
    rate: float
    decay: float
    seed: int
    steps: int
    schedule: Schedule = "constant"
    matched: bool = False
    is_final: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON data."""
        return asdict(self)


Progress = Callable[[int, int], None]


def device() -> torch.device:
    """Return where runs are computed: an NVIDIA GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train_once(task: Task, spec: RunSpec) -> dict[str, Any]:
    """Train and measure.

    Returns:
        JSON data: ``curve``, pairs of step and validation accuracy from step 0 on, up to where the run diverged;
        ``diverged``; ``scale``, what the loss was multiplied by; ``ms_per_step``; for final runs what `measured` gives,
        of the test split.
    """
    place = device()
    torch.manual_seed(spec.seed)
    network = task.network(spec.objective).to(place)
    loss = make_loss(spec.objective, num_classes=task.classes, class_dim=task.class_dim)
    scale = matching_scale(task, network, loss, spec.seed) if spec.matched else 1.0
    optimizer = make_optimizer(task.optimizer, network, spec.rate, spec.decay)
    profile = task.profile
    curve: list[tuple[int, float]] = [(0, accuracy(task, network, "validation"))]
    pace: list[float] = []
    step, diverged = 0, False
    while step < spec.steps and not diverged:
        begun, first = time.perf_counter(), step
        last = min(spec.steps, step + profile.validate_every)
        network.train()
        for step in range(first, last):
            share = rate_share(step, spec, profile.warmup_steps)
            for group in optimizer.param_groups:
                group["lr"] = spec.rate * share
            value = _loss(task, network, loss, step, spec.seed) * scale
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        diverged = not math.isfinite(float(value.detach()))
        pace.append((time.perf_counter() - begun) / (last - first))
        step = last
        if not diverged:
            found = accuracy(task, network, "validation")
            diverged = math.isnan(found)
            if not diverged:
                curve.append((step, found))
    result: dict[str, Any] = {
        "curve": [[at, round(share, 6)] for at, share in curve], "diverged": diverged, "scale": scale,
        "ms_per_step": round(1000 * statistics.median(pace), 3), "device": place.type,
    }  # fmt: skip
    if spec.is_final and not diverged:
        result |= measured(task, network, loss)
    return result


def rate_share(step: int, spec: RunSpec, warmup_steps: int) -> float:
    """Return the rate of a step, counted from 0, as a share of its peak."""
    warm = min(1.0, (step + 1) / (warmup_steps + 1))
    if spec.schedule == "constant":
        return warm
    return warm * 0.5 * (1 + math.cos(math.pi * step / spec.steps))


def matching_scale(task: Task, network: nn.Module, loss: Objective, seed: int) -> float:
    """Return the root mean square of cross-entropy's gradient over that of a loss, by logits, where training begins."""
    plain = make_loss("cross_entropy", num_classes=task.classes, class_dim=task.class_dim)
    probe = copy.deepcopy(network).train()  # norms keep running means, which must not be touched
    squares = [0.0, 0.0]
    for step in range(MATCHING_BATCHES):
        inputs, targets = task.training_batch(step, seed)
        with torch.no_grad():
            logits = probe(_moved(inputs)).float()
        logits.requires_grad_()
        for place, one in enumerate((plain, loss)):
            (gradient,) = torch.autograd.grad(one(logits, targets.to(logits.device)), logits)
            squares[place] += float(gradient.double().square().sum())
    return math.sqrt(squares[0] / squares[1])


def accuracy(task: Task, network: nn.Module, split: Split) -> float:
    """Return the share of positions whose class has the largest logit; NaN if a logit is no finite number."""
    hits = counted = 0
    is_finite = True
    network.eval()
    with torch.no_grad():
        for inputs, targets in task.held_out(split):
            logits = network(_moved(inputs)).float()
            targets = targets.to(logits.device)
            is_finite = is_finite and bool(logits.isfinite().all())
            kept = targets != IGNORED
            hits += int(((logits.argmax(task.class_dim) == targets) & kept).sum())
            counted += int(kept.sum())
    return hits / counted if is_finite else math.nan


def measured(task: Task, network: nn.Module, loss: Objective) -> dict[str, float]:
    """Return what is measured of a trained network on the test split.

    Returns:
        ``accuracy``; ``nll`` (nats) and ``ece`` of the objective's own probabilities; ``nll_scaled`` and
        ``ece_scaled`` of softmax after one scale on the logits that was fitted on validation; ``mass`` and
        ``mass_deviation``, of the sum of e^z / K.
    """
    known, known_labels = _predicted(task, network, "validation")
    logits, labels = _predicted(task, network, "test")
    own = loss.probs(logits)
    z, y = logits.double().numpy(), labels.numpy()
    scale = fitted_scale(known.double().numpy(), known_labels.numpy())
    p, scaled = own.double().numpy(), softmax(scale * z)
    mass = np.exp(np.minimum(z, _LARGEST_LOG_MASS)).mean(1)
    return {
        "accuracy": float((z.argmax(1) == y).mean()),
        "nll": negative_log_likelihood(p, y), "nll_scaled": negative_log_likelihood(scaled, y),
        "ece": calibration_error(p, y), "ece_scaled": calibration_error(scaled, y),
        "mass": float(mass.mean()), "mass_deviation": float(mass.std()),
    }  # fmt: skip


def _predicted(task: Task, network: nn.Module, split: Split) -> tuple[Tensor, Tensor]:
    """Return logits ``(M, K)`` and labels ``(M,)`` of the positions that count."""
    rows, labels = [], []
    network.eval()
    with torch.no_grad():
        for inputs, targets in task.held_out(split):
            logits = network(_moved(inputs)).float().movedim(task.class_dim, -1).reshape(-1, task.classes).cpu()
            known = targets.reshape(-1).cpu()
            rows.append(logits[known != IGNORED])
            labels.append(known[known != IGNORED])
    return torch.cat(rows), torch.cat(labels)


def _loss(task: Task, network: nn.Module, loss: Objective, step: int, seed: int) -> Tensor:
    inputs, targets = task.training_batch(step, seed)
    place = device()
    with torch.autocast(place.type, dtype=torch.bfloat16, enabled=place.type == "cuda"):
        logits = network(_moved(inputs))
        found: Tensor = loss(logits, targets.to(logits.device))
    return found


def _moved(inputs: Any) -> Any:
    return inputs.to(device()) if isinstance(inputs, Tensor) else inputs
