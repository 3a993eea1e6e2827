"""Reference attention, which the fast path is held to: a mask over all pairs of rows, and PyTorch's own kernel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def dense_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    bias: Tensor | None = None,
    biased: Tensor | None = None,
) -> Tensor:
    """Return softmax(Q K' / sqrt(E) + bias where biased + mask) V.

    Args:
        query: ``(H, Q, E)``.
        key: ``(H, K, E)``.
        value: ``(H, K, E)``.
        mask: bool ``(Q, K)``, True where a query sees a key; every query sees one.
        bias: ``(H,)`` or None.
        biased: bool ``(Q, K)``: the scores that the bias is added to.

    Returns:
        ``(H, Q, E)``.
    """
    scores = query @ key.transpose(1, 2) * query.shape[-1] ** -0.5
    if bias is not None and biased is not None:
        scores = scores + bias[:, None, None] * biased.to(query.device)
    return torch.softmax(scores.masked_fill(~mask.to(query.device), -torch.inf), -1) @ value


def causal_attention(query: Tensor, key: Tensor, value: Tensor, lengths: Sequence[int]) -> Tensor:
    """Return causal attention of songs one after another, by `scaled_dot_product_attention`.

    Args:
        query: ``(H, N, E)``.
        key: ``(H, N, E)``.
        value: ``(H, N, E)``.
        lengths: rows of each song, together N.

    Returns:
        ``(H, N, E)``.
    """
    songs = zip(*(torch.split(rows[None], list(lengths), 2) for rows in (query, key, value)), strict=True)
    return torch.cat([functional.scaled_dot_product_attention(q, k, v, is_causal=True)[0] for q, k, v in songs], 1)
