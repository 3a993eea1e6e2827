"""Perplexity of long songs by length of context, and whether one model's is lower than another's.

Yu et al., *Museformer* (NeurIPS 2022): PPL(N) is exp of the mean negative log-likelihood over the first N
tokens of every song, all songs pooled; a shorter song counts with what it has. Ours: intervals over songs, drawn whole,
because the tokens of a song are not independent; two models are compared on the same tokens, song by song.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.evaluation.statistics import Estimate, ratio_estimate

LENGTHS = (1024, 5120, 10240)
"""Numbers of tokens at which the paper gives perplexities."""

FloatArray = NDArray[np.float64]


def perplexity_at(nlls: Sequence[ArrayLike], lengths: Sequence[int] = LENGTHS, seed: int = 0) -> dict[int, Estimate]:
    """Return the perplexity over the first tokens of every song.

    Args:
        nlls: for each song the negative log-likelihood of each target in nats ``(targets,)``.
        lengths: numbers of targets, each at least 1.
        seed: seed of the intervals.

    Returns:
        For each length the perplexity with its 95 % bootstrap interval over songs.

    Raises:
        ArgumentError: if there is no target, a likelihood is not finite, or a length is below 1.
    """
    songs = [np.asarray(song, np.float64).ravel() for song in nlls]
    result = {}
    for length in lengths:
        mean = ratio_estimate(*_totals(songs, length), seed)
        result[length] = Estimate(float(np.exp(mean.value)), float(np.exp(mean.low)), float(np.exp(mean.high)))
    return result


def paired_log_difference(
    nlls_a: Sequence[ArrayLike], nlls_b: Sequence[ArrayLike], length: int, seed: int = 0
) -> Estimate:
    """Return log PPL of model a minus log PPL of model b over the first tokens of the same songs.

    Args:
        nlls_a: for each song the negative log-likelihood of each target in nats ``(targets,)``, under model a.
        nlls_b: the same targets under model b.
        length: number of targets of each song, at least 1.
        seed: seed of the interval.

    Returns:
        The difference in nats per token with its 95 % interval by paired bootstrap over songs. Model a is better if all
        of it lies below 0, and no worse if it reaches 0 or below.

    Raises:
        ArgumentError: if the two differ in songs or targets, there is no target, or a likelihood is not finite.
    """
    if len(nlls_a) != len(nlls_b):
        raise ArgumentError(f"{len(nlls_a)} and {len(nlls_b)} songs: both models must be measured on the same songs")
    songs = []
    for number, (song_a, song_b) in enumerate(zip(nlls_a, nlls_b, strict=True), start=1):
        one, other = np.asarray(song_a, np.float64).ravel()[:length], np.asarray(song_b, np.float64).ravel()[:length]
        if one.shape != other.shape:
            raise ArgumentError(f"song {number}: {len(one)} and {len(other)} targets; measure both models on the same")
        songs.append(one - other)
    return ratio_estimate(*_totals(songs, length), seed)


def _totals(songs: Sequence[FloatArray], length: int) -> tuple[list[float], list[int]]:
    if length < 1:
        raise ArgumentError(f"length {length} is out of range; count at least 1 token")
    return [float(song[:length].sum()) for song in songs], [min(len(song), length) for song in songs]
