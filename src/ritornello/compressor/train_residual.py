"""Training of the learned residual: what the gain path leaves over, from pairs of recordings.

The gain path runs over an excerpt of a pair; of every hop are kept its level and gain, which the network sees, and five
sums, from which the error follows exactly for any correction, since that moves linearly within a hop: with the error
e = t - v, the correction a + b r and the way r through the hop,

    sum (e - (a + b r) v)^2 = sum e^2 - 2 (a sum e v + b sum e v r) + a^2 sum v^2 + 2 a b sum v^2 r + b^2 sum v^2 r^2

so no sample is touched while the network learns. The loss is the mean over excerpts of the root of their ESR. Before
the first step the fresh network, which changes nothing, is measured on the validation pairs, so that the weights that
are kept are never worse on them than none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ritornello.compressor.data import SAMPLE_RATE, Pair
from ritornello.compressor.engines import GainPathEngine
from ritornello.compressor.evaluate import SKIPPED_S
from ritornello.compressor.model import MODES, LevellerModel
from ritornello.compressor.process import Settings, pre_roll
from ritornello.compressor.residual import HOP, level_of
from ritornello.compressor.residual_network import ResidualConfig, ResidualNetwork
from ritornello.compressor.train import Schedule, fit_by
from ritornello.errors import ArgumentError
from ritornello.training.best import keeping_the_best
from ritornello.training.checkpoint import latest_checkpoint
from ritornello.training.fit import Validate

_LEAST_ESR = 1e-4  # below it an excerpt pulls no harder
_LEAST_POWER = 1e-8  # -80 dBFS: quieter targets have no measure
_TRIES = 20


@dataclass(frozen=True)
class ResidualRecipe(Schedule):
    """How a residual is trained, on excerpts.

    Attributes:
        excerpt_s: length of an excerpt; shorter pairs are taken whole.
        lead_s: beginning of an excerpt of a longer pair that is heard and not measured.
    """

    steps: int = 800
    batch: int = 8
    excerpt_s: float = 12.0
    lead_s: float = 4.0
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    warmup_steps: int = 20
    decay_share: float = 0.6
    validate_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1 or self.seed < 0 or not 0 <= self.lead_s < self.excerpt_s:
            raise ArgumentError("steps and batch are at least 1, seed at least 0, the lead is shorter than an excerpt")


@dataclass(frozen=True, eq=False)
class Hops:
    """An excerpt, hop by hop.

    Attributes:
        features: level and gain in dB, float32 ``(K, 2)``.
        sums: of t^2, e^2, e v, e v r, v^2, v^2 r, v^2 r^2; float32 ``(K, 7)``, those of hops that are not measured 0.
        setting: switch and Peak Reduction.
    """

    features: NDArray[np.float32]
    sums: NDArray[np.float32]
    setting: tuple[float, float]

    @property
    def is_heard(self) -> bool:
        """Whether there is a target to measure."""
        return float(self.sums[:, 0].sum()) > _LEAST_POWER * HOP * len(self.sums)


def hops_of(pair: Pair, model: LevellerModel, start: int, frames: int, unmeasured: int, before_s: float = 0.0) -> Hops:
    """Run the gain path over an excerpt of a pair.

    Args:
        pair: the pair.
        model: the gain path; a residual of its own is left out.
        start: first frame.
        frames: length.
        unmeasured: frames at the beginning that are heard only.
        before_s: seconds of a mirror of the beginning that were heard before.
    """
    source, target = pair.read(start, frames)
    dry = source[None].astype(np.float64)
    mode = MODES[int(pair.is_limit)]
    engine = GainPathEngine(
        dataclasses.replace(model, residual=None), SAMPLE_RATE, 1, Settings(pair.peak_reduction, mode)
    )
    if before_s:
        heard = np.ascontiguousarray(pre_roll(dry, round(before_s * SAMPLE_RATE)))
        engine.process(heard, heard, False)
    wet, decibels = engine.process(dry, dry, False)
    count = len(source) // HOP
    v, gain, t = (
        signal[: count * HOP].reshape(count, HOP) for signal in (wet[0], decibels[0], target.astype(np.float64))
    )
    gain = gain - model.numbers(mode, pair.peak_reduction).makeup_db
    error, way = t - v, (np.arange(HOP) + 1) / HOP
    products = (t * t, error**2, error * v, error * v * way, v * v, v * v * way, v * v * way**2)
    sums = np.stack([product.sum(axis=1) for product in products], axis=1)
    sums[: -(-unmeasured // HOP)] = 0
    features = np.stack([level_of((v * v).mean(axis=1)), gain.mean(axis=1)], axis=1)
    return Hops(features.astype(np.float32), sums.astype(np.float32), (float(pair.is_limit), pair.peak_reduction))


Batch = tuple[Tensor, Tensor, Tensor]


def excerpt_esr(corrections: Tensor, sums: Tensor) -> Tensor:
    """Return the ESR of excerpts ``(B,)`` under corrections ``(B, K)``, each reached at the end of the hop after it."""
    nothing = corrections.new_zeros((len(corrections), 2))
    reached = torch.cat((nothing, corrections[:, :-1]), 1)  # at the beginning of each hop, and after the last
    start, move = reached[:, :-1], reached[:, 1:] - reached[:, :-1]
    target, error, ev, evr, vv, vvr, vvrr = sums.unbind(-1)
    after = error - 2 * (start * ev + move * evr) + start**2 * vv + 2 * start * move * vvr + move**2 * vvrr
    return after.sum(1).clamp(min=0) / target.sum(1).clamp(min=1e-9)


class ResidualTask:
    """The task of the fit loop: correct the gain path over random excerpts of the pairs.

    Args:
        pairs: the training pairs.
        model: the gain path.
        recipe: see `ResidualRecipe`.
        pre_roll_s: how much of its beginning a unit has heard before a pair, backwards.

    Raises:
        ArgumentError: if no pair is longer than what is not measured of it.
    """

    def __init__(self, pairs: Sequence[Pair], model: LevellerModel, recipe: ResidualRecipe, pre_roll_s: float) -> None:
        self.model, self.recipe, self.pre_roll_s = model, recipe, pre_roll_s
        self.pairs = [pair for pair in pairs if pair.frames > 2 * SKIPPED_S * SAMPLE_RATE]
        if not self.pairs:
            raise ArgumentError(
                f"no training pair is longer than {2 * SKIPPED_S:.1f} s; there is nothing to learn from"
            )
        self._whole: dict[int, Hops] = {}

    def batches(self, step: int, process: int, processes: int) -> Sequence[Batch]:
        """Return this process's share of a step's excerpts, as one micro-batch."""
        rng = np.random.default_rng([self.recipe.seed, step])
        chosen = [self._excerpt(rng) for _ in range(self.recipe.batch)]
        own = chosen[process::processes]
        return [batch_of(own)] if own else []

    def targets(self, batch: Batch) -> int:
        """Return the number of excerpts of a micro-batch."""
        return int(batch[0].shape[0])

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the loss summed over the excerpts of a micro-batch."""
        features, sums, setting = (x.to(next(model.parameters()).device) for x in batch)
        errors = excerpt_esr(model(features, setting), sums)
        return 100 * torch.sqrt(errors + _LEAST_ESR).sum()  # in percent: the loop's clipping makes all steps alike

    def _excerpt(self, rng: np.random.Generator) -> Hops:
        frames, lead = (round(s * SAMPLE_RATE) for s in (self.recipe.excerpt_s, self.recipe.lead_s))
        for _try in range(_TRIES):
            number = int(rng.integers(len(self.pairs)))
            pair = self.pairs[number]
            if pair.frames <= frames:
                if number not in self._whole:
                    self._whole[number] = whole(pair, self.model, self.pre_roll_s)
                hops = self._whole[number]
            else:
                hops = hops_of(pair, self.model, int(rng.integers(pair.frames - frames + 1)), frames, lead)
            if hops.is_heard:
                break
        return hops


def whole(pair: Pair, model: LevellerModel, pre_roll_s: float, longest_s: float = 60.0) -> Hops:
    """Return the hops of a pair from its beginning on, as `evaluate` measures it."""
    frames = min(pair.frames, round(longest_s * SAMPLE_RATE))
    return hops_of(pair, model, 0, frames, round(SKIPPED_S * SAMPLE_RATE), pre_roll_s)


def batch_of(excerpts: Sequence[Hops]) -> Batch:
    """Return features, sums and settings of excerpts, the shorter ones followed by hops that are not measured."""
    longest = max(len(hops.sums) for hops in excerpts)
    features, sums = (
        np.stack([np.pad(x, ((0, longest - len(x)), (0, 0)), "edge" if is_level else "constant") for x in parts])
        for is_level, parts in ((True, [hops.features for hops in excerpts]), (False, [hops.sums for hops in excerpts]))
    )
    return torch.from_numpy(features), torch.from_numpy(sums), torch.tensor([hops.setting for hops in excerpts])


def validation(excerpts: Sequence[Hops]) -> Validate:
    """Return a function that measures a residual: the mean root of the ESR, which decides, and the mean ESR."""

    def measure(model: nn.Module) -> dict[str, float]:
        with torch.no_grad():
            batches = [batch_of([hops]) for hops in excerpts]
            found = np.array([float(excerpt_esr(model(b[0], b[2]), b[1])[0]) for b in batches])
        return {
            "validation_loss": round(float(np.sqrt(found).mean()), 6),
            "validation_esr": round(float(found.mean()), 6),
        }

    return measure


def train_residual(
    model: LevellerModel,
    pairs: Sequence[Pair],
    validation_pairs: Sequence[Pair],
    recipe: ResidualRecipe,
    folder: Path,
    pre_roll_s: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ResidualNetwork, dict[str, float]]:
    """Train a residual on top of a gain path, or go on with a run that was stopped.

    Args:
        model: the gain path.
        pairs: training pairs.
        validation_pairs: the weights of the lowest loss on them are kept as ``best.safetensors``.
        recipe: see `ResidualRecipe`.
        folder: the run's folder.
        pre_roll_s: how much of its beginning a unit has heard before each pair, see `process.pre_roll`.
        progress: called with (steps done, steps in all).

    Returns:
        The residual with the kept weights, and what was measured on the validation pairs: with it, and without.

    Raises:
        ArgumentError: if there is no pair to learn or choose from.
    """
    excerpts = [hops for pair in validation_pairs if (hops := whole(pair, model, pre_roll_s)).is_heard]
    if not excerpts:
        raise ArgumentError("there is no pair with a sound in it to choose the weights by")
    torch.manual_seed(recipe.seed)
    network = ResidualNetwork(ResidualConfig())
    task = ResidualTask(pairs, model, recipe, pre_roll_s)
    measure = validation(excerpts)
    without = measure(ResidualNetwork(ResidualConfig()))
    keep = keeping_the_best(measure, folder, note={"network": asdict(network.config)})
    if latest_checkpoint(folder) is None:
        folder.mkdir(parents=True, exist_ok=True)
        keep(network)
    fit_by(recipe, network, task, folder, keep, progress)
    measured = measure(network)
    return network, {**measured, **{f"{name}_without": value for name, value in without.items()}}


def recipe_as_json(recipe: ResidualRecipe) -> dict[str, Any]:
    """Return what a run's ``recipe.json`` says."""
    return {"system": "compressor", "model": "ours", "part": "residual", **asdict(recipe)}
