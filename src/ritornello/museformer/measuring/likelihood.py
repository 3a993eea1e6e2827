"""How well a network predicts songs: the negative log-likelihood of every token, song by song.

Yu et al., *Museformer* (NeurIPS 2022), section 4.2: perplexity over the first N tokens of test songs. The N-th
prediction is that of token N from the N - 1 before it and the start symbol; ``</s>`` counts where it is reached. Each
song is read from its beginning, alone, without control tokens; what comes after the N-th token is never seen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from ritornello.evaluation.perplexity import LENGTHS
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import IGNORED, make_sequence
from ritornello.museformer.config import MuseformerConfig
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.pretrained import load_network
from ritornello.museformer.tokens.note_bars import TokenBars
from ritornello.training.corpus import map_files
from ritornello.training.memory import keep_freed_memory

Precision = Literal["fp32", "bf16"]


def song_nll(
    network: nn.Module,
    config: MuseformerConfig,
    bars: TokenBars,
    max_tokens: int = LENGTHS[-1],
    precision: Precision = "fp32",
) -> NDArray[np.float64]:
    """Return the negative log-likelihood of each of a song's first tokens.

    Args:
        network: the network, in evaluation mode.
        config: its sizes.
        bars: the song, without control tokens.
        max_tokens: how many tokens to predict, at least 1.
        precision: ``bf16`` computes matrix products in bfloat16.

    Returns:
        ``(min(max_tokens, tokens + 1),)`` in nats; the last one is that of ``</s>`` where the song ends before the cut.
    """
    rows = max(2, max_tokens)  # the start symbol and a bar: a network does not read less
    packed = Packed((make_sequence(bars, offsets=config.offsets, max_rows=rows),), config.has_summaries)
    device = next(network.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        logits = network(packed).float()
    targets = packed.targets.to(device)
    nll = functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
    return nll[targets != IGNORED][:max_tokens].double().cpu().numpy()


def songs_nll(
    checkpoint: str,
    songs: Sequence[TokenBars],
    *,
    max_tokens: int = LENGTHS[-1],
    precision: Precision = "fp32",
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[NDArray[np.float64]]:
    """Return `song_nll` of every song under a checkpoint.

    Args:
        checkpoint: see `pretrained.load_network`.
        songs: the songs.
        max_tokens: how many tokens of each to predict.
        precision: see `song_nll`.
        workers: number of processes; the result does not depend on it but for the order in which a processor adds.
        progress: called with (songs done, songs in all).

    Raises:
        ArgumentError: if there is no such checkpoint.
        ReadError: if it is damaged.
    """
    _loaded.cache_clear()  # a training run's folder may hold a later checkpoint by now
    one = functools.partial(_nll_of, checkpoint, max_tokens, precision, workers > 1)
    return list(map_files(one, songs, workers=workers, progress=progress))


def _nll_of(
    checkpoint: str, max_tokens: int, precision: Precision, alone: bool, bars: TokenBars
) -> NDArray[np.float64]:
    if alone:
        torch.set_num_threads(1)  # the other cores belong to the other workers
    keep_freed_memory()
    network = _loaded(checkpoint)
    return song_nll(network, network.config, bars, max_tokens, precision)


@functools.lru_cache(maxsize=1)
def _loaded(checkpoint: str) -> MuseformerNetwork:
    return load_network(checkpoint).network


def validation(
    songs: Sequence[TokenBars],
    config: MuseformerConfig,
    *,
    lengths: Sequence[int] = (LENGTHS[0], LENGTHS[-1]),
    precision: Precision = "bf16",
) -> Callable[[nn.Module], dict[str, float]]:
    """Return what measures a network while it is trained: perplexities over the first tokens of songs.

    Args:
        songs: the songs.
        config: the network's sizes.
        lengths: numbers of tokens; the longest decides how long a validation takes.
        precision: see `song_nll`.

    Returns:
        A function of the network that gives ``perplexity_1024`` and so on; the network goes on training after it.
    """

    def measure(network: nn.Module) -> dict[str, float]:
        network.eval()
        nlls = [song_nll(network, config, bars, max(lengths), precision) for bars in songs]
        network.train()
        return {
            f"perplexity_{length}": round(float(np.exp(np.concatenate([nll[:length] for nll in nlls]).mean())), 5)
            for length in lengths
        }

    return measure
