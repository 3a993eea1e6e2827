"""What an objective costs: time of forward and backward beside PyTorch's own cross-entropy, in the same run.

The two take turns, and the shortest time of each counts: what else the machine does only ever adds to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ritornello.errors import ArgumentError
from ritornello.nn.objectives import OBJECTIVES, make_loss
from ritornello.objectives.run import device

REPEATS = 40


def objective_cost(
    classes: int = 1_000,
    positions: int = 4_096,
    names: Sequence[str] | None = None,
    repeats: int = REPEATS,
) -> dict[str, dict[str, float]]:
    """Time objectives on logits of normal deviates and class indices.

    Args:
        classes: K, 2 or more.
        positions: rows.
        names: objectives; all of them if left out.
        repeats: how often each is timed.

    Returns:
        For each objective ``ms``, the shortest forward and backward in milliseconds, and ``ratio``, to built-in
        cross-entropy.

    Raises:
        ArgumentError: if a number is out of range or a name unknown.
    """
    if classes < 2 or positions < 1 or repeats < 1:
        raise ArgumentError("classes are 2 or more, positions and repeats 1 or more")
    place = device()
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(positions, classes, generator=generator).to(place).requires_grad_()
    target = torch.randint(0, classes, (positions,), generator=generator).to(place)
    found = {}
    for name in names if names is not None else OBJECTIVES:
        if name in OBJECTIVES and OBJECTIVES[name].has_head:
            continue  # its loss is cross-entropy; what it adds lies in the layer
        ours = make_loss(name)
        pairs = [(_seconds(functional.cross_entropy, z, target), _seconds(ours, z, target)) for _ in range(repeats)]
        found[name] = {
            "ms": 1000 * min(mine for _, mine in pairs),
            "ratio": min(mine for _, mine in pairs) / min(theirs for theirs, _ in pairs),
        }
    return found


def _seconds(loss: Callable[[Tensor, Tensor], Tensor], z: Tensor, target: Tensor) -> float:
    z.grad = None
    begun = time.perf_counter()
    loss(z, target).backward()  # type: ignore[no-untyped-call]
    if z.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begun
