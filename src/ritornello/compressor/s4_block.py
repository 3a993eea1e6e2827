"""One S4 block as numbers, for networks and residual alike: their order in the compiled cells, and its work in NumPy.

A block mixes channels, runs the state space and lets batch norm and FiLM, folded into one scale and shift per channel,
a second PReLU and the depthwise residual follow (`networks.S4Block`). ``s4_cell.cpp`` and ``residual_cell.cpp`` read
the numbers in the order of the fields.

Axes: H channels, N states; leading axes are frames or channels of audio.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]


class BlockNumbers(NamedTuple):
    """The numbers of a block at one setting and sample rate."""

    linear: Numbers  # (H, H): from, to
    bias: Numbers  # (H,)
    first: Numbers  # (1,): slope of the PReLU before the state space
    poles_real: Numbers  # (N, H)
    poles_imaginary: Numbers
    mixing_real: Numbers  # (N, H)
    mixing_imaginary: Numbers
    skip: Numbers  # (H,)
    scale: Numbers
    shift: Numbers
    residual: Numbers
    second: Numbers  # (1,): slope of the PReLU behind it

    @classmethod
    def read(cls, flat: Numbers, channels: int, states: int) -> BlockNumbers:
        """Return the numbers that a flat array begins with."""
        one, row, bank = (1,), (channels,), (states, channels)
        shapes = ((channels, channels), row, one, bank, bank, bank, bank, row, row, row, row, one)
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        return cls(*(part.reshape(shape) for part, shape in zip(np.split(flat, ends)[:-1], shapes, strict=True)))

    @property
    def flat(self) -> Numbers:
        """All of them in one row."""
        return np.concatenate([part.ravel() for part in self])

    @property
    def size(self) -> int:
        """How many there are."""
        return sum(part.size for part in self)

    @property
    def poles(self) -> Numbers:
        """Complex ``(N, H)``."""
        return self.poles_real + 1j * self.poles_imaginary

    def mix(self, signal: Numbers) -> Numbers:
        """Return what the state space hears: ``(..., H)`` for ``(..., H)``."""
        return _prelu(signal @ self.linear + self.bias, self.first)

    def step(self, mixed: Numbers, signal: Numbers, state: Numbers) -> tuple[Numbers, Numbers]:
        """Return what a block puts out for one frame, ``(..., H)``, and its states after it, ``(..., N, H)``.

        Args:
            mixed: of `mix`.
            signal: what was mixed.
            state: complex, before the frame.
        """
        state = self.poles * state + mixed[..., None, :]
        mixing = self.mixing_real + 1j * self.mixing_imaginary
        moved = self.scale * ((mixing * state).real.sum(axis=-2) + self.skip * mixed) + self.shift
        return _prelu(moved, self.second) + self.residual * signal, state


def _prelu(value: Numbers, slope: Numbers) -> Numbers:
    return np.where(value > 0, value, slope * value)
