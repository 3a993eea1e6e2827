"""Positions: fixed sinusoids for bar and beat numbers, rotary positions for the full-attention baseline.

Sinusoids after the Museformer code: index n, half-size m, frequencies 10000^(-r/(m-1)), r = 0..m-1, [sin; cos], index 0
is the zero vector. Rotary positions: Su et al., *RoFormer* (2021), section 3.2, halves rotated against each other.
"""

from __future__ import annotations

import torch
from torch import Tensor


def sinusoids(count: int, size: int) -> Tensor:
    """Return fixed vectors for the indices 0..count-1.

    Args:
        count: how many indices, at least 1.
        size: values of a vector, even and at least 4.

    Returns:
        float32 ``(count, size)``; row 0 is zero.
    """
    half = size // 2
    frequencies = 10_000 ** (-torch.arange(half, dtype=torch.float64) / (half - 1))
    angles = torch.arange(count, dtype=torch.float64)[:, None] * frequencies
    table = torch.cat((angles.sin(), angles.cos()), 1)
    table[0] = 0
    return table.float()


def rotate(rows: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Rotate each row by its position.

    Args:
        rows: ``(H, N, E)`` queries or keys.
        positions: ``(N,)`` whole numbers from 0.
        base: wavelength of the slowest rotation over 2 pi.

    Returns:
        ``(H, N, E)``, of the dtype of ``rows``.
    """
    return turn(rows, rotation_angles(positions, rows.shape[-1], base))


def rotation_angles(positions: Tensor, size: int, base: float = 10_000.0) -> Tensor:
    """Return the angles of rotary positions.

    Args:
        positions: ``(N,)`` whole numbers from 0.
        size: E.
        base: wavelength of the slowest rotation over 2 pi.

    Returns:
        float32 ``(N, E / 2)`` in radians.
    """
    half = size // 2
    frequencies = base ** (-torch.arange(half, dtype=torch.float32, device=positions.device) / half)
    return positions.to(torch.float32)[:, None] * frequencies


def turn(rows: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair of values, one of the first half and one of the second, by an angle.

    Args:
        rows: ``(H, N, E)``.
        angles: ``(N, E / 2)`` in radians.

    Returns:
        ``(H, N, E)``, of the dtype of ``rows``.
    """
    cos, sin = angles.cos().to(rows.dtype), angles.sin().to(rows.dtype)
    first, second = rows.chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)
