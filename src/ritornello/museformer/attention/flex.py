"""The network's attention on a GPU: FlexAttention, which skips the blocks of keys that no query of a block sees.

Museformer, section 3.1. What a row sees is looked up, not stored: every bar of the batch, and every song's start symbol
before its bars, is a cell; one small table says what the rows of a cell see of another cell. Bars need no padding. The
bias towards a plan's source bar is a score modifier, whose gradient FlexAttention computes too.

FlexAttention: Dong et al., *Flex Attention: A Programming Model for Generating Optimized Attention Kernels* (2024). Its
kernels are compiled on a GPU; on a CPU its plain form serves to check this file, without gradients (PyTorch has none).

Axes: H heads, N tokens, S summaries, E values of a head; keys are summaries, then tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.bars import NO_SOURCE
from ritornello.museformer.attention.layout import Packed

NOTHING, SUMMARY, TOKENS, SOURCE_TOKENS, PAST = range(5)
"""What the tokens of one cell see of another: nothing, its summary, its tokens, its tokens as those of the plan's
source, or, of their own cell, the tokens up to themselves."""


@dataclass(frozen=True, eq=False)
class FlexMasks:
    """What the rows of a batch see, for FlexAttention.

    Attributes:
        tokens: N queries on S + N keys.
        summaries: S queries on S + N keys; None without summaries.
        relation: uint8 ``(cells, cells)``: what a cell sees of another.
        cell_of_token: int32 ``(N,)``.
        cell_of_key: int32 ``(S + N,)``.
        summary_rows: S.
    """

    tokens: BlockMask
    summaries: BlockMask | None
    relation: Tensor
    cell_of_token: Tensor
    cell_of_key: Tensor
    summary_rows: int


@lru_cache(maxsize=1)  # the layers of a network ask for the same batch one after another
def flex_masks(packed: Packed, device: torch.device) -> FlexMasks:
    """Return what the rows of a batch see.

    Args:
        packed: the batch.
        device: where the queries are.
    """
    relation, cell_of_token, cell_of_summary = (values.to(device) for values in _cells(packed))
    cell_of_key = torch.cat((cell_of_summary, cell_of_token))
    rows = len(cell_of_summary)

    def token_sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen = relation[cell_of_token[query], cell_of_key[key]]
        is_token = (seen == TOKENS) | (seen == SOURCE_TOKENS) | ((seen == PAST) & (key - rows <= query))
        return torch.where(key < rows, seen == SUMMARY, is_token)

    def summary_sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        # Of the keys of a summary's own cell one is a summary: itself.
        return cell_of_summary[query] == cell_of_key[key]

    def block_mask(sees: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], queries: int) -> BlockMask:
        make = _compiled(create_block_mask, device.type)
        mask: BlockMask = make(sees, None, None, queries, len(cell_of_key), device=device)
        return mask

    return FlexMasks(
        block_mask(token_sees, packed.tokens),
        block_mask(summary_sees, rows) if rows else None,
        relation,
        cell_of_token,
        cell_of_key,
        rows,
    )


def attend_tokens(query: Tensor, key: Tensor, value: Tensor, packed: Packed, bias: Tensor | None) -> Tensor:
    """Return what tokens see.

    Args:
        query: ``(H, N, E)``.
        key: ``(H, S + N, E)``.
        value: ``(H, S + N, E)``.
        packed: the batch.
        bias: ``(H,)`` added to scores towards a plan's source bar, or None.

    Returns:
        ``(H, N, E)``.

    Raises:
        ArgumentError: on a CPU, if gradients are asked for.
    """
    masks = flex_masks(packed, query.device)
    if bias is None:
        return _flex(query, key, value, masks.tokens, None)
    if all((sequence.sources == NO_SOURCE).all() for sequence in packed.sequences):
        # A modifier would slow every score; but parallel training waits for each parameter's gradient, here zero.
        query = query + 0 * bias[:, None, None].to(query.dtype)
        return _flex(query, key, value, masks.tokens, None)
    relation, cell_of_token, cell_of_key, rows = (
        masks.relation, masks.cell_of_token, masks.cell_of_key, masks.summary_rows
    )  # fmt: skip
    # Autocast leaves the bias in float32, in which scores are computed.

    def favour_source(score: Tensor, batch: Tensor, head: Tensor, row: Tensor, column: Tensor) -> Tensor:
        is_source = relation[cell_of_token[row], cell_of_key[column]] == SOURCE_TOKENS
        return torch.where(is_source & (column >= rows), score + bias[head], score)

    return _flex(query, key, value, masks.tokens, favour_source)


def attend_summaries(query: Tensor, key: Tensor, value: Tensor, packed: Packed) -> Tensor:
    """Return what summaries see: the tokens of their bars and themselves.

    Args:
        query: ``(H, S, E)``.
        key: ``(H, S + N, E)``.
        value: ``(H, S + N, E)``.
        packed: the batch.

    Returns:
        ``(H, S, E)``.

    Raises:
        ArgumentError: on a CPU, if gradients are asked for.
    """
    mask = flex_masks(packed, query.device).summaries
    return query if mask is None else _flex(query, key, value, mask, None)


def _flex(query: Tensor, key: Tensor, value: Tensor, mask: BlockMask, score_mod: Any) -> Tensor:
    if query.device.type != "cuda" and (query.requires_grad or key.requires_grad or value.requires_grad):
        raise ArgumentError("path 'flex' has no gradients on a CPU; train there by path 'gather'")
    # A kernel's queries, keys and values must not share one buffer, as the parts of one projection do.
    parts = (rows.contiguous()[None] for rows in (query, key, value))
    result: Tensor = _compiled(flex_attention, query.device.type)(*parts, score_mod=score_mod, block_mask=mask)
    return result[0]


@cache
def _compiled(function: Callable[..., Any], device: str) -> Callable[..., Any]:
    """Compiled, a mask of all pairs or all scores are never held in memory."""
    return torch.compile(function) if device == "cuda" else function


def _cells(packed: Packed) -> tuple[Tensor, Tensor, Tensor]:
    """Return the relation of cells, the cell of each token and the cell of each summary."""
    count = sum(sequence.bars + 1 for sequence in packed.sequences)
    relation = torch.zeros(count, count, dtype=torch.uint8)
    of_tokens, of_summaries = [], []
    first = 0  # the cell of the song's start symbol
    for sequence in packed.sequences:
        bars = slice(first + 1, first + 1 + sequence.bars)
        fine = torch.from_numpy(sequence.fine)
        seen = torch.full_like(fine, NOTHING, dtype=torch.uint8)
        if packed.has_summaries:
            seen[torch.ones_like(fine).tril(-1)] = SUMMARY
        seen[fine] = TOKENS
        planned = torch.from_numpy(sequence.sources != NO_SOURCE).nonzero()[:, 0]
        source = torch.from_numpy(sequence.sources)[planned]
        seen[planned, source] = torch.where(fine[planned, source], SOURCE_TOKENS, seen[planned, source]).byte()
        seen.fill_diagonal_(PAST)
        relation[bars, bars] = seen
        relation[bars, first] = TOKENS
        relation[first, first] = PAST
        of_tokens.append(torch.from_numpy(sequence.places) + first + 1)
        if packed.has_summaries:
            of_summaries.append(torch.arange(bars.start, bars.stop))
        first = bars.stop
    summaries = torch.cat(of_summaries) if of_summaries else torch.zeros(0, dtype=torch.int64)
    return relation, torch.cat(of_tokens).int(), summaries.int()
