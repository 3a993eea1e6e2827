"""How often a network's most probable class is the true one, true history given, song by song."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ritornello.frameworks.batches import Example, collate
from ritornello.frameworks.model import FrameworkNetwork, allowed_only

_SONGS_AT_ONCE = 8


@dataclass(frozen=True)
class Hits:
    """Right answers, song by song.

    Attributes:
        right: ``(songs,)`` number of right answers.
        asked: ``(songs,)`` number of tokens.
        nats: ``(songs,)`` summed negative log-likelihood; zeros where a floor gives no probabilities.
    """

    right: NDArray[np.float64]
    asked: NDArray[np.float64]
    nats: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """Share of right answers over all tokens."""
        return float(self.right.sum() / self.asked.sum())

    @property
    def nats_per_token(self) -> float:
        """Mean negative log-likelihood."""
        return float(self.nats.sum() / self.asked.sum())


@torch.inference_mode()
def network_hits(network: FrameworkNetwork, songs: Sequence[Sequence[Example]], with_song: bool = False) -> Hits:
    """Ask a network for every token of songs; leading segments without a note are asked as well.

    Args:
        network: in evaluation mode or not; it is left in the mode that it was in.
        songs: for each song its phrases.
        with_song: whether it sees the song's earlier phrases.
    """
    was_training = network.training
    network.eval()
    device = network.norm.weight.device
    rows: list[tuple[float, float, float]] = []
    for start in range(0, len(songs), _SONGS_AT_ONCE):
        part = songs[start : start + _SONGS_AT_ONCE]
        batch = collate(part, with_song).to(device)
        found = allowed_only(network(batch), batch.allowed)
        right = (found.argmax(-1) == batch.tokens) & batch.is_token
        nats = -found.gather(-1, batch.tokens[..., None])[..., 0]
        owner = np.repeat(np.arange(len(part)), [len(song) for song in part])
        for index in range(len(part)):
            own = torch.from_numpy(owner == index).to(device)
            is_token = batch.is_token[own]
            rows.append((float(right[own].sum()), float(is_token.sum()), float(nats[own][is_token].sum())))
    network.train(was_training)
    return Hits(*np.array(rows, np.float64).reshape(-1, 3).T)
