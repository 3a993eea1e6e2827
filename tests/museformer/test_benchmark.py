"""The benchmark measures what it says it does; no time is tested."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ritornello.errors import ArgumentError
from ritornello.museformer.benchmark import bar_lengths, benchmark


def test_every_figure_is_there_and_memory_stays_flat() -> None:
    found = benchmark("tiny", contexts=(400, 9000), dtype=torch.float32, pieces=2, train_tokens=600)
    decode = found["decode"]
    assert decode["context"] == 9000
    assert decode["peak_mb"] <= 1.05 * decode["peak_mb_at_8000"]
    for name in ("tokens_per_s", "ratio_to_full_attention", "ratio_to_plain", "single_ratio_to_full_attention"):
        assert decode[name] > 0
    assert list(found["decode"]["contexts"]) == ["400", "9000"]
    assert {"tokens_per_s", "ratio_to_full_attention", "attention_ratio"} <= set(found["train"])


def test_bars_have_the_lengths_of_real_ones() -> None:
    lengths = bar_lengths(100_000, np.random.default_rng(0))
    assert sum(lengths) == 100_000
    assert 140 < np.mean(lengths) < 180
    assert max(lengths) <= 420


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ArgumentError, match="size 'huge' is not one of"):
        benchmark("huge")
