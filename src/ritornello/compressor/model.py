"""Our model: the numbers of the gain path for every setting, the colour of the unit and its noise, read from JSON.

Everything between the listed settings is interpolated: threshold, slope and make-up piecewise linearly in Peak
Reduction. What does not depend on the setting is one number each. The file is documented in docs/compress.md, so that
other programs can read it.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.gain_path import GainNumbers
from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_json_object
from ritornello.nn.weights import PACKAGED
from ritornello.training.runs import RECIPE_FILE

if TYPE_CHECKING:
    from ritornello.compressor.residual_network import ResidualNetwork

FORMAT, VERSION = "ritornello compressor", 1

MODEL_FILE = "model.json"

RESIDUAL_FOLDER = "residual"
"""Where the learned residual of a model lies, beside `MODEL_FILE`."""

Mode = Literal["compress", "limit"]

MODES: tuple[Mode, ...] = ("compress", "limit")

SHARED = (
    "knee_db", "light_ms", "attack_ms", "fast_release_ms", "slow_release_ms", "fast_share", "memory_shift_db",
    "memory_up_ms", "memory_down_ms", "memory_full_db",
)  # fmt: skip
"""Numbers that hold for every setting."""

BY_SETTING = ("threshold_db", "slope", "makeup_db")
"""Numbers that are listed for settings of Peak Reduction, for each mode."""

_RANGES = {
    "threshold_db": (-80.0, 80.0), "slope": (0.0, 1000.0), "makeup_db": (-24.0, 24.0), "knee_db": (1e-3, 60.0),
    "light_ms": (1e-3, 1e3), "attack_ms": (1e-2, 1e4), "fast_release_ms": (1e-2, 1e5), "slow_release_ms": (1e-2, 1e6),
    "fast_share": (0.0, 1.0), "memory_shift_db": (0.0, 18.0), "memory_up_ms": (1.0, 1e6), "memory_down_ms": (1.0, 1e7),
    "memory_full_db": (0.0, 60.0),
}  # fmt: skip


@dataclass(frozen=True)
class ColourNumbers:
    """What the amplifier does to the sound besides its gain.

    Attributes:
        low_hz: corner of the first-order high-pass.
        high_hz: resonance of the second-order low-pass.
        high_q: its quality.
        third: strength of the odd distortion, ``v - third v^3``.
        second: strength of the even distortion, ``+ second v^2``.
        hiss_dbfs: RMS of the white noise that the hardware adds.
    """

    low_hz: float
    high_hz: float
    high_q: float
    third: float
    second: float
    hiss_dbfs: float


@dataclass(frozen=True, eq=False)
class LevellerModel:
    """The numbers of one unit.

    Attributes:
        peak_reductions: ``(K,)``, rising, from 0 to 100: the settings that are listed.
        by_setting: for each mode and each name of `BY_SETTING` an array ``(K,)``.
        shared: for each name of `SHARED` its number.
        colour: see `ColourNumbers`.
        residual: what a network has learned of the gain beyond them, see `residual_network`; None for nothing.
    """

    peak_reductions: NDArray[np.float64]
    by_setting: dict[str, dict[str, NDArray[np.float64]]]
    shared: dict[str, float]
    colour: ColourNumbers
    residual: ResidualNetwork | None = None

    def numbers(self, mode: str, peak_reduction: float) -> GainNumbers:
        """Return the numbers of the gain path at a setting.

        Raises:
            ArgumentError: if the mode is unknown or Peak Reduction out of range.
        """
        check_setting(mode, peak_reduction)
        tables = self.by_setting[mode]
        listed = {name: float(np.interp(peak_reduction, self.peak_reductions, tables[name])) for name in BY_SETTING}
        return GainNumbers(**listed, **self.shared)

    @property
    def parameters(self) -> int:
        """How many numbers there are, without the knots and the noise."""
        learned = 0 if self.residual is None else self.residual.parameters_in_all
        return len(MODES) * len(BY_SETTING) * len(self.peak_reductions) + len(self.shared) + 5 + learned

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `read_model` takes; it does not hold the residual."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "peak_reduction": self.peak_reductions.tolist(),
            "by_setting": {
                mode: {name: [round(v, 6) for v in table.tolist()] for name, table in tables.items()}
                for mode, tables in self.by_setting.items()
            },
            "shared": self.shared,
            "colour": asdict(self.colour),
        }


def check_setting(mode: str, peak_reduction: float) -> None:
    """Refuse a setting that the unit does not have.

    Raises:
        ArgumentError: saying what there is.
    """
    if mode not in MODES:
        raise ArgumentError(f"mode '{mode[:20]}' is neither compress nor limit")
    if not 0 <= peak_reduction <= 100:
        raise ArgumentError(f"Peak Reduction {peak_reduction:g} is out of range; it goes from 0 to 100")


def load_model(name: str | os.PathLike[str] = "ours") -> LevellerModel:
    """Return the shipped model, ``"ours"``, or one from a JSON file or a folder that holds ``model.json``.

    A folder may also hold a learned residual.

    Raises:
        ReadError: if it is missing or damaged.
        MissingDependencyError: if it has a residual and torch is not installed.
    """
    place = PACKAGED / "compressor-ours" if os.fspath(name) == "ours" else Path(name)
    if not place.is_dir():
        return read_model(place)
    model = read_model(place / MODEL_FILE)
    if not (place / RESIDUAL_FOLDER).is_dir():
        if (place / RECIPE_FILE).is_file():
            raise ReadError(f"{place}: the training of its residual has not ended; go on with it")
        return model
    from ritornello.compressor.residual import load_residual

    return replace(model, residual=load_residual(place / RESIDUAL_FOLDER))


def read_model(path: Path) -> LevellerModel:
    """Return the model of a JSON file.

    Raises:
        ReadError: if it is missing, damaged, of another format, or a number is out of range.
    """
    found = read_json_object(path)
    if found.get("format") != FORMAT or found.get("version") != VERSION:
        raise ReadError(f"{path}: not a model of the format '{FORMAT}', version {VERSION}")
    try:
        knots = np.array([float(value) for value in found["peak_reduction"]])
        tables: dict[str, dict[str, NDArray[np.float64]]] = {
            mode: {name: np.array([float(v) for v in found["by_setting"][mode][name]]) for name in BY_SETTING}
            for mode in MODES
        }
        shared = {name: float(found["shared"][name]) for name in SHARED}
        colour = ColourNumbers(**{name: float(value) for name, value in found["colour"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError(f"{path}: damaged: {str(error)[:60]} is missing, too much or no number") from None
    if len(knots) < 2 or knots[0] != 0 or knots[-1] != 100 or not np.all(np.diff(knots) > 0):
        raise ReadError(f"{path}: peak_reduction must rise from 0 to 100")
    for mode, by_name in tables.items():
        for name, table in by_name.items():
            if table.shape != knots.shape:
                raise ReadError(f"{path}: {mode}: {name} needs {len(knots)} numbers, one a setting")
            _check_range(path, name, table)
    for name, value in shared.items():
        _check_range(path, name, np.array(value))
    return LevellerModel(knots, tables, shared, colour)


def _check_range(path: Path, name: str, values: NDArray[np.float64]) -> None:
    low, high = _RANGES[name]
    if not np.all((values >= low) & (values <= high)):
        raise ReadError(f"{path}: {name} is out of range; it goes from {low:g} to {high:g}")
