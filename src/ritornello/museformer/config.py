"""The sizes and variants of the network, and their names."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.bars import LAST_OFFSETS, STRUCTURE_OFFSETS

Variant = Literal["museformer", "no_coarse", "no_selection", "full"]
VARIANTS: tuple[Variant, ...] = ("museformer", "no_coarse", "no_selection", "full")
"""The model and the three it is measured against (paper, section 4)."""


@dataclass(frozen=True)
class MuseformerConfig:
    """Sizes of a network.

    Attributes:
        layers: transformer layers.
        width: size of a token's state.
        heads: attention heads; the width is a multiple of twice their number.
        ffn: hidden size of the feed-forward network.
        bar_size: size of the bar sinusoids.
        beat_size: size of the beat sinusoids.
        variant: ``museformer``, or a baseline: ``no_coarse`` (no summaries), ``no_selection`` (the last eight bars are
            fine), ``full`` (causal attention to all tokens, rotary positions).
        plan_bias: whether scores towards a plan's source bar get a learned bias per layer and head.
        rotary: whether queries and keys of tokens (not of summaries) are turned by their place in the bar and their
            beat, see `model.bar_angles`; not in the paper. Full attention has rotary positions of its own.
        dropout: of residual branches, in training.
    """

    layers: int = 4
    width: int = 256
    heads: int = 4
    ffn: int = 768
    bar_size: int = 128
    beat_size: int = 64
    variant: Variant = "museformer"
    plan_bias: bool = True
    rotary: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ArgumentError(f"variant '{self.variant}' is not one of {', '.join(VARIANTS)}")
        for name in ("layers", "width", "heads", "ffn", "bar_size", "beat_size"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 65_536:
                raise ArgumentError(f"{name} {value!r} is out of range; it is a whole number from 1 to 65536")
        if (
            self.width % (2 * self.heads)
            or self.bar_size % 2
            or self.beat_size % 2
            or min(self.bar_size, self.beat_size) < 4
        ):
            raise ArgumentError(
                "width must be a multiple of twice the heads, bar_size and beat_size even and at least 4"
            )
        if self.rotary and self.width // self.heads < 6:
            raise ArgumentError("rotary positions need heads of 6 values or more: place, beat and bar share them")
        if not 0 <= self.dropout < 1:
            raise ArgumentError(f"dropout {self.dropout} is out of range; it goes from 0 to below 1")

    @property
    def has_summaries(self) -> bool:
        """Whether tokens see earlier bars by summaries."""
        return self.variant in ("museformer", "no_selection")

    @property
    def offsets(self) -> tuple[int, ...]:
        """Distances, in bars, of the bars that are seen finely."""
        return LAST_OFFSETS if self.variant == "no_selection" else STRUCTURE_OFFSETS

    @property
    def has_plan_bias(self) -> bool:
        """Whether the network has the learned bias of plans; full attention has no selected bars to favour."""
        return self.plan_bias and self.variant != "full"

    def as_variant(self, variant: Variant) -> MuseformerConfig:
        """Return the network of another variant with the same number of parameters, within 0.2 %.

        What the variants without summaries save is given to their feed-forward networks (1,072 for 768, 2,656 for
        2,048).
        """
        ffn = self.ffn
        if self.has_summaries and variant in ("no_coarse", "full"):
            ffn = TWIN_FFN.get((self.width, self.ffn), self.ffn + self.width + self.width // 4)
        return dataclasses.replace(self, variant=variant, ffn=ffn)

    def changed(self, *, rotary: bool | None = None, ffn: int | None = None) -> MuseformerConfig:
        """Return the network with what a recipe says against its size; None leaves a field as it is."""
        rotary, ffn = self.rotary if rotary is None else rotary, self.ffn if ffn is None else ffn
        return dataclasses.replace(self, rotary=rotary, ffn=ffn)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON data."""
        return dataclasses.asdict(self)


TWIN_FFN = {(256, 768): 1072, (512, 2048): 2656}
"""Feed-forward sizes of the baselines without summaries, by width and size of the model with summaries."""

SIZES = {
    "tiny": MuseformerConfig(layers=2, width=32, heads=2, ffn=64, bar_size=16, beat_size=8, rotary=True),
    "small": MuseformerConfig(rotary=True),
    "paper": MuseformerConfig(layers=4, width=512, heads=8, ffn=2048, bar_size=256, beat_size=128, dropout=0.1),
}
"""``paper``: 16,145,408 parameters and the plan bias; ``small``: 3,664,384; ``tiny`` is for tests.

Rotary positions in the bar change no parameter. Measured after 0.75 M tokens (small, 20 validation songs, 10,240
tokens): 2.51 nats a token with them, 2.68 without, 2.70 for full attention.
"""
