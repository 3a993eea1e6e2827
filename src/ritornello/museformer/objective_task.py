"""The next token of Museformer as a task on which training objectives are compared (`ritornello.objectives`).

AdamW, as the paper trains; so a factor on the loss changes little, and the control of matched gradients says little.
Quick: the tiny network, for a core or two. Full: the small network, on whole songs of up to 5,120 tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import nn

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.config import SIZES, MuseformerConfig
from ritornello.museformer.data import ExampleMix, Examples, make_example
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.tokens import vocabulary
from ritornello.nn.objectives import OBJECTIVES, make_head
from ritornello.objectives.task import FULL_BUDGETS, QUICK_LOSSES, Batch, OptimizerName, Profile, ProfileName, Split
from ritornello.training.shards import TokenShards

PROFILES: dict[ProfileName, Profile] = {
    "quick": Profile(
        "quick", QUICK_LOSSES, steps=300, validate_every=15,
        warmup_steps=20, middle_rate=1e-2, decays=(0.01,),
    ),
    "full": Profile(
        "full", tuple(OBJECTIVES), steps=1_200, validate_every=40, warmup_steps=50, middle_rate=3e-3,
        decays=(0.0, 0.01, 0.1), budgets=FULL_BUDGETS,
    ),
}  # fmt: skip

_SIZE = {"quick": "tiny", "full": "small"}
_WINDOW_TOKENS = {"quick": 512, "full": 5_120}
_WINDOWS = {"quick": 2, "full": 4}
_HELD_OUT_SONGS = {"quick": (16, 48), "full": (60, 186)}
_HELD_OUT_BATCH = 4


class ObjectiveNetwork(MuseformerNetwork):
    """The network with the last layer that an objective needs, and logits near 0 at the start.

    Args:
        config: the sizes.
        objective: name of the objective.
    """

    def __init__(self, config: MuseformerConfig, objective: str) -> None:
        super().__init__(config)
        self.output = make_head(objective, config.width, vocabulary.SIZE)  # type: ignore[assignment]


class NextTokenTask:
    """Predict the next token of songs.

    Args:
        shards: token data of the Museformer vocabulary.
        profile: how large.

    Raises:
        ArgumentError: if a split has no song.
    """

    name = "tokens"
    title = "next tokens of Museformer"
    classes = vocabulary.SIZE
    class_dim = -1
    optimizer: OptimizerName = "adamw"

    def __init__(self, shards: TokenShards, profile: ProfileName) -> None:
        self.profile, self.shards = PROFILES[profile], shards
        self.config = SIZES[_SIZE[profile]]
        self.mix = ExampleMix(_WINDOW_TOKENS[profile], offsets=self.config.offsets)
        self._train = shards.split("train")
        counts = dict(zip(("validation", "test"), _HELD_OUT_SONGS[profile], strict=True))
        known = shards.manifest["splits"]
        for split in ("train", "validation", "test"):
            if split not in known or not len(shards.split(split)):
                raise ArgumentError(f"the token data has no song of the {split} split")
        self._held_out = {split: self._windows(split, count) for split, count in counts.items()}
        self._examples: tuple[int, Examples] | None = None

    def _windows(self, split: str, count: int) -> list[Packed]:
        """Return the first window of each of a split's first songs, packed."""
        records = self.shards.split(split)[:count]
        # The first window is drawn by no chance; the generator is asked for the kind of example, of which there is one.
        windows = [make_example(self.shards[record], 0, self.mix, np.random.default_rng(0)) for record in records]
        return [self._packed(windows[at : at + _HELD_OUT_BATCH]) for at in range(0, len(windows), _HELD_OUT_BATCH)]

    def _packed(self, windows: Any) -> Packed:
        return Packed(tuple(windows), self.config.has_summaries)

    def describe(self) -> dict[str, Any]:
        """Return numbers of songs, and how much of them is held out."""
        return {
            "splits": self.shards.manifest["splits"], "config": self.config.as_dict(),
            "windows": {split: len(batches) for split, batches in self._held_out.items()},
        }  # fmt: skip

    def network(self, objective: str) -> nn.Module:
        """Return the profile's network."""
        return ObjectiveNetwork(self.config, objective)

    def training_batch(self, step: int, seed: int) -> Batch:
        """Return the windows of a step, in an order that follows from the seed."""
        if self._examples is None or self._examples[0] != seed:
            self._examples = seed, Examples(self.shards, self._train, self.mix, seed)
        many = _WINDOWS[self.profile.name]
        packed = self._packed([self._examples[1][step * many + place] for place in range(many)])
        return packed, packed.targets

    def held_out(self, split: Split) -> Iterator[Batch]:
        """Yield the beginnings of held-out songs."""
        for packed in self._held_out[split]:
            yield packed, packed.targets
