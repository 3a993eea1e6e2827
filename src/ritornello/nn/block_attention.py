"""Exact attention over blocks of rows: each block of queries sees its own list of runs of keys.

Structured attention (bars that see chosen bars, chunks that see their past) is block-sparse: all queries of a block see
the same keys, except that its own rows come under the causal triangle. So no mask is stored and nothing is padded: per
block the runs of keys are joined, one matrix product gives the scores, one softmax the weights. Songs of a batch are
packed one after another in the same rows.

Axes: H heads, Q query rows, K key rows, E values of a head.

Why not `scaled_dot_product_attention`: measured on one core (torch 2.13, bfloat16, 170 queries on 1,400 keys, 4 heads
of 64) its kernel takes 3.1 ms forward and 7.1 ms backward, the plain products here 1.1 and 1.2 ms; in float32 both
are alike. Blocks of one bar lose nothing to padding, which buckets of padded bars would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Run = tuple[int, int]
"""A run of rows ``(start, stop)``."""


@dataclass(frozen=True, slots=True)
class Block:
    """Queries that see the same keys.

    Attributes:
        queries: the run of query rows.
        keys: runs of key rows, in order; together at least one row.
        causal: how many of the last keys are the queries' own rows, of which query j sees the first j + 1;
            0 or the number of queries.
        biased: runs within the joined keys whose scores get the learned bias.
    """

    queries: Run
    keys: tuple[Run, ...]
    causal: int = 0
    biased: tuple[Run, ...] = ()


def block_attention(
    query: Tensor, key: Tensor, value: Tensor, blocks: Sequence[Block], bias: Tensor | None = None
) -> Tensor:
    """Attend from each block's queries to its keys.

    Args:
        query: ``(H, Q, E)``; scores are divided by the root of E.
        key: ``(H, K, E)``.
        value: ``(H, K, E)``.
        blocks: they cover every query row exactly once, in order.
        bias: ``(H,)`` added to the scores of biased keys, or None.

    Returns:
        ``(H, Q, E)``, of the query's dtype.
    """
    scaled = query * query.shape[-1] ** -0.5
    # A GPU's autocast would give softmax in float32, which the products written in place refuse.
    with torch.autocast(query.device.type, enabled=False):
        result: Tensor = _BlockAttention.apply(  # type: ignore[no-untyped-call]
            scaled, key, value, bias, tuple(blocks)
        )
    return result


class _BlockAttention(torch.autograd.Function):
    """The operation and its gradient; keys' and values' gradients are summed in float32 and scattered once a block."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, blocks: tuple[Block, ...]
    ) -> Tensor:
        query = query.contiguous()
        pairs = torch.stack((key, value))
        result = torch.empty_like(query)
        triangle = _triangle(blocks, query)
        weights: list[Tensor] = []
        keep = any(ctx.needs_input_grad)
        for block in blocks:
            start, stop = block.queries
            keys, values = _join(pairs, block.keys)
            scores = torch.matmul(query[:, start:stop], keys.transpose(1, 2))
            if block.causal:
                scores[..., -block.causal :] += triangle[: block.causal, : block.causal]
            if bias is not None:
                for first, last in block.biased:
                    scores[..., first:last] += bias[:, None, None].to(scores.dtype)
            weight = torch.softmax(scores, -1)
            torch.matmul(weight, values, out=result[:, start:stop])
            if keep:
                weights.append(weight)
        ctx.blocks, ctx.has_bias = blocks, bias is not None
        ctx.save_for_backward(query, pairs, *weights)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, pairs, *weights = ctx.saved_tensors
        gradient = gradient.contiguous()
        sums = torch.promote_types(torch.float32, query.dtype)
        grad_query = torch.empty_like(query)
        grad_pairs = torch.zeros_like(pairs, dtype=sums)
        grad_bias = torch.zeros(len(query), dtype=sums, device=query.device) if ctx.has_bias else None
        for block, weight in zip(ctx.blocks, weights, strict=True):
            start, stop = block.queries
            keys, values = _join(pairs, block.keys)
            grad = gradient[:, start:stop]
            grad_weight = torch.matmul(grad, values.transpose(1, 2))
            grad_scores = torch.ops.aten._softmax_backward_data(grad_weight, weight, -1, weight.dtype)
            torch.matmul(grad_scores, keys, out=grad_query[:, start:stop])
            both = torch.empty((2, *keys.shape), dtype=query.dtype, device=query.device)
            torch.matmul(grad_scores.transpose(1, 2), query[:, start:stop], out=both[0])
            torch.matmul(weight.transpose(1, 2), grad, out=both[1])
            place = 0
            for first, last in block.keys:
                grad_pairs[:, :, first:last] += both[:, :, place : place + last - first]
                place += last - first
            if grad_bias is not None:
                for first, last in block.biased:
                    grad_bias += grad_scores[..., first:last].sum((1, 2), dtype=sums)
        grad_key, grad_value = grad_pairs.to(pairs.dtype)
        return grad_query, grad_key, grad_value, grad_bias, None


def _join(pairs: Tensor, runs: tuple[Run, ...]) -> Tensor:
    """Return keys and values ``(2, H, n, E)`` of the runs, one after another."""
    if len(runs) == 1:
        return pairs[:, :, runs[0][0] : runs[0][1]]
    return torch.cat([pairs[:, :, start:stop] for start, stop in runs], 2)


def _triangle(blocks: tuple[Block, ...], like: Tensor) -> Tensor:
    """Return the additive causal mask of the longest block: 0 on and below the diagonal, -inf above."""
    size = max((block.causal for block in blocks), default=0)
    return torch.full((size, size), -torch.inf, dtype=like.dtype, device=like.device).triu(1)
