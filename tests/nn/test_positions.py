from __future__ import annotations

import math

import torch

from ritornello.nn.positions import rotate, sinusoids, turn


def test_sinusoids_are_sines_then_cosines_of_the_index_at_falling_frequencies() -> None:
    table = sinusoids(50, 8)
    frequencies = [1, 10_000 ** (-1 / 3), 10_000 ** (-2 / 3), 1 / 10_000]
    expected = [math.sin(37 * f) for f in frequencies] + [math.cos(37 * f) for f in frequencies]
    torch.testing.assert_close(table[37], torch.tensor(expected), atol=1e-6, rtol=0)
    assert table.shape == (50, 8)


def test_index_0_is_the_zero_vector() -> None:
    assert not sinusoids(3, 8)[0].any()
    assert sinusoids(3, 8)[1].any()


def test_products_of_rotated_rows_depend_on_the_distance_only() -> None:
    rows = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64).expand(2, 40, 16)
    turned = rotate(rows, torch.arange(40))
    products = turned @ turned.transpose(1, 2)
    for distance in (1, 7, 30):
        diagonal = products.diagonal(distance, 1, 2)
        torch.testing.assert_close(diagonal, diagonal[:, :1].expand_as(diagonal), atol=1e-4, rtol=0)


def test_rotation_keeps_lengths_and_leaves_position_0() -> None:
    rows = torch.randn(2, 40, 16, generator=torch.Generator().manual_seed(0))
    turned = rotate(rows, torch.arange(40))
    torch.testing.assert_close(turned.norm(dim=-1), rows.norm(dim=-1))
    assert torch.equal(turned[:, 0], rows[:, 0])


def test_a_quarter_turn_moves_the_first_half_onto_the_second() -> None:
    rows = torch.tensor([[[1.0, 2.0, 0.0, 0.0]]])
    turned = turn(rows, torch.tensor([[math.pi / 2, 0.0]]))
    torch.testing.assert_close(turned, torch.tensor([[[0.0, 2.0, 1.0, 0.0]]]))
