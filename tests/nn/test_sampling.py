"""Sampling: frequencies follow the softmax, what is masked never comes, each row is its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ritornello.errors import ArgumentError
from ritornello.nn.sampling import SamplingSettings, sample

SIZE = 40
ALL = SamplingSettings(top_k=None)


def generators(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, row)) for row in range(count)]


def frequencies(logits: torch.Tensor, settings: SamplingSettings, allowed: np.ndarray | None = None) -> np.ndarray:
    rows = 20_000
    mask = np.ones(len(logits), bool) if allowed is None else allowed
    shared = [np.random.default_rng(3)] * rows
    chosen = sample(logits.expand(rows, -1), np.broadcast_to(mask, (rows, len(mask))).copy(), shared, settings)
    return np.bincount(chosen, minlength=len(logits)) / rows


def test_frequencies_follow_the_softmax_of_tempered_logits() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    for temperature in (0.5, 1.0, 2.0):
        found = frequencies(logits, SamplingSettings(temperature=temperature, top_k=None))
        np.testing.assert_allclose(found, torch.softmax(logits / temperature, 0).numpy(), atol=0.012)


def test_only_allowed_ids_come_however_unlikely() -> None:
    logits = torch.zeros(SIZE)
    logits[7] = 80.0
    allowed = np.zeros(SIZE, bool)
    allowed[[3, 4]] = True
    np.testing.assert_allclose(frequencies(logits, ALL, allowed)[[3, 4]], 0.5, atol=0.012)
    np.testing.assert_allclose(frequencies(logits, SamplingSettings(), allowed)[[3, 4]], 0.5, atol=0.012)


def test_top_k_counts_allowed_ids_and_keeps_their_proportions() -> None:
    logits = torch.log(torch.tensor([0.4, 0.3, 0.2, 0.1]))
    allowed = np.array([False, True, True, True])
    found = frequencies(logits, SamplingSettings(top_k=2), allowed)
    np.testing.assert_allclose(found, [0, 0.6, 0.4, 0], atol=0.012)


def test_top_p_keeps_the_fewest_that_reach_it() -> None:
    logits = torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25]))
    np.testing.assert_allclose(
        frequencies(logits, SamplingSettings(top_k=None, top_p=0.6)), [0, 2 / 3, 0, 1 / 3], atol=0.012
    )
    assert frequencies(logits, SamplingSettings(top_k=None, top_p=0.01))[1] == 1


def test_top_1_takes_the_likeliest() -> None:
    logits = torch.randn(8, SIZE, generator=torch.Generator().manual_seed(0))
    chosen = sample(logits, np.ones((8, SIZE), bool), generators(8), SamplingSettings(top_k=1))
    assert chosen.tolist() == logits.argmax(1).tolist()


@pytest.mark.parametrize("settings", [ALL, SamplingSettings(), SamplingSettings(0.9, 20, 0.9)])
def test_a_piece_does_not_depend_on_its_batch(settings: SamplingSettings) -> None:
    logits = torch.randn(6, SIZE, generator=torch.Generator().manual_seed(1))
    allowed = np.random.default_rng(2).random((6, SIZE)) < 0.5
    together = sample(logits, allowed, generators(6), settings)
    alone = [
        sample(logits[row : row + 1], allowed[row : row + 1], generators(6)[row : row + 1], settings)[0]
        for row in range(6)
    ]
    assert together.tolist() == alone


def test_the_largest_number_drawn_still_points_at_an_id_of_some_weight() -> None:
    class Largest(np.random.Generator):
        def random(self, *_: object, **__: object) -> float:  # type: ignore[override]
            return 1 - 2**-53

    logits = torch.tensor([[0.0, 0.1, 0.2, 5.0]])
    allowed = np.array([[True, True, False, False]])
    assert sample(logits, allowed, [Largest(np.random.PCG64(0))], ALL)[0] in (0, 1)


def test_half_precision_logits_are_taken() -> None:
    logits = torch.zeros(1, SIZE, dtype=torch.bfloat16)
    logits[0, 5] = 60
    assert sample(logits, torch.ones(1, SIZE, dtype=torch.bool), generators(1), ALL).tolist() == [5]


@pytest.mark.parametrize(
    "bad", [{"temperature": 0}, {"temperature": float("nan")}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.1}]
)
def test_settings_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ArgumentError, match="out of range"):
        SamplingSettings(**bad)  # type: ignore[arg-type]


def test_a_row_that_allows_nothing_is_refused() -> None:
    allowed = np.ones((2, SIZE), bool)
    allowed[1] = False
    with pytest.raises(ArgumentError, match="row 1"):
        sample(torch.zeros(2, SIZE), allowed, generators(2), ALL)
    with pytest.raises(ArgumentError, match="row 0"):
        sample(torch.full((1, SIZE), float("nan")), allowed[:1], generators(1), ALL)
