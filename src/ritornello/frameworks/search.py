"""Beam search with any network: locks as hard constraints of every step, a contour that re-ranks, noise for variety.

MusicFrameworks, specification section 6: width 16, re-ranked by log-probability − λ · DTW. Ours: at every cell, not
every fourth (curves drawn over eight bars are missed by 1.1 instead of 1.5 semitones a cell); both are sums over the
cells rather than one of them a mean, so that λ means the same for phrases of any length; and variety comes from Gumbel
noise that belongs to each cell and class (perturb and maximise: Papandreou and Yuille, 2011), so that a seed gives one
melody and an edit elsewhere does not change the noise here.

Axes: B beams, t tokens so far, V classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from ritornello.frameworks.chance import Chance
from ritornello.frameworks.features import CLASSES, Features
from ritornello.frameworks.model import FrameworkNetwork, Memory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

WIDTH = 16
"""Beams of the basic melody."""


RERANK_POOL = 32
"""How many times more candidates than beams a re-ranking chooses from."""

LEAST_SHARE = 0.02
"""A class with less than this share of the likeliest one's probability is not taken, unless nothing else is allowed."""

Allowed = Callable[[IntArray], BoolArray]
"""Takes histories ``[B, t]`` and says ``[B, V]`` what may come next."""

Penalty = Callable[[IntArray], FloatArray]
"""Takes histories ``[B, t]`` and returns ``[B]`` what is taken off their scores."""


@torch.inference_mode()
def beam_search(
    network: FrameworkNetwork,
    features: Features,
    memory: Memory | None,
    allowed: Allowed,
    chance: Chance,
    *,
    width: int = WIDTH,
    temperature: float = 1.0,
    penalty: Penalty | None = None,
) -> list[int]:
    """Return the best tokens of a phrase.

    Args:
        network: the network.
        features: of the phrase.
        memory: earlier phrases of the song.
        allowed: the locks and whatever else is impossible; each row must allow something for one history at least.
        chance: the place that the noise of this phrase belongs to.
        width: number of beams.
        temperature: weight of the noise; 0 for the likeliest melody.
        penalty: what re-ranks.
    """
    classes = CLASSES[network.config.task]
    state = network.begin(features, memory)
    histories, scores, taken_off = np.zeros((1, 0), np.int64), np.zeros(1), np.zeros(1)
    previous: torch.Tensor | None = None
    for step in range(len(features)):
        log_probabilities, state = network.step(previous, state)
        found = _usual(log_probabilities.double().numpy(), allowed(histories))
        if temperature:
            found = found + temperature * chance.at(step).gumbel(classes)
        totals = scores[:, None] + found
        pool = min(width * (RERANK_POOL if penalty is not None else 1), int(np.isfinite(totals).sum()))
        beams, tokens = np.unravel_index(_largest((totals - taken_off[:, None]).ravel(), pool), totals.shape)
        candidates = np.concatenate([histories[beams], tokens[:, None]], axis=1)
        off = penalty(candidates) if penalty is not None else taken_off[beams]
        kept = _largest(totals[beams, tokens] - off, width)
        beams, tokens, off = beams[kept], tokens[kept], off[kept]
        histories, scores, taken_off = candidates[kept], totals[beams, tokens], off
        state = state.select(torch.from_numpy(beams))
        previous = torch.from_numpy(tokens)
    return [int(token) for token in histories[0]]


def _usual(log_probabilities: FloatArray, allowed: BoolArray) -> FloatArray:
    """Return log-probabilities with what is impossible, and what is far from likely, at -inf."""
    found = np.where(allowed, log_probabilities, -np.inf)
    best = found.max(axis=1, keepdims=True)
    usual: FloatArray = np.where(found >= best + np.log(LEAST_SHARE), found, -np.inf)
    return usual


def _largest(values: FloatArray, number: int) -> IntArray:
    """Return the indices of the largest values, the largest first; of equal ones the first."""
    order: IntArray = np.argsort(-values, kind="stable")[:number]
    return order
