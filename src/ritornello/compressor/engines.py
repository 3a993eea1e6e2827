"""What makes the gain: our gain path, the simulated circuit or a network, behind one small contract.

An engine takes blocks ``(channels, frames)`` of float64 that hold finite numbers, keeps its state between them, and
returns the wet signal and each frame's gain in dB. `make_engine` finds one by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from ritornello.compressor.gain_path import LOUDEST_SIDE, GainPath
from ritornello.compressor.linear_colour import ColourFilter, colour_filter
from ritornello.compressor.model import LevellerModel, load_model
from ritornello.compressor.residual import GainResidual
from ritornello.compressor.simulation import Simulation, colour_of
from ritornello.compressor.unit import CALIBRATED
from ritornello.errors import ArgumentError

if TYPE_CHECKING:
    from ritornello.compressor.process import Settings

Signal = NDArray[np.float64]

_TINY = 1e-15

NAMES = {"sim": "simulation", "s4": "s4-32-4", "tcn": "tcn-300", "lstm": "lstm-32"}
"""Short names of models."""


class Engine(Protocol):
    """What makes the gain."""

    hiss_dbfs: float

    def process(self, loud: Signal, side: Signal, is_external: bool) -> tuple[Signal, Signal]:
        """Return the wet signal and the gain in dB, both ``(channels, frames)``."""

    def reset(self, settings: Settings) -> None:
        """Go back to the beginning, at a setting."""

    def turn(self, settings: Settings, frames: int) -> None:
        """Move to another setting, over some frames.

        Raises:
            ArgumentError: if the model does not have it; nothing is moved then.
        """

    def rewire(self, settings: Settings) -> None:
        """Change link and side-chain filter at once."""


def make_engine(name: str, sample_rate: float, channels: int, settings: Settings) -> Engine:
    """Return the engine of a model.

    Args:
        name: see `process.Leveller`.
        sample_rate: frames per second.
        channels: number of channels.
        settings: the knobs.

    Raises:
        ArgumentError: if there is no such model, or it does not run like that.
        ReadError: if it cannot be read.
        MissingDependencyError: if it needs torch.
    """
    name = NAMES.get(name, name)
    if name == "simulation":
        return SimulationEngine(sample_rate, channels, settings)
    if name == "ours" or Path(name).suffix == ".json" or (Path(name) / "model.json").is_file():
        return GainPathEngine(load_model(name), sample_rate, channels, settings)
    from ritornello.compressor.network_engine import NetworkEngine

    return NetworkEngine(name, sample_rate, channels, settings)


def _bounded(side: Signal) -> Signal:
    return np.minimum(np.maximum(side, -LOUDEST_SIDE), LOUDEST_SIDE)  # half the time of np.clip in small blocks


class _SideChain:
    """The high-pass before the detector."""

    def __init__(self, sample_rate: float, channels: int, corner_hz: float) -> None:
        self._sections = butter(2, corner_hz, "highpass", fs=sample_rate, output="sos") if corner_hz else None
        self._state = np.zeros((1, channels, 2))

    def __call__(self, side: Signal) -> Signal:
        if self._sections is None:
            return side
        filtered, self._state = sosfilt(self._sections, _bounded(side), axis=1, zi=self._state)
        self._state[np.abs(self._state) < _TINY] = 0.0
        heard: Signal = filtered
        return heard


class _Colour:
    """Distortion and band limits of the amplifier, with state."""

    def __init__(
        self,
        sample_rate: float,
        channels: int,
        low_hz: float,
        high_hz: float,
        high_q: float,
        third: float,
        second: float,
    ) -> None:
        self._third, self._second = third, second
        self._filter = ColourFilter(channels, *colour_filter(sample_rate, low_hz, high_hz, high_q))

    def __call__(self, signal: Signal) -> Signal:
        if self._third or self._second:
            # Beyond full scale the curve would turn back; there it goes on straight.
            bounded = np.clip(signal, -1.0, 1.0)
            signal = signal - self._third * bounded**3 + self._second * bounded**2
        return self._filter(signal)


class GainPathEngine:
    """Our model; see `gain_path`.

    Args:
        model: its numbers.
        sample_rate: frames per second.
        channels: number of channels.
        settings: the knobs.
    """

    def __init__(self, model: LevellerModel, sample_rate: float, channels: int, settings: Settings) -> None:
        self.model, self.sample_rate, self.channels = model, sample_rate, channels
        self.hiss_dbfs = model.colour.hiss_dbfs
        self.path = GainPath(channels)
        self.reset(settings)

    def reset(self, settings: Settings) -> None:
        """See `Engine`."""
        self.path.reset()
        self.rewire(settings)
        tone = self.model.colour
        self._colour = _Colour(
            self.sample_rate, self.channels, tone.low_hz, tone.high_hz, tone.high_q, tone.third, tone.second
        )
        self._has_colour = settings.colour
        self._residual = None
        if self.model.residual is not None:
            self._residual = GainResidual(
                self.model.residual, self.sample_rate, self.channels, settings.mode == "limit", settings.peak_reduction
            )
        self._target = self._from = self._row(settings)
        self._left = self._length = 0

    def turn(self, settings: Settings, frames: int) -> None:
        """See `Engine`."""
        self._from, self._target = self._now(), self._row(settings)
        self._left = self._length = frames
        self._has_colour = settings.colour
        if self._residual is not None:
            self._residual.turn(settings.mode == "limit", settings.peak_reduction, frames)

    def rewire(self, settings: Settings) -> None:
        """See `Engine`."""
        self._side_chain = _SideChain(self.sample_rate, self.channels, settings.sidechain_highpass_hz)

    def process(self, loud: Signal, side: Signal, is_external: bool) -> tuple[Signal, Signal]:
        """See `Engine`."""
        rows = self._rows(loud.shape[1])
        wet, decibels = self.path.compress(loud, self._side_chain(side), rows)
        coloured = self._colour(wet)  # its state goes on also while it is not heard
        if self._residual is not None:
            corrected = self._residual.correct(coloured, decibels, self._target)
            return corrected if self._has_colour else (wet, decibels)
        return (coloured if self._has_colour else wet), decibels

    def _row(self, settings: Settings) -> Signal:
        """Return the numbers of the path: ``(15,)``."""
        numbers = self.model.numbers(settings.mode, settings.peak_reduction)
        amount = 0.0 if settings.link == "off" else settings.link_amount
        return numbers.at_rate(self.sample_rate, float(settings.link == "mean"), amount)

    def _now(self) -> Signal:
        share = 1.0 if not self._left else 1 - self._left / self._length
        return self._from + share * (self._target - self._from)

    def _rows(self, frames: int) -> Signal:
        if not self._left:
            return self._target[None]
        place = np.minimum(self._length - self._left + 1 + np.arange(frames), self._length) / self._length
        self._left = max(0, self._left - frames)
        return self._from + place[:, None] * (self._target - self._from)


class SimulationEngine:
    """The simulated circuit, one cell for all channels; see `simulation`. Knobs take effect at once."""

    hiss_dbfs = -88.0

    def __init__(self, sample_rate: float, channels: int, settings: Settings) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.reset(settings)

    def reset(self, settings: Settings) -> None:
        """See `Engine`."""
        self.unit = self._unit(settings)
        self.rewire(settings)
        self._colour = _Colour(self.sample_rate, self.channels, *colour_of())
        self._has_colour = settings.colour

    def turn(self, settings: Settings, frames: int) -> None:
        """See `Engine`."""
        unit = self._unit(settings)
        unit.take_state(self.unit)
        self.unit, self._has_colour = unit, settings.colour

    def rewire(self, settings: Settings) -> None:
        """See `Engine`."""
        self._side_chain = _SideChain(self.sample_rate, self.channels, settings.sidechain_highpass_hz)

    def process(self, loud: Signal, side: Signal, is_external: bool) -> tuple[Signal, Signal]:
        """See `Engine`."""
        wet, gain = self.unit.process(loud, _bounded(self._side_chain(side)))
        coloured = self._colour(wet)
        decibels = 20 * np.log10(np.maximum(gain, 1e-6))
        return (coloured if self._has_colour else wet), np.repeat(decibels[None], self.channels, axis=0)

    def _unit(self, settings: Settings) -> Simulation:
        if self.channels > 1 and (settings.link == "off" or settings.link_amount != 1):
            raise ArgumentError(
                "model sim has one cell for all channels: link is max or mean, link amount 1; use ours for others"
            )
        link = 1.0 if settings.link == "mean" else 0.0
        return Simulation(
            self.sample_rate, self.channels, settings.peak_reduction, settings.mode == "limit", CALIBRATED, link
        )
