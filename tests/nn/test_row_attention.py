"""Attention of new rows: both ways of computing it agree with the formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ritornello.nn import compiled, row_attention
from ritornello.nn.positions import turn
from ritornello.nn.row_attention import attend_new_rows

HEADS, ROOM = 3, 90
PLACES, FIRST, LAST = torch.tensor([3, 0, 4]), torch.tensor([0, 7, 50]), torch.tensor([0, 60, 89])


def formula(
    projected: Tensor, cache: Tensor, angles: Tensor | None, bias: Tensor | None, biased: Tensor | None
) -> tuple[Tensor, Tensor]:
    """What is seen and the cache after it, row by row and head by head, in float64."""
    projected, cache = projected.double(), cache.double().clone()
    seen = []
    for row, (place, first, last) in enumerate(zip(PLACES, FIRST, LAST, strict=True)):
        query, key, value = projected[row]
        if angles is not None:
            angle = torch.atan2(angles[row, 1], angles[row, 0]).double()[None]
            query, key = turn(query[:, None], angle)[:, 0], turn(key[:, None], angle)[:, 0]
        cache[place, 0, :, last], cache[place, 1, :, last] = key, value
        keys, values = cache[place, :, :, first : last + 1]
        scores = torch.einsum("he,hne->hn", query, keys)
        if bias is not None and biased is not None:
            scores[:, biased[row, 0] : biased[row, 1]] += bias.double()[:, None]
        seen.append(torch.einsum("hn,hne->he", scores.softmax(1), values).flatten())
    return torch.stack(seen), cache


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("size", [64, 16, 20])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 2e-2)]
)
@pytest.mark.parametrize("has_extras", [True, False])
def test_both_ways_follow_the_formula(
    compiled: bool, size: int, dtype: torch.dtype, tolerance: float, has_extras: bool
) -> None:
    if compiled and not row_attention.has_kernel():
        pytest.skip("no C++ compiler")
    torch.manual_seed(size)
    cache = torch.randn(5, 2, HEADS, ROOM, size).to(dtype)
    projected = torch.randn(3, 3, HEADS, size)
    projected[:, 0] *= size**-0.5
    projected = projected.to(dtype)
    angles = bias = biased = None
    if has_extras:
        turned = torch.rand(3, size // 2, dtype=torch.promote_types(dtype, torch.float32)) * 6
        angles = torch.stack((turned.cos(), turned.sin()), 1)
        bias, biased = torch.randn(HEADS).to(dtype), torch.tensor([[0, 0], [3, 9], [1, 40]])
    expected, expected_cache = formula(projected, cache, angles, bias, biased)
    seen = attend_new_rows(projected, cache, PLACES, FIRST, LAST, angles, bias, biased, compiled=compiled)
    torch.testing.assert_close(seen.double(), expected, rtol=0, atol=tolerance)
    torch.testing.assert_close(cache.double(), expected_cache, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("compiled", [True, False])
def test_large_scores_do_not_overflow(compiled: bool) -> None:
    cache = torch.zeros(1, 2, 1, 8, 16)
    cache[0, 0, 0, 2] = 400.0
    cache[0, 1, 0, 2] = 5.0
    projected = torch.ones(1, 3, 1, 16)
    zero = torch.tensor([0])
    seen = attend_new_rows(projected, cache, zero, zero, zero + 7, compiled=compiled)
    torch.testing.assert_close(seen, torch.full((1, 16), 5.0))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_row_does_not_depend_on_the_others_in_the_batch(compiled: bool) -> None:
    torch.manual_seed(1)
    cache, projected = torch.randn(5, 2, HEADS, ROOM, 64), torch.randn(3, 3, HEADS, 64)
    together = attend_new_rows(projected, cache.clone(), PLACES, FIRST, LAST, compiled=compiled)
    for row in range(3):
        one = slice(row, row + 1)
        alone = attend_new_rows(
            projected[one].contiguous(), cache.clone(), PLACES[one], FIRST[one], LAST[one], compiled=compiled
        )
        assert torch.equal(alone[0], together[row])


def test_without_a_compiler_pytorch_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/c++")
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere/cache")
    compiled.load_kernels.cache_clear()
    compiled.load_function.cache_clear()
    try:
        assert not row_attention.has_kernel()
        cache, projected = torch.randn(5, 2, HEADS, ROOM, 16), torch.randn(3, 3, HEADS, 16)
        expected, _ = formula(projected, cache, None, None, None)
        seen = attend_new_rows(projected, cache, PLACES, FIRST, LAST)
        torch.testing.assert_close(seen.double(), expected, rtol=0, atol=1e-5)
    finally:
        compiled.load_kernels.cache_clear()
        compiled.load_function.cache_clear()
