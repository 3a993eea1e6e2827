"""The learned residual of our model: what the gain path leaves over of the gain, by a small network.

The gain path's error is mostly one of gain (see CARD.md), so the residual is a factor, not a signal that is added:

    y = (1 + A(PR) B tanh(net(level, gain))) v        A: 0 at Peak Reduction 0, 1 from `FULL_FROM` on; B = `BOUND`

What is silent stays silent, nothing happens at Peak Reduction 0, and no input makes more of it than -6 or +3.5 dB. The
network sees the level of v and the gain in dB, one value a hop of 32 frames at 44.1 kHz, and has two blocks of the
paper's S4 (linear, PReLU, diagonal state space, FiLM, PReLU, depthwise residual; see `networks`) without batch norm.
Its last layer begins at 0, so that a fresh one changes nothing. Its states begin where silence settles them, and what
they put out there is taken off: for an input u that rests at u0, a layer gives K * (u - u0) + D (u - u0) + H(0) u0.

A hop's output is reached at the end of the next hop, linearly: no audio is delayed. 868 parameters.

Axes: B batch, K hops, H channels, N states.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ritornello.compressor.networks import NetworkConfig, S4Block
from ritornello.compressor.residual import BOUND, FULL_FROM
from ritornello.errors import ArgumentError, ReadError
from ritornello.nn.weights import load_tensors, network_with, read_config, save_weights

FORMAT, VERSION = "ritornello compressor residual", 1

_LARGEST = {"channels": 64, "states": 64, "blocks": 8, "condition": 64}


@dataclass(frozen=True)
class ResidualConfig:
    """Sizes of a residual.

    Attributes:
        channels: H.
        states: N.
        blocks: number of blocks.
        condition: width of what the setting is embedded in.
        least_step: smallest initial dt, in hops; 3.2e-4 is 1e-5 of a frame.
        greatest_step: largest.
    """

    channels: int = 8
    states: int = 4
    blocks: int = 2
    condition: int = 8
    least_step: float = 3.2e-4
    greatest_step: float = 1.0

    def __post_init__(self) -> None:
        for name, most in _LARGEST.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise ArgumentError(f"{name} {value!r} is out of range; it is a whole number from 1 to {most}")
        if not 0 < self.least_step <= self.greatest_step <= 1:
            raise ArgumentError("steps of a residual are above 0 and at most 1 hop, the least first")


def _beside_rest(block: S4Block, signal: Tensor, rest: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
    """Run a block over a signal ``(B, K, H)`` and what it settles to in silence, ``(B, 1, H)``, side by side."""
    moved, still = block.enter(signal), block.enter(rest)
    settled = block.state_space.settled_gain() * still
    inner = block.state_space(moved - still) + settled
    return block.leave(inner, signal, condition), block.leave(settled, rest, condition)


class ResidualNetwork(nn.Module):
    """What the gain is to be corrected by; see the module."""

    def __init__(self, config: ResidualConfig) -> None:
        super().__init__()
        self.config = config
        self.condition = nn.Sequential(
            nn.Linear(2, config.condition), nn.ReLU(), nn.Linear(config.condition, config.condition), nn.ReLU()
        )
        self.expand = nn.Linear(2, config.channels)
        sizes = NetworkConfig(
            "s4", config.channels, config.states, config.blocks, least_step=config.least_step, batch_norm=False
        )
        self.blocks = nn.ModuleList(
            S4Block(sizes, config.condition, config.greatest_step) for _ in range(config.blocks)
        )
        self.contract = nn.Linear(config.channels, 1, bias=False)
        nn.init.zeros_(self.contract.weight)

    def forward(self, features: Tensor, setting: Tensor) -> Tensor:
        """Return the correction after each hop, as a share of the gain: ``(B, K)``, from -`BOUND` to `BOUND`.

        Args:
            features: level and gain of each hop in dB, ``(B, K, 2)``.
            setting: switch (0 compress, 1 limit) and Peak Reduction, ``(B, 2)``.
        """
        condition = self.condition(setting * setting.new_tensor([1.0, 0.01]))
        # Level and gain are both 0 in silence and the dark.
        signal = self.expand((features - features.new_tensor([-80.0, 0.0])) / features.new_tensor([40.0, 10.0]))
        rest = self.expand.bias.expand(len(features), 1, -1)
        for block in self.blocks:
            assert isinstance(block, S4Block)
            signal, rest = _beside_rest(block, signal, rest, condition)
        amount = BOUND * torch.clamp(setting[:, 1:] / FULL_FROM, 0, 1)
        return amount * torch.tanh((signal - rest) @ self.contract.weight[0])

    def numbers(self, is_limit: bool, peak_reduction: float, ratio: float = 1.0) -> NDArray[np.float64]:
        """Return the weights at one setting in the order of ``residual_cell.cpp``, and the settled states after them.

        Args:
            is_limit: the switch.
            peak_reduction: the knob.
            ratio: duration of a hop over that of the hops it was trained on: dt is multiplied by it.
        """
        amount = BOUND * min(max(peak_reduction / FULL_FROM, 0.0), 1.0)
        with torch.no_grad():
            setting = torch.tensor([[float(is_limit), peak_reduction]])
            condition = self.condition(setting * torch.tensor([1.0, 0.01]))
            expand, rest, contract = (
                x.double().numpy() for x in (self.expand.weight.T, self.expand.bias, self.contract.weight[0])
            )
        parts, states = [expand, rest], []
        for block in self.blocks:
            assert isinstance(block, S4Block)
            numbers = block.numbers(condition, ratio)
            still = numbers.mix(rest)
            rest, state = numbers.step(still, rest, still / (1 - numbers.poles))
            parts.append(numbers.flat)
            states += [state.real, state.imag]
        parts += [contract, np.array([contract @ rest, amount]), *states]
        return np.concatenate([part.ravel() for part in parts])

    @property
    def parameters_in_all(self) -> int:
        """How many numbers it has."""
        return sum(value.numel() for value in self.parameters())


def save_residual(folder: Path, network: ResidualNetwork, described: dict[str, Any]) -> None:
    """Write a residual as ``config.json`` and ``model.safetensors``.

    Raises:
        WriteError: if the folder cannot be written.
    """
    config = {"format": FORMAT, "version": VERSION, "network": asdict(network.config), **described}
    save_weights(folder, network.state_dict(), config, half=False, force=True)


def read_residual(folder: Path) -> ResidualNetwork:
    """Return a residual that was written.

    Raises:
        ReadError: if it is missing or damaged.
    """
    try:
        config = ResidualConfig(**read_config(folder, FORMAT, VERSION)["network"])
    except (KeyError, TypeError, ArgumentError) as error:
        raise ReadError(f"{folder}: its description is damaged ({str(error)[:80]})") from None
    return network_with(lambda: ResidualNetwork(config), load_tensors(folder), folder)
