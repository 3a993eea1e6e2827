"""The sizes and switches of a network.

The defaults follow the size of MusicFrameworks, section 4 (width 128, two layers, eight heads, feed-forward 128, LSTM
64); copying and intervals are ours.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from ritornello.errors import ArgumentError
from ritornello.frameworks.features import TASKS, TaskName


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a network.

    Attributes:
        task: what it predicts: ``basic``, ``rhythm`` or ``melody``.
        width: size of a token's state; a multiple of the heads.
        layers: layers of the encoder.
        heads: attention heads of the encoder.
        feed_forward: hidden size of the encoder's feed-forward networks.
        hidden: size of the decoder's LSTM.
        encoder: ``transformer``, or ``lstm`` (both directions) as a baseline.
        copying: whether earlier tokens of the phrase, and of the song where given, are pointed at and copied.
        intervals: whether pitches are also chosen by their interval above the last pitch and the basic pitches; the
            rhythm's network has no use for it.
        dropout: of the encoder, the decoder's input and output, in training.
    """

    task: TaskName
    width: int = 128
    layers: int = 2
    heads: int = 8
    feed_forward: int = 128
    hidden: int = 64
    encoder: Literal["transformer", "lstm"] = "transformer"
    copying: bool = True
    intervals: bool = True
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ArgumentError(f"task '{str(self.task)[:20]}' is not one of {', '.join(TASKS)}")
        if self.encoder not in ("transformer", "lstm"):
            raise ArgumentError(f"encoder '{str(self.encoder)[:20]}' is not transformer or lstm")
        for name in ("width", "layers", "heads", "feed_forward", "hidden"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 4096:
                raise ArgumentError(f"{name} {value!r} is out of range; it is a whole number from 1 to 4096")
        for name in ("copying", "intervals"):
            if type(getattr(self, name)) is not bool:
                raise ArgumentError(f"{name} is true or false, not {str(getattr(self, name))[:20]!r}")
        if self.width % self.heads or self.width % 2:
            raise ArgumentError("width must be even and a multiple of the heads")
        if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise ArgumentError(f"dropout {self.dropout!r} is out of range; it goes from 0 to below 1")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON data."""
        return dataclasses.asdict(self)
