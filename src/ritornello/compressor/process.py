"""The levelling amplifier as a processor: blocks of any length in, as many frames out, without latency.

One block after the other gives the same as all at once, whatever the lengths. Knobs may be turned at any time; the
path moves to the new setting over 20 ms. What is no number becomes silence and is counted. Blocks are float arrays
``(channels, frames)``; a one-dimensional array is one channel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.engines import Engine, make_engine
from ritornello.compressor.model import check_setting
from ritornello.compressor.stages import enter, leave
from ritornello.errors import ArgumentError
from ritornello.nn.compiled import Kept

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 44_100, 192_000
"""Sample rates that are processed."""

RAMP_S = 0.02
"""How long a knob takes to its new value."""

VU_S = 0.3
"""In this time the meter reaches 99 % of a step."""

GAIN_RANGE_DB = 40
"""Make-up gain goes so far, up and down."""

PRE_ROLL_S = 2.0
"""How much of its beginning a recording's unit has heard before it, see `pre_roll`."""

Link = Literal["max", "mean", "off"]


@dataclass(frozen=True)
class Settings:
    """What the front panel and the patch bay are set to.

    Attributes:
        peak_reduction: 0 to 100.
        mode: ``compress`` or ``limit``.
        gain_db: make-up gain, -40 to 40.
        trim_db: level of the input before the unit, taken back after it; 0 is the level of the recordings it was
            fitted on.
        mix: 0 is dry, 1 wet.
        link: ``max``, ``mean`` or ``off``: whether the cells of several channels hear the loudest channel, the mean of
            all, or each its own; None is ``max`` where a model has it, and ``off`` with networks, which have no other.
        link_amount: 0 to 1: how much of the common level they hear.
        sidechain_highpass_hz: corner of a second-order high-pass before the detector, 20 to 500, or 0.
        colour: the amplifier's own sound.
        hiss: its own noise.
        seed: of the noise.
    """

    peak_reduction: float = 50.0
    mode: str = "compress"
    gain_db: float = 0.0
    trim_db: float = 0.0
    mix: float = 1.0
    link: str | None = None
    link_amount: float = 1.0
    sidechain_highpass_hz: float = 0.0
    colour: bool = True
    hiss: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_setting(self.mode, self.peak_reduction)
        for name, value, low, high in (
            ("gain", self.gain_db, -GAIN_RANGE_DB, GAIN_RANGE_DB), ("trim", self.trim_db, -40, 40),
            ("mix", self.mix, 0, 1), ("link amount", self.link_amount, 0, 1),
        ):  # fmt: skip
            if not low <= value <= high:
                raise ArgumentError(f"{name} {value:g} is out of range; it goes from {low} to {high}")
        if self.link not in ("max", "mean", "off", None):
            raise ArgumentError(f"link '{str(self.link)[:20]}' is not max, mean or off")
        if self.link == "off" and self.link_amount != 1:
            raise ArgumentError(f"link off and link amount {self.link_amount:g} contradict each other; leave one out")
        corner = self.sidechain_highpass_hz
        if corner and not 20 <= corner <= 500:
            raise ArgumentError(f"side-chain high-pass {corner:g} Hz is out of range; it is 0 or from 20 to 500")
        if self.seed < 0:
            raise ArgumentError(f"seed {self.seed} is out of range; give a whole number from 0 on")


class Leveller:
    """A levelling amplifier at work.

    Args:
        sample_rate: frames per second, 44100 to 192000.
        channels: 1 to 64.
        settings: the knobs; keyword arguments instead of it make one, such as ``peak_reduction=65``.
        model: ``ours``, ``sim``, ``s4``, ``tcn``, ``lstm``, or the file or folder of a model.

    Attributes:
        latency_samples: 0.
        replaced_samples: how many samples were no finite number, or beyond `stages.LOUDEST`, and became 0.

    Raises:
        ArgumentError: if an argument is out of range.
        ReadError: if the model cannot be read.
        MissingDependencyError: if the model is a network and torch is not installed.
    """

    latency_samples = 0

    def __init__(
        self,
        sample_rate: float,
        channels: int = 1,
        settings: Settings | None = None,
        *,
        model: str = "ours",
        **knobs: Any,
    ) -> None:
        if not LOWEST_RATE_HZ <= sample_rate <= HIGHEST_RATE_HZ:
            raise ArgumentError(
                f"sample rate {sample_rate:g} Hz is out of range; it goes from {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}"
            )
        if not 1 <= channels <= 64:
            raise ArgumentError(f"{channels} channels are out of range; there are 1 to 64")
        if settings is not None and knobs:
            raise ArgumentError("give settings or single knobs, not both")
        self.sample_rate, self.channels = sample_rate, channels
        self._settings = settings if settings is not None else Settings(**knobs)
        self.engine: Engine = make_engine(model, sample_rate, channels, self._settings)
        self._meter_pace = 1 - 0.01 ** (1 / (VU_S * sample_rate))
        self.reset()

    @property
    def settings(self) -> Settings:
        """The knobs; assigning turns them, over 20 ms. Side-chain filter, colour and seed take effect at once."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self.engine.turn(settings, round(RAMP_S * self.sample_rate))  # first: it refuses what the model does not have
        if settings.sidechain_highpass_hz != self._settings.sidechain_highpass_hz:
            self.engine.rewire(settings)
        self._settings, self._targets = settings, _levels_of(settings)
        self._ramp_from, self._ramp_left = self._levels, round(RAMP_S * self.sample_rate)

    @property
    def gain_reduction_db(self) -> NDArray[np.float64]:
        """The gain of the last frame of each channel, in dB, at most about 0: ``(channels,)``."""
        gains: NDArray[np.float64] = self._meters.array[0].copy()
        return gains

    @property
    def meter_db(self) -> NDArray[np.float64]:
        """The same with the ballistics of a VU meter."""
        shown: NDArray[np.float64] = self._meters.array[1].copy()
        return shown

    def reset(self) -> None:
        """Forget everything heard: cells in the dark, filters at rest, the noise from its beginning."""
        self.engine.reset(self._settings)
        self._levels = self._targets = _levels_of(self._settings)
        self._ramp_from, self._ramp_left = self._levels, 0
        self._meters = Kept(np.zeros((2, self.channels)))  # the gain of the last frame; the VU meter
        self.replaced_samples = 0
        self._noise = np.random.default_rng(self._settings.seed)

    def warm_up(self, block: NDArray[Any], sidechain: NDArray[Any] | None = None) -> None:
        """Let the unit hear a block of which nothing is put out: its cells are lit, its filters settle.

        Args:
            block: see `process`.
            sidechain: see `process`.

        Raises:
            ArgumentError: if a shape does not fit, or the model takes no side chain.
        """
        replaced, noise = self.replaced_samples, self._noise.bit_generator.state
        self.process(block, sidechain)
        self.replaced_samples, self._noise.bit_generator.state = replaced, noise

    def process(self, block: NDArray[Any], sidechain: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """Return the compressed block, of the same shape, as float32.

        Args:
            block: ``(channels, frames)`` or ``(frames,)``; 0 frames are allowed.
            sidechain: what the detector hears instead, of the same shape, or one channel for all.

        Raises:
            ArgumentError: if a shape does not fit, or the model takes no side chain.
        """
        return self.process_with_gain(block, sidechain)[0]

    def process_with_gain(
        self, block: NDArray[Any], sidechain: NDArray[Any] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return the compressed block, and the gain of each frame in dB: ``(channels, frames)``; see `process`."""
        given = np.asarray(block)
        dry = self._taken(given, "block")
        side = None if sidechain is None else self._taken(np.asarray(sidechain), "side chain")
        if side is not None and side.shape[1] != dry.shape[1]:
            raise ArgumentError(f"the side chain has {side.shape[1]} frames, the block {dry.shape[1]}")
        frames = dry.shape[1]
        if not frames:
            return np.zeros(given.shape, np.float32), np.zeros(dry.shape)
        levels = self._ramped(frames)
        trim = levels[1]
        loud = dry if trim.size == 1 and trim[0] == 1 else dry * trim
        wet, decibels = self.engine.process(loud, loud if side is None else side * trim, side is not None)
        if self._settings.hiss:
            noise = self._noise.standard_normal((frames, self.channels)).T
            wet = wet + noise * 10 ** (self.engine.hiss_dbfs / 20)
        output = leave(wet, dry, levels, decibels, self._meters, self._meter_pace)
        return output.reshape(given.shape), decibels

    def _taken(self, block: NDArray[Any], what: str) -> NDArray[np.float64]:
        rows = block if block.ndim > 1 else block.reshape(1, -1)
        if what == "side chain" and len(rows) == 1:
            rows = np.repeat(rows, self.channels, axis=0)
        if rows.ndim != 2 or len(rows) != self.channels:
            raise ArgumentError(f"the {what} has shape {block.shape}; it must be ({self.channels}, frames)")
        samples, replaced = enter(rows)
        self.replaced_samples += replaced
        return samples

    def _ramped(self, frames: int) -> NDArray[np.float64]:
        """Return gain, trim and mix, ``(3, 1)`` or, while a knob moves, ``(3, frames)``."""
        targets = self._targets
        if not self._ramp_left:
            self._levels = targets
            return targets
        length = round(RAMP_S * self.sample_rate)
        place = np.minimum(length - self._ramp_left + 1 + np.arange(frames), length) / length
        self._ramp_left = max(0, self._ramp_left - frames)
        levels: NDArray[np.float64] = self._ramp_from * (1 - place) + targets * place
        self._levels = levels[:, -1:]
        return levels


def _levels_of(knobs: Settings) -> NDArray[np.float64]:
    """Return gain and trim as factors, and the mix: ``(3, 1)``."""
    return np.array([[10 ** (knobs.gain_db / 20)], [10 ** (knobs.trim_db / 20)], [knobs.mix]])


def pre_roll(beginning: NDArray[Any], frames: int) -> NDArray[Any]:
    """Return what a unit may have heard before a recording that begins in mid-sound: its beginning, backwards.

    A recording is often cut out of one that went on before, and what the cell remembers of that is not told. A mirror
    of its first seconds lights the cell as such music does, and goes over into the recording without a step. Before a
    recording that begins with silence it ends in silence, and a cell has then gone dark again as far as it does in that
    time.

    Args:
        beginning: ``(channels, at least as many frames as there are, up to frames)``.
        frames: length; less where the recording is shorter.
    """
    return beginning[:, : min(frames, beginning.shape[1])][:, ::-1]


def vu_text(meter_db: float, width: int = 30) -> str:
    """Return a VU-style bar of gain reduction for a terminal: 0 to 20 dB from left to right."""
    filled = min(width, max(0, math.floor(-meter_db / 20 * width + 0.5)))
    return f"{'█' * filled}{'·' * (width - filled)} {-meter_db:5.1f} dB"
