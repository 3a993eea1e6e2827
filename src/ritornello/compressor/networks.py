"""The black-box networks: S4 of Yin et al. (2024), and the TCN and LSTM it is compared with.

S4: Yin, Cheng, Wan, Wang, *Modeling analog dynamic range compressors using deep learning and state-space models*
(arXiv 2403.16331), as its authors' experiments ran it: blocks of linear, PReLU, diagonal state space, batch norm, FiLM,
PReLU and a depthwise residual. TCN: Steinmetz and Reiss, *Efficient neural networks for real-time modeling of analog
dynamic range compression* (2022). LSTM: Wright et al., *Real-time black-box modelling with recurrent neural networks*
(2019).

Sizes of S4, with H channels and N states: 1,648 + 4 (H² + 70 H + 4 H N + 2) + 2 H + H + 1 parameters: (16, 4) 8,233;
(32, 4) 16,857; (32, 8) 18,905.

Axes: B batch, H channels, T frames. Audio is ``(B, T)``; the setting is ``(B, 2)``: switch (0 compress, 1 limit) and
Peak Reduction 0 to 100, raw; each network scales it as its authors do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ritornello.compressor.s4_block import BlockNumbers
from ritornello.errors import ArgumentError
from ritornello.nn.state_space import DiagonalStateSpace

Kind = Literal["s4", "tcn", "lstm"]

CONDITION_SIZE = 32


@dataclass(frozen=True)
class NetworkConfig:
    """What kind of network, and its sizes.

    Attributes:
        kind: ``s4``, ``tcn`` or ``lstm``.
        channels: H: width of the blocks, or of the LSTM's state.
        states: N of a state-space layer.
        blocks: number of blocks (S4).
        kernel: length of the convolutions (TCN).
        dilations: of the convolutions, one a block (TCN).
        reduction_scale: what Peak Reduction is multiplied by before the network sees it.
        least_step: smallest initial dt of a state-space layer.
        batch_norm: normalise before FiLM (S4).
        residual: depthwise residual (S4).
        final_tanh: bound the output (S4).
        side_chain: multiply the input by the network's output instead of putting that out (S4).
    """

    kind: Kind
    channels: int = 32
    states: int = 4
    blocks: int = 4
    kernel: int = 13
    dilations: tuple[int, ...] = (1, 10, 100, 1000)
    reduction_scale: float = 1.0
    least_step: float = 1e-3
    batch_norm: bool = True
    residual: bool = True
    final_tanh: bool = True
    side_chain: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("s4", "tcn", "lstm"):
            raise ArgumentError(f"kind '{str(self.kind)[:20]}' is not s4, tcn or lstm")
        for name in ("channels", "states", "blocks", "kernel"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 1024:
                raise ArgumentError(f"{name} {value!r} is out of range; it is a whole number from 1 to 1024")
        object.__setattr__(self, "dilations", tuple(self.dilations))
        if not self.dilations or not all(type(d) is int and 1 <= d <= 100_000 for d in self.dilations):
            raise ArgumentError("dilations are whole numbers from 1 to 100000, at least one")
        if not 0 < self.reduction_scale <= 1 or not 0 < self.least_step <= 0.1:
            raise ArgumentError("reduction_scale is above 0 and at most 1, least_step above 0 and at most .1")

    def as_json(self) -> dict[str, Any]:
        """Return JSON values from which the config can be made again."""
        return asdict(self)


NETWORKS: dict[str, NetworkConfig] = {
    "s4-16-4": NetworkConfig("s4", channels=16, states=4),
    "s4-32-4": NetworkConfig("s4", channels=32, states=4),
    "s4-32-8": NetworkConfig("s4", channels=32, states=8),
    "tcn-300": NetworkConfig("tcn", kernel=13, reduction_scale=0.01),
    "tcn-100": NetworkConfig("tcn", kernel=5, reduction_scale=0.01),
    "lstm-32": NetworkConfig("lstm", channels=32, reduction_scale=0.01),
}
"""The networks by name; S4 sees raw Peak Reduction, the TCN a hundredth of it, as in their authors' code."""


class _Condition(nn.Module):
    """Embeds the setting: ``(B, 2)`` to ``(B, 32)``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, CONDITION_SIZE), nn.ReLU()
        )

    def forward(self, setting: Tensor) -> Tensor:
        embedded: Tensor = self.layers(setting)
        return embedded


class _Film(nn.Module):
    """Scales and shifts channels by the setting: ``(B, H, T)``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(CONDITION_SIZE, 2 * channels)

    def forward(self, signal: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.linear(condition)[..., None].chunk(2, 1)
        moved: Tensor = signal * scale + shift
        return moved


class S4Block(nn.Module):
    """Linear, PReLU, state space, batch norm, FiLM, PReLU, plus a depthwise residual; signals ``(B, T, H)``.

    Args:
        config: its sizes.
        condition: width of the condition.
        greatest_step: largest initial dt of the state space.
    """

    def __init__(self, config: NetworkConfig, condition: int = CONDITION_SIZE, greatest_step: float = 1e-1) -> None:
        super().__init__()
        channels = config.channels
        self.linear = nn.Linear(channels, channels)
        self.first = nn.PReLU()
        self.state_space = DiagonalStateSpace(channels, config.states, config.least_step, greatest_step)
        self.norm = nn.BatchNorm1d(channels, affine=False) if config.batch_norm else None
        self.film = nn.Linear(condition, 2 * channels)
        self.second = nn.PReLU()
        # A depthwise convolution of length 1: it begins as PyTorch's does.
        self.residual = nn.Parameter(torch.rand(channels) * 2 - 1) if config.residual else None

    def forward(self, signal: Tensor, condition: Tensor) -> Tensor:
        """Return ``(B, T, H)`` for ``(B, T, H)`` and the condition ``(B, 32)``."""
        return self.leave(self.state_space(self.enter(signal)), signal, condition)

    def enter(self, signal: Tensor) -> Tensor:
        """Return what the state space hears of a signal."""
        mixed: Tensor = self.first(self.linear(signal))
        return mixed

    def leave(self, inner: Tensor, signal: Tensor, condition: Tensor) -> Tensor:
        """Return what the block makes of what its state space put out for a signal."""
        if self.norm is not None:
            inner = self.norm(inner.flatten(0, 1)).view_as(inner)
        scale, shift = self.film(condition)[:, None].chunk(2, -1)
        inner = self.second(torch.addcmul(shift, inner, scale))
        output: Tensor = inner if self.residual is None else torch.addcmul(inner, signal, self.residual)
        return output

    @torch.no_grad()
    def numbers(self, condition: Tensor, rate_ratio: float = 1.0) -> BlockNumbers:
        """Return the block at a condition ``(1, 32)`` as numbers, float64; batch norm and FiLM are folded.

        Args:
            condition: see `forward`.
            rate_ratio: trained sample rate over the rate it is to run at.
        """
        discrete = self.state_space.at_rate(rate_ratio)
        poles, mixing = discrete.poles.T, discrete.mixing.T
        scale, shift = self.film(condition)[0].double().chunk(2)
        if self.norm is not None:
            assert self.norm.running_mean is not None and self.norm.running_var is not None
            inverse = 1 / torch.sqrt(self.norm.running_var.double() + self.norm.eps)
            scale, shift = scale * inverse, shift - scale * inverse * self.norm.running_mean.double()
        residual = torch.zeros_like(scale) if self.residual is None else self.residual
        linear, bias, first, second = self.linear.weight.T, self.linear.bias, self.first.weight, self.second.weight
        return BlockNumbers(
            _array(linear), _array(bias), _array(first), poles.real, poles.imag, mixing.real, mixing.imag,
            discrete.skip, _array(scale), _array(shift), _array(residual), _array(second),
        )  # fmt: skip


def _array(values: Tensor) -> NDArray[np.float64]:
    return np.asarray(values.detach(), np.float64)


class S4Network(nn.Module):
    """The paper's network: ``(B, T)`` to ``(B, T)``, states at zero before the first frame."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.condition = _Condition()
        self.expand = nn.Linear(1, config.channels)
        self.blocks = nn.ModuleList(S4Block(config) for _ in range(config.blocks))
        self.contract = nn.Linear(config.channels, 1)

    def forward(self, audio: Tensor, setting: Tensor) -> Tensor:
        """Return the compressed audio ``(B, T)`` for ``(B, T)`` and the setting ``(B, 2)``."""
        condition = self.condition(scaled_setting(setting, self.config))
        signal = self.expand(audio[..., None])
        for block in self.blocks:
            signal = block(signal, condition)
        output: Tensor = self.contract(signal)[..., 0]
        if self.config.final_tanh:
            output = torch.tanh(output)
        return audio * output if self.config.side_chain else output


class _TcnBlock(nn.Module):
    def __init__(self, inputs: int, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.convolution = nn.Conv1d(inputs, channels, kernel, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels, affine=False)
        self.film = _Film(channels)
        self.slope = nn.PReLU(channels)
        self.residual = nn.Conv1d(inputs, channels, 1, groups=inputs, bias=False)

    def forward(self, signal: Tensor, condition: Tensor) -> Tensor:
        inner = self.slope(self.film(self.norm(self.convolution(signal)), condition))
        output: Tensor = inner + self.residual(signal[..., self.reach :])
        return output


class TcnNetwork(nn.Module):
    """Causal convolutions: ``(B, T)`` to ``(B, T - reach)``; the output belongs to the END of the input."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.condition = _Condition()
        widths = [1] + [config.channels] * len(config.dilations)
        self.blocks = nn.ModuleList(
            _TcnBlock(width, config.channels, config.kernel, dilation)
            for width, dilation in zip(widths, config.dilations, strict=False)
        )
        self.contract = nn.Conv1d(config.channels, 1, 1)

    @property
    def reach(self) -> int:
        """Frames before the first output."""
        return (self.config.kernel - 1) * sum(self.config.dilations)

    def forward(self, audio: Tensor, setting: Tensor) -> Tensor:
        """Return the compressed audio ``(B, T - reach)`` for ``(B, T)`` and the setting ``(B, 2)``."""
        condition = self.condition(scaled_setting(setting, self.config))
        signal = audio[:, None]
        for block in self.blocks:
            signal = block(signal, condition)
        return torch.tanh(self.contract(signal)[:, 0])

    def stream(self, audio: Tensor, setting: Tensor, heard: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the output of a block, as long as it, and what each block's convolution must remember.

        Args:
            audio: ``(B, T)``.
            setting: ``(B, 2)``.
            heard: of the block before; None for silence.
        """
        condition = self.condition(scaled_setting(setting, self.config))
        signal = audio[:, None]
        kept = []
        for number, block in enumerate(self.blocks):
            assert isinstance(block, _TcnBlock)
            before = signal.new_zeros((*signal.shape[:2], block.reach)) if heard is None else heard[number]
            signal = torch.cat((before, signal), -1)
            kept.append(signal[..., signal.shape[-1] - block.reach :])
            signal = block(signal, condition)
        return torch.tanh(self.contract(signal)[:, 0]), kept


class LstmNetwork(nn.Module):
    """One LSTM that sees sample and setting, and a linear layer: ``(B, T)`` to ``(B, T)``."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.lstm = nn.LSTM(3, config.channels, batch_first=True)
        self.contract = nn.Linear(config.channels, 1)

    def forward(self, audio: Tensor, setting: Tensor, states: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Return the compressed audio ``(B, T)`` for ``(B, T)`` and the setting ``(B, 2)``."""
        return self.stream(audio, setting, states)[0]

    def stream(
        self, audio: Tensor, setting: Tensor, states: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the output and the states ``(1, B, H)`` after it."""
        scaled = scaled_setting(setting, self.config)[:, None].expand(-1, audio.shape[1], -1)
        hidden, after = self.lstm(torch.cat((audio[..., None], scaled), -1), states)
        return torch.tanh(self.contract(hidden)[..., 0]), after


def scaled_setting(setting: Tensor, config: NetworkConfig) -> Tensor:
    """Return the setting as the network sees it: ``(B, 2)``."""
    return torch.stack((setting[:, 0], setting[:, 1] * config.reduction_scale), 1)


def make_network(config: NetworkConfig) -> S4Network | TcnNetwork | LstmNetwork:
    """Return a network with fresh weights."""
    if config.kind == "s4":
        return S4Network(config)
    return TcnNetwork(config) if config.kind == "tcn" else LstmNetwork(config)
