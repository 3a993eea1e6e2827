"""Models on the bench: transfer curves, bursts of a tone, the data sheet beside published ones, and their own numbers.

What is measured and how is in `characteristics`; here it is done for every setting that is drawn and told. Levels are
those of a sine's peak in dBFS, gains and reductions are in dB.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.characteristics import (
    Characteristics,
    StepResponse,
    level_of,
    measure,
    static_reduction_db,
    step_response,
)
from ritornello.compressor.engines import GainPathEngine
from ritornello.compressor.model import MODES
from ritornello.compressor.process import Leveller, Settings
from ritornello.errors import ArgumentError

Signal = NDArray[np.float64]

SAMPLE_RATE = 44_100

PEAK_REDUCTIONS = (30.0, 50.0, 65.0, 80.0, 100.0)
"""Settings whose curves are measured."""

LEVELS_DBFS = tuple(float(level) for level in range(-60, 1, 3))

EXPOSURES_S = (0.1, 1.0, 10.0)
"""Lengths of the bursts."""

BURST_PEAK_REDUCTION, BURST_REDUCTION_DB = 80.0, 15.0
"""Setting of the bursts, and the reduction in Compress that their level is chosen for."""

_RECOVERY_S = 20.0

PUBLISHED: tuple[tuple[str, str, str, Callable[[Characteristics], float]], ...] = (
    ("reduction at 0 VU, Peak Reduction 30", "1 dB", "dB", lambda sheet: sheet.reduction_at_zero_vu_db[30.0]),
    ("reduction at 0 VU, Peak Reduction 50", "5 dB", "dB", lambda sheet: sheet.reduction_at_zero_vu_db[50.0]),
    ("reduction at 0 VU, Peak Reduction 100", "above 30 dB", "dB", lambda sheet: sheet.reduction_at_zero_vu_db[100.0]),
    ("1 dB of reduction at Peak Reduction 100, over 0 VU", "-40 dB", "dB", lambda sheet: sheet.threshold_db),
    ("ratio in Compress", "3 to 4", "", lambda sheet: sheet.compress_ratio),
    ("ratio in Limit", "above 10", "", lambda sheet: sheet.limit_ratio),
    ("attack to 63 % of 6 dB", "10 to 50 ms", "ms", lambda sheet: sheet.attack_ms),
    ("release to 50 % after .5 s", "40 to 80 ms", "ms", lambda sheet: sheet.release_half_ms),
    ("release to 10 % after .5 s", ".5 to 5 s", "s", lambda sheet: sheet.release_tenth_s),
    ("release to 50 % after 10 s", ".8 s", "s", lambda sheet: sheet.long_release_s[50]),
    ("more reduction at 10 kHz than at 100 Hz", "4 dB", "dB", lambda sheet: sheet.treble_db),
    ("distortion at 6 dB of reduction", ".9 to 4.2 %", "%", lambda sheet: sheet.distortion_percent),
)  # fmt: skip
"""Of each line of the data sheet its name, what is published of hardware, its unit and how it is read."""


@dataclass(frozen=True, eq=False)
class BenchResult:
    """What a model does on the bench.

    Attributes:
        curves: for each mode and Peak Reduction the reduction at `LEVELS_DBFS`.
        burst_level_dbfs: level of the bursts.
        bursts: for each mode and length in seconds the reduction around a burst at `BURST_PEAK_REDUCTION`.
        sheet: the data sheet; None of a model that reduces too little for one.
        numbers: for each mode and Peak Reduction the numbers of the gain path; empty if the model is no gain path.
    """

    curves: dict[str, dict[float, Signal]]
    burst_level_dbfs: float
    bursts: dict[str, dict[float, StepResponse]]
    sheet: Characteristics | None
    numbers: dict[str, dict[float, dict[str, float]]]

    def as_json(self) -> dict[str, Any]:
        """Return it for a JSON file; what is infinite or no number is None."""
        sheet = None if self.sheet is None else _finite(asdict(self.sheet))
        curves = {
            mode: {f"{knob:g}": [round(value, 3) for value in curve.tolist()] for knob, curve in by_knob.items()}
            for mode, by_knob in self.curves.items()
        }
        bursts = {
            mode: {
                f"{exposure:g}": _finite({
                    "attack_63_ms": 1e3 * step.attack_s(), "release_50_s": step.release_s(0.5),
                    "release_10_s": step.release_s(0.1),
                })
                for exposure, step in by_length.items()
            }
            for mode, by_length in self.bursts.items()
        }  # fmt: skip
        numbers = {
            mode: {f"{knob:g}": values for knob, values in by_knob.items()} for mode, by_knob in self.numbers.items()
        }
        return {
            "levels_dbfs": list(LEVELS_DBFS), "reduction_db": curves,
            "burst_level_dbfs": round(self.burst_level_dbfs, 2), "bursts": bursts, "sheet": sheet, "numbers": numbers,
        }  # fmt: skip


def on_the_bench(
    model: str, zero_vu_dbfs: float = -10.0, progress: Callable[[int, int], None] | None = None
) -> BenchResult:
    """Return what a model does to test signals: about seven minutes of them.

    Args:
        model: see `Leveller`.
        zero_vu_dbfs: level of 0 VU, for the data sheet.
        progress: called with (measurements done, in all).

    Raises:
        ArgumentError: if there is no such model.
        ReadError: if it cannot be read.
        MissingDependencyError: if it needs torch.
    """
    unit = Leveller(SAMPLE_RATE, model=model)
    steps = len(MODES) * (len(PEAK_REDUCTIONS) + len(EXPOSURES_S)) + 1
    done = 0

    def maker(mode: str, peak_reduction: float) -> Leveller:
        unit.settings = Settings(mode=mode, peak_reduction=peak_reduction)
        unit.reset()
        return unit

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, steps)

    curves: dict[str, dict[float, Signal]] = {mode: {} for mode in MODES}
    for mode, by_knob in curves.items():
        for knob in PEAK_REDUCTIONS:
            by_knob[knob] = static_reduction_db(maker, mode, knob, LEVELS_DBFS, SAMPLE_RATE)
            tell()
    curve = curves["compress"][BURST_PEAK_REDUCTION]
    level = level_of(LEVELS_DBFS, curve, min(BURST_REDUCTION_DB, float(curve.max())))
    bursts: dict[str, dict[float, StepResponse]] = {mode: {} for mode in MODES}
    for mode, by_length in bursts.items():
        for exposure in EXPOSURES_S:
            by_length[exposure] = step_response(
                maker, mode, BURST_PEAK_REDUCTION, level, exposure, _RECOVERY_S, SAMPLE_RATE
            )
            tell()
    try:
        sheet = measure(maker, zero_vu_dbfs, SAMPLE_RATE, BURST_PEAK_REDUCTION)
    except ArgumentError:  # it does not reduce by 15 dB
        sheet = None
    tell()
    numbers: dict[str, dict[float, dict[str, float]]] = {}
    if isinstance(unit.engine, GainPathEngine):
        inside = unit.engine.model
        numbers = {mode: {knob: asdict(inside.numbers(mode, knob)) for knob in PEAK_REDUCTIONS} for mode in MODES}
    return BenchResult(curves, level, bursts, sheet, numbers)


def sheet_text(results: dict[str, BenchResult]) -> str:
    """Return the data sheets of models in columns beside what is published, and the numbers of gain paths below."""
    rows = [["", "published", *results]]
    for name, published, unit, read in PUBLISHED:
        values = [None if result.sheet is None else read(result.sheet) for result in results.values()]
        rows.append([name, published, *(_figure(value, unit) for value in values)])
    text = _columns(rows)
    for model, result in results.items():
        for mode, by_knob in result.numbers.items():
            names = list(next(iter(by_knob.values())))
            table = [[f"{model}, {mode}", *(f"{knob:g}" for knob in by_knob)]]
            table += [[name, *(f"{values[name]:.4g}" for values in by_knob.values())] for name in names]
            text += "\n\n" + _columns(table)
    return text


def curves_csv(results: dict[str, BenchResult]) -> str:
    """Return the curves as a table: model, mode, Peak Reduction, input, output without make-up, reduction."""
    lines = ["model,mode,peak_reduction,input_dbfs,output_dbfs,reduction_db"]
    for model, result in results.items():
        for mode, by_knob in result.curves.items():
            for knob, curve in by_knob.items():
                for level, value in zip(LEVELS_DBFS, curve.tolist(), strict=True):
                    lines.append(f'"{model}",{mode},{knob:g},{level:g},{level - value:.3f},{value:.3f}')
    return "\n".join(lines) + "\n"


def _figure(value: float | None, unit: str) -> str:
    if value is None or math.isnan(value):
        return "–"
    return "never" if math.isinf(value) and unit else f"{round(value, 3) + 0.0:.3g} {unit}".rstrip()


def _columns(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((first.ljust(widths[0]), *cells)).rstrip())
    return "\n".join(lines)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {f"{key:g}" if isinstance(key, float) else str(key): _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
