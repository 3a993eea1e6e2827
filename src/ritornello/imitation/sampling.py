"""Exact sampling of chains: filter backward, sample forward.

A chain of choices whose neighbours depend on each other, with a wish at its end (a cadence), cannot be drawn from left
to right without running into dead ends. The backward pass sums over all futures; the forward pass then draws each item
with its share of them. A beam search would find likely chains as well, but not their variety.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.imitation.tables import FloatArray


def draw(weights: FloatArray, rng: np.random.Generator) -> int:
    """Return an index drawn in proportion to non-negative weights; the first one if all are 0."""
    running = np.cumsum(weights)
    if running[-1] <= 0:
        return 0
    return int(min(np.searchsorted(running, rng.random() * running[-1], side="right"), len(weights) - 1))


def sample_chain(
    first: FloatArray, transitions: Sequence[FloatArray], potentials: Sequence[FloatArray], rng: np.random.Generator
) -> tuple[list[int], float]:
    """Draw a first-order chain.

    Args:
        first: ``(states,)`` distribution of the first item.
        transitions: ``n - 1`` arrays ``(states, states)``, from row to column.
        potentials: ``n`` arrays ``(states,)`` that weigh each item on top.
        rng: source of chance.

    Returns:
        The n states, and the mean log-probability per item under ``first`` and ``transitions``.
    """
    messages = [potentials[-1]]
    for transition, potential in zip(reversed(transitions), reversed(potentials[:-1]), strict=True):
        message = potential * (transition @ messages[-1])
        messages.append(message / max(float(message.max()), 1e-300))
    messages.reverse()
    states = [draw(first * messages[0], rng)]
    log_likelihood = float(np.log(max(first[states[0]], 1e-12)))
    for index, transition in enumerate(transitions):
        row = transition[states[-1]]
        states.append(draw(row * messages[index + 1], rng))
        log_likelihood += float(np.log(max(row[states[-1]], 1e-12)))
    return states, log_likelihood / len(states)


def backward_messages(tensor: FloatArray, potentials: FloatArray, last: FloatArray | None) -> FloatArray:
    """Return the backward messages of a second-order chain.

    Args:
        tensor: ``(states, states, states)`` weight of a third item after two.
        potentials: ``(n, states)`` weights of the items.
        last: ``(states, states)`` weight of the last two items for what follows, or None.

    Returns:
        float64 ``(n, states, states)``: at ``[i, before, now]`` the sum over all items after ``i``, scaled to a
        maximum of 1.
    """
    number, states = potentials.shape
    messages = np.ones((number, states, states))
    if last is not None:
        messages[-1] = last
    for index in range(number - 2, -1, -1):
        following = messages[index + 1] * potentials[index + 1][None, :]  # (now, next)
        message = np.einsum("bcn,cn->bc", tensor, following)
        messages[index] = message / max(float(message.max()), 1e-300)
    return messages
