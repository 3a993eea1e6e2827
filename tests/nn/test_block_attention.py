from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ritornello.nn.block_attention import Block, block_attention

BLOCKS = (
    Block((0, 1), ((0, 1),), causal=1),
    Block((1, 4), ((0, 4),), causal=3, biased=((0, 1),)),
    Block((4, 6), ((0, 1), (2, 6)), causal=2, biased=((1, 3),)),
    Block((6, 7), ((3, 5), (6, 9))),
    Block((7, 10), ((1, 2), (4, 5), (7, 10)), causal=3, biased=((0, 1), (1, 2))),
)


def rows(count: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(2, count, 4, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def one_row_at_a_time(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    result = torch.zeros_like(query)
    for block in BLOCKS:
        keys = [row for start, stop in block.keys for row in range(start, stop)]
        biased = [any(start <= place < stop for start, stop in block.biased) for place in range(len(keys))]
        for number, row in enumerate(range(*block.queries)):
            count = len(keys) - block.causal + number + 1 if block.causal else len(keys)
            for head in range(2):
                scores = (key[head, keys] @ query[head, row] / 2).clone()
                if bias is not None:
                    scores = scores + torch.tensor(biased) * bias[head]
                result[head, row] = torch.softmax(scores[:count], 0) @ value[head, keys[:count]]
    return result


@pytest.mark.parametrize("has_bias", [True, False])
def test_each_row_sees_the_keys_of_its_block_up_to_itself(has_bias: bool) -> None:
    query, key, value = (rows(10, seed) for seed in range(3))
    bias = torch.tensor([1.5, -0.7], dtype=torch.float64) if has_bias else None
    found = block_attention(query, key, value, BLOCKS, bias)
    torch.testing.assert_close(found, one_row_at_a_time(query, key, value, bias), atol=1e-12, rtol=0)


def test_the_gradient_is_the_derivative() -> None:
    inputs = [rows(10, seed).requires_grad_() for seed in range(3)]
    bias = torch.tensor([1.5, -0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda q, k, v, b: block_attention(q, k, v, BLOCKS, b), (*inputs, bias))
    assert torch.autograd.gradcheck(lambda q, k, v: block_attention(q, k, v, BLOCKS), inputs)


def test_inputs_that_need_no_gradient_get_none() -> None:
    query, key, value = (rows(10, seed) for seed in range(3))
    value.requires_grad_()
    block_attention(query, key, value, BLOCKS).sum().backward()
    assert value.grad is not None
    # Each row's weights add up to 1.
    torch.testing.assert_close(value.grad.sum((1, 2)), torch.full((2,), 40.0, dtype=torch.float64))


def test_strides_do_not_matter() -> None:
    packed = torch.stack([rows(10, seed) for seed in range(3)]).permute(2, 1, 0, 3).contiguous()
    parts = packed.permute(2, 1, 0, 3).unbind(0)
    assert not parts[0].is_contiguous()
    whole = [part.contiguous() for part in parts]
    assert torch.equal(block_attention(*parts, BLOCKS), block_attention(*whole, BLOCKS))


def test_bfloat16_keeps_its_dtype_and_is_near() -> None:
    exact = [rows(10, seed) for seed in range(3)]
    rough = block_attention(*(part.bfloat16() for part in exact), BLOCKS)
    assert rough.dtype == torch.bfloat16
    assert float((rough.double() - block_attention(*exact, BLOCKS)).abs().max()) < 0.03
