"""The networks as engines: S4 by its recurrence in a compiled cell, TCN and LSTM by PyTorch with their states kept.

Each channel goes through the network by itself. A network that a recipe trained at 44.1 kHz runs at other rates only
if it is S4, whose step dt is scaled; the others are refused there. The gain that is told is that of `gain_meter`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.gain_meter import GainMeter
from ritornello.compressor.s4_block import BlockNumbers
from ritornello.errors import ArgumentError, MissingDependencyError
from ritornello.nn.compiled import address, load_function

if TYPE_CHECKING:
    from ritornello.compressor.process import Settings

Signal = NDArray[np.float64]

_SOURCE = Path(__file__).with_name("s4_cell.cpp")

TRAINED_RATE_HZ = 44_100

_FAINT_WEIGHT = 1e-20  # frequencies that began at 0 end near 1e-40, and products with them are denormal numbers


class NetworkEngine:
    """A trained network at work.

    Args:
        name: of its weights without ``compressor-``, such as ``s4-32-4``, or a folder of weights.
        sample_rate: frames per second.
        channels: number of channels.
        settings: the knobs; side chain, link and colour do not exist here and are refused.

    Raises:
        ArgumentError: if there are no such weights, or they do not run at this rate.
        ReadError: if the weights are damaged.
        MissingDependencyError: if torch is not installed.
    """

    hiss_dbfs = -88.0

    def __init__(self, name: str, sample_rate: float, channels: int, settings: Settings) -> None:
        try:
            from ritornello.compressor.pretrained import load_network
        except ImportError:
            raise MissingDependencyError(
                f'model {name} needs torch and safetensors; run: pip install "ritornello[ml]"'
            ) from None
        self.network: Any = load_network(name)
        self.kind = self.network.config.kind
        if self.kind != "s4" and sample_rate != TRAINED_RATE_HZ:
            raise ArgumentError(
                f"model {name} runs at {TRAINED_RATE_HZ} Hz, not {sample_rate:g}; ours, sim and s4 run at any"
            )
        self.name, self.sample_rate, self.channels = name, sample_rate, channels
        self.reset(settings)

    def reset(self, settings: Settings) -> None:
        """See `Engine`."""
        self.turn(settings, 0)
        self._cells = [self._fresh() for _ in range(self.channels)]
        self._meter = GainMeter(self.channels, self.sample_rate)

    def turn(self, settings: Settings, frames: int) -> None:
        """See `Engine`; the network takes the new setting at once."""
        self._check(settings)
        self._setting = (float(settings.mode == "limit"), settings.peak_reduction)
        if self.kind == "s4":
            self._weights = s4_weights(self.network, self._setting, TRAINED_RATE_HZ / self.sample_rate)

    def rewire(self, settings: Settings) -> None:
        """See `Engine`; there is nothing to wire."""

    def process(self, loud: Signal, side: Signal, is_external: bool) -> tuple[Signal, Signal]:
        """See `Engine`."""
        if is_external:
            raise ArgumentError(f"model {self.name} takes no side chain; use ours or sim")
        wet = np.empty(loud.shape)
        for number, samples in enumerate(np.ascontiguousarray(loud, np.float32)):
            wet[number] = self._run(samples, number)
        return wet, self._meter(loud, wet)

    def _check(self, settings: Settings) -> None:
        """Refuse what a network does not have."""
        if settings.sidechain_highpass_hz:
            raise ArgumentError(f"model {self.name} has no side chain to filter; use ours or sim")
        if self.channels > 1 and (settings.link in ("max", "mean") or settings.link_amount != 1):
            raise ArgumentError(
                f"model {self.name} runs each channel by itself; leave the link out or off, or use ours"
            )
        if not settings.colour:
            raise ArgumentError(
                f"model {self.name} has its colour in its gain and cannot leave it out; use ours or sim"
            )

    def _fresh(self) -> Any:
        config = self.network.config
        if self.kind == "s4":
            return np.zeros(config.blocks * 2 * config.states * config.channels, np.float32)
        return None

    def _run(self, samples: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        if self.kind == "s4":
            return s4_stream(self.network.config, self._weights, samples, self._cells[number])
        import torch

        setting = torch.tensor([self._setting])
        audio = torch.from_numpy(samples)[None]
        with torch.inference_mode():
            output, self._cells[number] = self.network.stream(audio, setting, self._cells[number])
        result: NDArray[np.float32] = output[0].numpy()
        return result


def s4_weights(network: Any, setting: tuple[float, float], rate_ratio: float = 1.0) -> NDArray[np.float32]:
    """Return the weights of an S4 network at one setting, in the order of ``s4_cell.cpp``: float32, flat.

    Batch norm and FiLM become one scale and one shift per channel.
    """
    import torch

    from ritornello.compressor.networks import scaled_setting

    config = network.config
    with torch.no_grad():
        condition = network.condition(scaled_setting(torch.tensor([setting]), config))
        ends = (network.expand.weight[:, 0], network.expand.bias), (network.contract.weight[0], network.contract.bias)
        before, after = ([part.numpy() for part in end] for end in ends)
    blocks = [block.numbers(condition, rate_ratio).flat for block in network.blocks]
    weights = np.concatenate([*before, *blocks, *after]).astype(np.float32)
    weights[np.abs(weights) < _FAINT_WEIGHT] = 0.0
    return weights


def s4_stream(
    config: Any, weights: NDArray[np.float32], samples: NDArray[np.float32], states: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the output of a block ``(frames,)``; the states are changed in place.

    Args:
        config: of the network.
        weights: of `s4_weights`.
        samples: float32 ``(frames,)``.
        states: float32 ``(blocks * 2 * N * H,)``, at rest all 0.
    """
    output = np.empty_like(samples)
    kernel = _kernel() if config.channels <= 64 else None
    if kernel is None:
        _stream_in_numpy(config, weights, samples, states, output)
    else:
        kernel(
            len(samples), config.channels, config.states, config.blocks, int(config.final_tanh), address(weights),
            address(samples), address(states), address(output),
        )  # fmt: skip
    return samples * output if config.side_chain else output


@functools.cache
def _kernel() -> Callable[..., None] | None:
    return load_function(_SOURCE, "s4_stream", "nnnnnpppp")


def _stream_in_numpy(
    config: Any,
    weights: NDArray[np.float32],
    samples: NDArray[np.float32],
    states: NDArray[np.float32],
    output: NDArray[np.float32],
) -> None:
    """Do what ``s4_cell.cpp`` does; far from real time."""
    size = config.channels
    now = samples[:, None] * weights[:size] + weights[size : 2 * size]
    rest = weights[2 * size :]
    for own in states.reshape(config.blocks, 2, config.states, size):
        block = BlockNumbers.read(rest, size, config.states)
        rest, state = rest[block.size :], own[0] + 1j * own[1]
        for t, row in enumerate(block.mix(now)):
            now[t], state = block.step(row, now[t], state)
        own[0], own[1] = state.real, state.imag
    total = now @ rest[:size] + rest[size]
    output[:] = np.tanh(total) if config.final_tanh else total
    states[np.abs(states) < 1e-15] = 0
