"""Images of ten classes: a small convolutional network; halved images in the quick profile.

The full network follows the line of networks for short training (Jordan, *94% on CIFAR-10 in 3.29 seconds on a single
GPU*, 2024) at a third of its size: fixed whitening filters, then three stages of two convolutions; ours are the widths.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ritornello.datasets.cifar10_jpeg import Cifar10Jpeg
from ritornello.errors import ArgumentError
from ritornello.nn.objectives import OBJECTIVES, make_head
from ritornello.objectives.task import FULL_BUDGETS, QUICK_LOSSES, Batch, OptimizerName, Profile, ProfileName, Split

PROFILES: dict[ProfileName, Profile] = {
    "quick": Profile(
        "quick", QUICK_LOSSES, steps=600, validate_every=30,
        warmup_steps=30, middle_rate=0.1,
    ),
    "full": Profile(
        "full", tuple(OBJECTIVES), steps=1_392, validate_every=87, warmup_steps=139, middle_rate=0.1,
        decays=(1e-4, 5e-4, 2e-3), budgets=FULL_BUDGETS,
    ),
}  # fmt: skip
"""Full: 16 epochs of 45,000 images in batches of 512."""

_PER_CLASS = {"quick": (1_000, 200, None), "full": (None, None, None)}
_BATCH = {"quick": 64, "full": 512}
_HELD_OUT_BATCH = 1_000
_WHITENING_IMAGES, _WHITENING_FLOOR = 5_000, 5e-4
_PADDING = 2


class CifarTask:
    """Classify images.

    Args:
        path: folder or zip of `Cifar10Jpeg`.
        profile: quick: 10,000 images of 16 x 16 pixels; full: all of 45,000.

    Raises:
        ArgumentError: if the training split is smaller than a batch.
        ReadError: if the data is missing or damaged.
    """

    name = "cifar"
    title = "CIFAR-10 (JPEG copies)"
    class_dim = 1
    optimizer: OptimizerName = "sgd"

    def __init__(self, path: str | os.PathLike[str], profile: ProfileName) -> None:
        self.profile = PROFILES[profile]
        dataset = Cifar10Jpeg(path)
        self.classes = len(dataset.classes)
        self._data: dict[str, tuple[Tensor, Tensor]] = {}
        for split, count in zip(("train", "validation", "test"), _PER_CLASS[profile], strict=True):
            loaded = dataset.load(split, count)
            pixels = torch.from_numpy(loaded.pixels).permute(0, 3, 1, 2).float() / 255
            self._data[split] = (pixels, torch.from_numpy(loaded.labels))
        images = len(self._data["train"][1])
        if images < _BATCH[profile]:
            raise ArgumentError(
                f"{path}: {images} training images; a batch of the profile {profile} has {_BATCH[profile]}"
            )
        mean = self._data["train"][0].mean((0, 2, 3))[:, None, None]
        deviation = self._data["train"][0].std((0, 2, 3))[:, None, None]
        place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        for split, (pixels, labels) in self._data.items():
            scaled = (pixels - mean) / deviation
            scaled = functional.avg_pool2d(scaled, 2) if profile == "quick" else scaled
            self._data[split] = scaled.contiguous(memory_format=torch.channels_last).to(place), labels.to(place)

    def describe(self) -> dict[str, Any]:
        """Return numbers of images and their size."""
        return {split: list(pixels.shape) for split, (pixels, _) in self._data.items()}

    def network(self, objective: str) -> nn.Module:
        """Return the profile's network."""
        if self.profile.name == "quick":
            network = small_network(objective, self.classes)
        else:
            network = whitened_network(objective, self.classes, self._filters)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    @cached_property
    def _filters(self) -> Tensor:
        return whitening_filters(self._data["train"][0][:_WHITENING_IMAGES].cpu())

    def training_batch(self, step: int, seed: int) -> Batch:
        """Return images of a step: every epoch visits all in a new order; half are mirrored, in full also shifted."""
        pixels, labels = self._data["train"]
        size = _BATCH[self.profile.name]
        per_epoch = len(labels) // size
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng((seed, 0, epoch)).permutation(len(labels))
        chosen = torch.from_numpy(order[place * size : (place + 1) * size]).to(labels.device)
        rng = np.random.default_rng((seed, 1, step))
        batch = pixels[chosen]
        mirrored = torch.from_numpy(rng.random(size) < 0.5).to(labels.device)
        batch = torch.where(mirrored[:, None, None, None], batch.flip(3), batch)
        if self.profile.name == "full":
            batch = _shifted(batch, torch.from_numpy(rng.integers(0, 2 * _PADDING + 1, (2, size))).to(labels.device))
        return batch, labels[chosen]

    def held_out(self, split: Split) -> Iterator[Batch]:
        """Yield a split as it is."""
        pixels, labels = self._data[split]
        for start in range(0, len(labels), _HELD_OUT_BATCH):
            yield pixels[start : start + _HELD_OUT_BATCH], labels[start : start + _HELD_OUT_BATCH]


def _shifted(pixels: Tensor, offsets: Tensor) -> Tensor:
    """Return each image moved by its own offset within a reflected border."""
    count, _, height, width = pixels.shape
    padded = functional.pad(pixels, (_PADDING,) * 4, mode="reflect")
    rows = offsets[0][:, None] + torch.arange(height, device=pixels.device)
    columns = offsets[1][:, None] + torch.arange(width, device=pixels.device)
    images = torch.arange(count, device=pixels.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _convolution(width_in: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


def small_network(objective: str, classes: int) -> nn.Sequential:
    """Return the quick network: three convolutions, 24,000 parameters with ten classes."""
    return nn.Sequential(
        _convolution(3, 16), _convolution(16, 32, 2), _convolution(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        make_head(objective, 64, classes),
    )  # fmt: skip


def whitening_filters(pixels: Tensor) -> Tensor:
    """Return filters ``(24, 3, 2, 2)`` whose outputs on patches of images are uncorrelated, each with its negative."""
    patches = functional.unfold(pixels, 2).transpose(1, 2).reshape(-1, 12).double()
    values, vectors = torch.linalg.eigh(patches.T.cov())
    # The sign of an eigenvector is anybody's choice: both are there, in an order that does not depend on it.
    signs = torch.where(vectors.sum(0) < 0, -1.0, 1.0)
    filters = (vectors * signs / (values + _WHITENING_FLOOR).sqrt()).T.reshape(12, 3, 2, 2).float()
    return torch.cat([filters, -filters])


def _stage(width_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, width, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(width), nn.GELU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.GELU(),
    )  # fmt: skip


def whitened_network(
    objective: str, classes: int, filters: Tensor, widths: tuple[int, int, int] = (48, 128, 128)
) -> nn.Sequential:
    """Return the full network, 532,000 parameters with ten classes.

    Args:
        objective: what the last layer must suit.
        classes: K.
        filters: of the first layer, which stay as they are; see `whitening_filters`.
        widths: channels of the stages.
    """
    first = nn.Conv2d(3, len(filters), 2)
    first.weight = nn.Parameter(filters.clone(), requires_grad=False)
    nn.init.zeros_(first.bias)  # type: ignore[arg-type]
    return nn.Sequential(
        first, nn.GELU(), _stage(len(filters), widths[0]), _stage(widths[0], widths[1]), _stage(widths[1], widths[2]),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), make_head(objective, widths[2], classes),
    )  # fmt: skip
