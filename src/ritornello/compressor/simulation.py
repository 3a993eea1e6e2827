"""The electro-optical reference simulation of the levelling amplifier: a feedback loop around a photocell.

After the published design studies of the LA-2A (voltage divider of 68 k and cell beside 100 k, EL panel after Alfrey
and Taylor, CdS cell with a trap pool); `calibration.calibrate` fits the values of cell, panel and knob to published
measurements of units and two recordings. Ours: full traps make the attack quicker, the knob has a taper, and the third
harmonic grows with the light on the cell. In one sample: divider, tap (Compress hears the output, Limit a little
of the input too), drive by Peak Reduction, saturation, tilt and R37 shelf of the side chain, light of the panel, the
cell's fast carriers with a pool of trapped ones and a deep one, colour of the stages after it.

Signals are float64 ``(channels, frames)``; all channels share one cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.nn.compiled import load_function

_SOURCE = Path(__file__).with_suffix(".cpp")

LIMIT_TAP = 2.7 / 70.7
"""How much of the input the side chain hears in Limit, after the circuit diagram."""

SERIES_OHM, LOAD_OHM, DARK_SIEMENS = 70.7e3, 100e3, 0.5e-6


KNOB = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 65.0, 70.0, 80.0, 90.0, 100.0)
"""Settings of Peak Reduction at which the taper of the knob is listed; see `taper`."""


@dataclass(frozen=True)
class UnitConstants:
    """One unit: what differs from panel to panel and cell to cell.

    Attributes:
        drive_db: drive of the side chain at Peak Reduction 65, in dB per full scale.
        taper_db: more drive at each setting of `KNOB`, linear between; below 10 the knob turns down to nothing.
        limit_tap: how much of the input the side chain hears in Limit.
        saturation: level at which the driver saturates, in units of the panel's onset.
        tilt_db: rise of the side chain's response from low to high frequencies.
        tilt_hz: where the tilt turns.
        shelf_db: cut of the R37 low shelf, 0 to 10 dB.
        shelf_hz: its corner.
        rectifier_ms: time constant of the panel's light.
        brightness: of the panel.
        field: b of the Alfrey-Taylor law exp(-b / sqrt(u)).
        exponent: of conductance over light.
        sensitivity: k: equilibrium of carriers over light.
        attack_ms: of fast carriers in weak light.
        attack_light: light at which the attack takes half that time.
        attack_fill: how much quicker it is when all traps are full: from the dark they take the first carriers.
        release_ms: of fast carriers.
        capture_s: time in which a carrier is trapped.
        escape_s: time in which it comes free from an empty pool.
        escape_fill: how much longer from a full one.
        deep_s: time of the deep pool.
        deep_weight: its share of the conductance.
        conductance_us: conductance per carrier, in microsiemens.
        cell_third: kappa of the lit cell's distortion: y (1 - kappa (1 - a) y^2) at the gain a.
        output_db: level of the output stage.
    """

    drive_db: float = 35.75
    taper_db: tuple[float, ...] = tuple(0.55 * (knob - 65) for knob in KNOB)
    limit_tap: float = LIMIT_TAP
    saturation: float = 80.0
    tilt_db: float = 6.0
    tilt_hz: float = 1500.0
    shelf_db: float = 0.0
    shelf_hz: float = 1000.0
    rectifier_ms: float = 1.0
    brightness: float = 8.0
    field: float = 3.0
    exponent: float = 0.7
    sensitivity: float = 1.0
    attack_ms: float = 12.0
    attack_light: float = 1.0
    attack_fill: float = 0.0
    release_ms: float = 60.0
    capture_s: float = 0.3
    escape_s: float = 0.5
    escape_fill: float = 9.0
    deep_s: float = 45.0
    deep_weight: float = 0.05
    conductance_us: float = 54.0
    cell_third: float = 0.0
    output_db: float = 0.0

    def drive_at(self, peak_reduction: float) -> float:
        """Return the drive at a Peak Reduction, in dB; below 10 the knob turns down to nothing."""
        turned_down = 20 * math.log10(min(max(peak_reduction / KNOB[0], 1e-15), 1.0))
        return self.drive_db + float(np.interp(peak_reduction, KNOB, self.taper_db)) + turned_down

    def varied(self, seed: int, spread: float = 0.1) -> UnitConstants:
        """Return another unit of the same kind: times, brightness and thresholds differ by a few per cent.

        Args:
            seed: of the differences.
            spread: standard deviation of their logarithms.
        """
        rng = np.random.default_rng(seed)
        names = ("rectifier_ms", "brightness", "attack_ms", "release_ms", "capture_s", "escape_s", "conductance_us")
        changes = {name: getattr(self, name) * math.exp(spread * rng.standard_normal()) for name in names}
        return replace(self, drive_db=self.drive_db + 8 * spread * float(rng.standard_normal()), **changes)


@dataclass(frozen=True)
class Colour:
    """What the stages after the divider do to the signal.

    Attributes:
        cell_third: kappa of y (1 - kappa y^2), whether the cell is lit or not.
        second: strength of the output stage's even distortion.
        low_hz: corner of the first-order high-pass.
        high_hz: resonance of the second-order low-pass.
        high_q: its quality.
    """

    cell_third: float = 0.02
    second: float = 0.004
    low_hz: float = 8.0
    high_hz: float = 23200.0
    high_q: float = 1.0


@dataclass(eq=False)
class Simulation:
    """A unit at work; call it with blocks of any length.

    Args:
        sample_rate: frames per second.
        channels: they share one cell.
        peak_reduction: 0 to 100.
        is_limit: the switch: Limit, else Compress.
        constants: the unit.
        mean_link: 0 follows the loudest channel, 1 the mean of all.

    Raises:
        ArgumentError: if Peak Reduction or the link is out of range.
    """

    sample_rate: float
    channels: int = 1
    peak_reduction: float = 50.0
    is_limit: bool = False
    constants: UnitConstants = field(default_factory=UnitConstants)
    mean_link: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.peak_reduction <= 100:
            raise ArgumentError(f"Peak Reduction {self.peak_reduction:g} is out of range; it goes from 0 to 100")
        if not 0 <= self.mean_link <= 1:
            raise ArgumentError(f"link {self.mean_link:g} is out of range; it goes from 0 (loudest) to 1 (mean)")
        self._numbers = _numbers(self.constants, self.sample_rate, self.peak_reduction, self.is_limit, self.mean_link)
        self.reset()

    def reset(self) -> None:
        """Go back to a cell that has long been in the dark."""
        self._cell = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
        self._filters = np.zeros((self.channels, 2))

    def take_state(self, other: Simulation) -> None:
        """Go on from where another simulation of as many channels is."""
        self._cell, self._filters = other._cell.copy(), other._filters.copy()

    def process(
        self, block: NDArray[np.float64], side_chain: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the block behind divider and output stage ``(channels, frames)``, and each frame's gain ``(frames,)``.

        Args:
            block: ``(channels, frames)``.
            side_chain: what the detector hears instead, of the same shape.
        """
        block = np.ascontiguousarray(block, np.float64)
        side = None if side_chain is None else np.ascontiguousarray(side_chain, np.float64)
        if block.shape[0] != self.channels or (side is not None and side.shape != block.shape):
            raise ArgumentError(f"the simulation takes {self.channels} channels, and a side chain of the block's shape")
        output, gain = np.empty_like(block), np.empty(block.shape[1])
        kernel = _kernel()
        if kernel is None:
            _simulate_in_python(
                block, block if side is None else side, self._numbers, self._cell, self._filters, output, gain
            )
        else:
            kernel(
                block.shape[1], self.channels, block.ctypes.data, None if side is None else side.ctypes.data,
                self._numbers.ctypes.data, self._cell.ctypes.data, self._filters.ctypes.data, output.ctypes.data,
                gain.ctypes.data,
            )  # fmt: skip
        output -= self.constants.cell_third * (1 - gain) * np.clip(output, -1.0, 1.0) ** 3
        level = 10 ** (self.constants.output_db / 20)
        return output * level, gain * level


def colour_of(colour: Colour | None = None) -> tuple[float, float, float, float, float]:
    """Return corner, resonance, its quality, odd and even distortion, as `engines` takes them."""
    chosen = colour or Colour()
    return chosen.low_hz, chosen.high_hz, chosen.high_q, chosen.cell_third, chosen.second


def coloured(signal: NDArray[np.float64], sample_rate: float, colour: Colour | None = None) -> NDArray[np.float64]:
    """Return a signal after the cell's and the output stage's distortion and band limits: ``(channels, frames)``."""
    from scipy.signal import lfilter

    from ritornello.compressor.linear_colour import colour_filter

    chosen = colour or Colour()
    bounded = np.clip(signal, -1.0, 1.0)
    bent = signal - chosen.cell_third * bounded**3 + chosen.second * bounded**2
    numerator, pole = colour_filter(sample_rate, chosen.low_hz, chosen.high_hz, chosen.high_q)
    filtered: NDArray[np.float64] = lfilter(numerator, [1.0, -pole], bent)
    return filtered


def _pace(seconds: float, rate: float) -> float:
    return 1.0 - math.exp(-1.0 / max(seconds * rate, 1e-9))


def _numbers(
    unit: UnitConstants, rate: float, peak_reduction: float, is_limit: bool, mean_link: float
) -> NDArray[np.float64]:
    """Return the constants at a sample rate, in the order of ``simulation.cpp``."""
    dark = 1 / DARK_SIEMENS * LOAD_OHM / (1 / DARK_SIEMENS + LOAD_OHM)
    return np.array([
        unit.limit_tap if is_limit else 0.0,
        10 ** (unit.drive_at(peak_reduction) / 20),
        unit.saturation,
        10 ** (unit.tilt_db / 20) - 1,
        1 - math.exp(-2 * math.pi * unit.tilt_hz / rate),
        1 - 10 ** (-unit.shelf_db / 20),
        1 - math.exp(-2 * math.pi * unit.shelf_hz / rate),
        _pace(unit.rectifier_ms / 1e3, rate),
        unit.brightness,
        unit.field,
        unit.exponent,
        unit.sensitivity,
        _pace(unit.attack_ms / 1e3, rate),
        unit.attack_light,
        unit.attack_fill,
        _pace(unit.release_ms / 1e3, rate),
        1 / (unit.capture_s * rate),
        1 / (unit.escape_s * rate),
        unit.escape_fill,
        _pace(unit.deep_s, rate),
        unit.deep_weight,
        unit.conductance_us * 1e-6,
        SERIES_OHM,
        LOAD_OHM,
        dark / (SERIES_OHM + dark),
        mean_link,
    ])  # fmt: skip


def _kernel() -> Callable[..., None] | None:
    return load_function(_SOURCE, "simulate", "nnppppppp")


def _simulate_in_python(
    x: NDArray[np.float64],
    side: NDArray[np.float64],
    numbers: NDArray[np.float64],
    cell: NDArray[np.float64],
    filters: NDArray[np.float64],
    y: NDArray[np.float64],
    gain: NDArray[np.float64],
) -> None:
    """Do what ``simulation.cpp`` does, slowly."""
    (
        tap, drive, saturation, tilt_gain, tilt_pole, shelf_loss, shelf_pole, rectifier, brightness, law, exponent,
        sensitivity, attack, attack_light, attack_fill, release, capture, escape, escape_fill, deep_pace, deep_weight,
        conductance, series, load, dark, link,
    ) = numbers.tolist()  # fmt: skip
    a, light, fast, trapped, deep = cell.tolist()
    for t in range(x.shape[1]):
        y[:, t] = a * x[:, t]
        v = saturation * np.tanh(drive * side[:, t] * ((1 - tap) * a + tap) / saturation)
        filters[:, 0] += tilt_pole * (v - filters[:, 0])
        v = v + tilt_gain * (v - filters[:, 0])
        filters[:, 1] += shelf_pole * (v - filters[:, 1])
        v = np.abs(v - shelf_loss * filters[:, 1])
        loudest = float(v.max())
        light += rectifier * (loudest + link * (float(v.mean()) - loudest) - light)
        shine = brightness * math.exp(-law / math.sqrt(light)) if light > 1e-9 else 0.0
        wanted = sensitivity * shine**exponent
        quicker = (1 + shine / attack_light) * (1 + attack_fill * trapped)
        pace = attack * quicker if wanted > fast else release
        caught = capture * fast * (1 - trapped)
        freed = escape * trapped / (1 + escape_fill * trapped)
        fast += min(pace, 0.5) * (wanted - fast) - caught + freed
        trapped += caught - freed
        deep += deep_pace * (fast - deep)
        fast, trapped, deep = (0.0 if value < 1e-15 else value for value in (fast, trapped, deep))
        gain[t] = a
        resistance = 1 / (DARK_SIEMENS + conductance * ((1 - deep_weight) * fast + deep_weight * deep))
        parallel = resistance * load / (resistance + load)
        a = parallel / (series + parallel) / dark
    filters[np.abs(filters) < 1e-15] = 0.0
    cell[:] = a, 0.0 if light < 1e-15 else light, fast, trapped, deep
