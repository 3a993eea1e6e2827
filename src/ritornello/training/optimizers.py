"""What decays: matrices do, biases and norms do not."""

from __future__ import annotations

from typing import Any

from torch import nn


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return an optimizer's groups: parameters of more than one dimension, which decay, then the others."""
    return [
        {"params": [value for value in model.parameters() if value.ndim > 1], "weight_decay": weight_decay},
        {"params": [value for value in model.parameters() if value.ndim <= 1], "weight_decay": 0.0},
    ]
