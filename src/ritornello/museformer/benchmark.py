"""How fast decoding and training are, beside full attention of the same size, in the same run.

Museformer's published code re-encodes the song for every token; what ours is measured against instead is full attention
done well: keys and values cached, PyTorch's fused kernel in training. Two baselines of decoding: with equal means (the
same kernel, precision and batch), where the ratio cannot exceed that of the keys that are read; and plain, one song in
float32 with PyTorch's operations alone.

Songs are not really written: caches are filled at random, bars have the lengths of real ones (158 tokens on average,
standard deviation 82). A step includes the grammar's masks and sampling; a whole bar is decoded, so that gathering what
it sees and summarising it count. Times on the CPU are processor seconds of one thread: other programs that run at the
same time disturb them little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ritornello.errors import ArgumentError
from ritornello.museformer.attention import flex as attention_flex
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.reference import causal_attention
from ritornello.museformer.attention.sequence import IGNORED, make_sequence
from ritornello.museformer.config import SIZES, MuseformerConfig
from ritornello.museformer.decoding.decoder import Decoder
from ritornello.museformer.decoding.full_decoder import FullDecoder
from ritornello.museformer.model import MuseformerNetwork, Path
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.grammar import BarGrammar, Limits, masks
from ritornello.nn.block_attention import block_attention
from ritornello.nn.row_attention import has_kernel
from ritornello.nn.sampling import SamplingSettings, sample

CONTEXTS = (10_240, 20_000)
"""Tokens of the song under way."""

SHORT_CONTEXT = 8_000
"""Memory at the longest context is compared with that here."""


def benchmark(
    size: str = "small",
    *,
    contexts: Sequence[int] = CONTEXTS,
    dtype: torch.dtype = torch.bfloat16,
    pieces: int = 16,
    train_tokens: int = 10_240,
    device: str = "cpu",
    seed: int = 0,
) -> dict[str, Any]:
    """Time decoding and training.

    Args:
        size: a name of `config.SIZES`.
        contexts: tokens of the song at which decoding is timed.
        dtype: of decoding's matrices and caches, and of attention in training (bfloat16: autocast).
        pieces: songs decoded side by side.
        train_tokens: tokens of a training song.
        device: where training is timed, such as ``"cuda"``; decoding runs on the CPU.
        seed: of weights and bar lengths.

    Returns:
        ``decode`` with the figures at the last context, and those at each under ``contexts``; ``train``. Each rate is
        in tokens per second, each ratio ours over full attention's.

    Raises:
        ArgumentError: if the size is unknown.
    """
    if size not in SIZES:
        raise ArgumentError(f"size '{size}' is not one of {', '.join(SIZES)}")
    config = replace(SIZES[size], dropout=0.0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(seed)
        ours, full = MuseformerNetwork(config), MuseformerNetwork(config.as_variant("full"))
        by_context = {
            str(context): time_decoding(ours, full, context, dtype=dtype, pieces=pieces, seed=seed)
            for context in contexts
        }
        return {
            "size": size,
            "parameters": sum(parameter.numel() for parameter in ours.parameters()),
            "precision": str(dtype).removeprefix("torch."),
            "compiled_kernel": has_kernel(),
            "decode": {**by_context[str(contexts[-1])], "contexts": by_context},
            "train": time_training(ours, full, train_tokens, dtype=dtype, device=torch.device(device), seed=seed),
        }
    finally:
        torch.set_num_threads(threads)


def time_decoding(
    ours: MuseformerNetwork,
    full: MuseformerNetwork,
    context: int,
    *,
    dtype: torch.dtype = torch.bfloat16,
    pieces: int = 16,
    seed: int = 0,
) -> dict[str, Any]:
    """Time decoding at one context, on the threads that PyTorch is set to.

    Args:
        ours: the network with bars.
        full: its twin of the variant ``full``.
        context: tokens of the song under way.
        dtype: of matrices and caches.
        pieces: songs side by side.
        seed: of bar lengths.

    Returns:
        ``context``; ``pieces``; ``tokens_per_s`` of all pieces together, ``full_attention_tokens_per_s`` with equal
        means and their ``ratio_to_full_attention``; the same for one song (``single_…``);
        ``plain_full_attention_tokens_per_s`` (one song, float32, PyTorch's operations) and ``ratio_to_plain``;
        ``peak_mb``, the size of ours' caches, and ``peak_mb_at_8000`` in a song that long.
    """
    rng = np.random.default_rng(seed)
    lengths = [bar_lengths(context, rng) for _ in range(pieces)]
    decoder = Decoder(ours, pieces, dtype)
    for piece in range(pieces):
        decoder.pretend(bar_lengths(SHORT_CONTEXT, rng), piece)
    _decode_bar(decoder, pieces)
    short = decoder.cache_bytes
    rate = _decoding_rate(decoder, lengths)
    peak = decoder.cache_bytes
    del decoder
    full_rate = _decoding_rate(FullDecoder(full, pieces, dtype, room=context + 512), lengths)
    single = _decoding_rate(Decoder(ours, 1, dtype), lengths[:1])
    full_single = _decoding_rate(FullDecoder(full, 1, dtype, room=context + 512), lengths[:1])
    plain = _decoding_rate(FullDecoder(full, room=context + 512, compiled=False), lengths[:1])
    return {
        "context": context,
        "pieces": pieces,
        "tokens_per_s": rate,
        "full_attention_tokens_per_s": full_rate,
        "ratio_to_full_attention": rate / full_rate,
        "single_tokens_per_s": single,
        "single_full_attention_tokens_per_s": full_single,
        "single_ratio_to_full_attention": single / full_single,
        "plain_full_attention_tokens_per_s": plain,
        "ratio_to_plain": rate / plain,
        "peak_mb": peak / 1e6,
        f"peak_mb_at_{SHORT_CONTEXT}": short / 1e6,
    }


def time_training(
    ours: MuseformerNetwork,
    full: MuseformerNetwork,
    tokens: int,
    *,
    dtype: torch.dtype = torch.bfloat16,
    device: torch.device | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Time a training step (forward and backward) and attention alone, on one song.

    Args:
        ours: the network with bars.
        full: its twin of the variant ``full``.
        tokens: tokens of the song.
        dtype: of attention; bfloat16 stands for autocast in whole steps.
        device: where; None for the CPU.
        seed: of the song.

    Returns:
        ``tokens``; ``tokens_per_s``, ``full_attention_tokens_per_s`` (fused kernel) and ``ratio_to_full_attention`` of
        whole steps; ``attention_ratio`` of one layer's attention to causal `scaled_dot_product_attention` in the same
        precision; on a CPU also ``blocked_…``, the same against full attention by our own blocks.
    """
    device = device or torch.device("cpu")
    rng = np.random.default_rng(seed)
    song = make_sequence([_bar(length, rng) for length in bar_lengths(tokens + 1_500, rng)], max_rows=tokens)
    packed, packed_full = Packed((song,)), Packed((song,), has_summaries=False)
    seconds = {
        "ours": _step_seconds(ours, packed, None, dtype, device),
        "full": _step_seconds(full, packed_full, "dense", dtype, device),
    }
    attention = {
        "ours": _attention_seconds(ours.config, packed, "ours", dtype, device),
        "full": _attention_seconds(ours.config, packed_full, "full", dtype, device),
    }
    result: dict[str, Any] = {
        "tokens": tokens,
        "tokens_per_s": tokens / seconds["ours"],
        "full_attention_tokens_per_s": tokens / seconds["full"],
        "ratio_to_full_attention": seconds["full"] / seconds["ours"],
        "attention_ratio": attention["full"] / attention["ours"],
    }
    if device.type == "cpu":
        blocked = _step_seconds(full, packed_full, "gather", dtype, device)
        blocked_attention = _attention_seconds(ours.config, packed_full, "blocked", dtype, device)
        result["blocked_full_attention_tokens_per_s"] = tokens / blocked
        result["blocked_ratio_to_full_attention"] = blocked / seconds["ours"]
        result["blocked_attention_ratio"] = blocked_attention / attention["ours"]
    return result


def bar_lengths(tokens: int, rng: np.random.Generator) -> list[int]:
    """Draw lengths of bars like those of real songs, together so many tokens."""
    lengths: list[int] = []
    while (left := tokens - sum(lengths)) > 0:
        lengths.append(min(left, int(np.clip(rng.normal(158, 82), 7, 420))))
    return lengths


def _bar(length: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the tokens of a bar, near enough to grammar for timing."""
    notes = rng.integers(
        (v.PITCH0, v.DURATION0 + 1, v.VELOCITY0), (v.DRUM_PITCH0, v.DURATION0 + 49, v.TEMPO0), (140, 3)
    )
    body = [np.array([v.TEMPO0 + 35, v.ONSET0, v.INSTRUMENT0]), notes.flatten(), np.array([v.BAR_END])]
    tokens: NDArray[np.int64] = np.concatenate(body)[-length:].astype(np.int64)
    return tokens


_SCRIPT = [v.TEMPO0 + 35]
for _onset in range(31):
    _SCRIPT += [v.ONSET0 + _onset, v.INSTRUMENT0, v.PITCH0 + 60, v.DURATION0 + 12, v.VELOCITY0 + 20]
_SCRIPT.append(v.BAR_END)
"""A bar of 157 tokens that is fed while what would be sampled is thrown away, so that every run does the same work."""


def _decoding_rate(decoder: Decoder | FullDecoder, lengths: Sequence[Sequence[int]]) -> float:
    """Return tokens per second of all pieces together: the best of a few bars, after one to warm up."""
    for piece, bars in enumerate(lengths):
        decoder.pretend(bars, piece, seed=piece)
    # Each token costs full attention the same, so a part of a bar will do; ours pays at both ends of a bar.
    script = _SCRIPT if isinstance(decoder, Decoder) else _SCRIPT[:32]
    _decode_bar(decoder, len(lengths), script[:8] if isinstance(decoder, FullDecoder) else script)
    seconds = min(_seconds(lambda: _decode_bar(decoder, len(lengths), script)) for _ in range(3))
    return len(script) * len(lengths) / seconds


def _decode_bar(decoder: Decoder | FullDecoder, pieces: int, script: Sequence[int] = _SCRIPT) -> None:
    grammars = [BarGrammar(Limits(max_tokens=2**62)) for _ in range(pieces)]
    generators = [np.random.default_rng(piece) for piece in range(pieces)]
    logits = torch.zeros(pieces, v.SIZE)
    for token in script:
        sample(logits, masks(grammars), generators, SamplingSettings())
        logits = decoder.step([token] * pieces)
        for grammar in grammars:
            grammar.advance(token)


def _step_seconds(
    network: MuseformerNetwork, packed: Packed, path: Path | None, dtype: torch.dtype, device: torch.device
) -> float:
    network = network.to(device).train()
    targets = packed.targets.to(device)

    def step() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits = network(packed, path)
        loss = functional.cross_entropy(logits.float(), targets, ignore_index=IGNORED)
        loss.backward()  # type: ignore[no-untyped-call]

    seconds = _best(step, device)
    network.zero_grad(set_to_none=True)
    network.to("cpu").eval()
    return seconds


def _attention_seconds(
    config: MuseformerConfig, packed: Packed, kind: str, dtype: torch.dtype, device: torch.device
) -> float:
    """Time one layer's attention, forward and backward: ``ours``, ``full`` (fused kernel) or ``blocked`` (full)."""
    size, summaries = config.width // config.heads, packed.summaries if kind == "ours" else 0
    query, key, value, summary_query = (
        torch.randn(config.heads, rows, size, device=device, dtype=dtype, requires_grad=True)
        for rows in (packed.tokens, summaries + packed.tokens, summaries + packed.tokens, summaries)
    )

    def attend() -> None:
        outputs: list[Tensor] = []
        if kind == "full":
            outputs = [causal_attention(query, key, value, [packed.tokens])]
        elif kind == "blocked":
            outputs = [block_attention(query, key, value, packed.causal_blocks)]
        elif device.type == "cuda":
            outputs = [
                attention_flex.attend_summaries(summary_query, key, value, packed),
                attention_flex.attend_tokens(query, key, value, packed, None),
            ]
        else:
            outputs = [
                block_attention(summary_query, key, value, packed.summary_blocks),
                block_attention(query, key, value, packed.token_blocks),
            ]
        total = torch.stack([output.sum() for output in outputs]).sum()
        total.backward()  # type: ignore[no-untyped-call]

    return _best(attend, device)


def _best(function: Callable[[], None], device: torch.device) -> float:
    """Return the seconds of the best of a few calls; on a GPU the first ones compile."""
    if device.type == "cuda":
        for _ in range(3):
            function()
    return min(_seconds(function, device) for _ in range(2 if device.type == "cpu" else 10))


def _seconds(function: Callable[[], None], device: torch.device | None = None) -> float:
    """Return processor seconds on the CPU, elapsed seconds on a GPU."""
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.process_time()
    function()
    return time.process_time() - start
