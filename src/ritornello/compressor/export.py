"""The streaming cell for other programs: ONNX with its state, or a documented JSON.

The ONNX graph of our model at one setting takes a block ``x`` (frames, float32) and a ``state`` (6 numbers) and
returns ``y`` (frames) and the state after it; a Scan runs the recurrence of `gain_path` and the colour filter is left
to the host, as its coefficients stand in the JSON. S4's takes ``x`` and the states of its layers. An export is run on
10 s of sound with the state carried from block to block and fails if it differs from the processor by more than 1e-5.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.gain_path import GainNumbers
from ritornello.compressor.linear_colour import colour_filter
from ritornello.compressor.model import LevellerModel
from ritornello.compressor.process import Leveller, Settings
from ritornello.errors import ArgumentError, MissingDependencyError
from ritornello.files import write_bytes, write_json

TOLERANCE = 1e-5
"""Greatest difference of an export from the processor."""

_STATE = ("light", "fast", "slow", "memory", "gain")
_OPSET = 17


def export_json(model: LevellerModel, path: Path, sample_rate: float, settings: Settings) -> dict[str, Any]:
    """Write everything another program needs to run the cell at one setting and sample rate; return it.

    The object has ``sample_rate``, ``mode``, ``peak_reduction``, ``coefficients`` (the recurrence, names as in
    `GainNumbers`, times as one-pole coefficients), ``makeup_db``, ``colour`` (numerator and denominator of the filter).

    Raises:
        ArgumentError: if the model has a learned residual, which the cell does not hold.
    """
    _refuse_residual(model)
    numbers = model.numbers(settings.mode, settings.peak_reduction)
    row = numbers.at_rate(sample_rate, 0.0, 1.0).tolist()
    names = (
        "threshold_db", "slope", "knee_db", "light", "attack", "fast_release", "slow_release", "fast_share",
        "memory_shift_db", "memory_up", "memory_down", "memory_full",
    )  # fmt: skip
    tone = model.colour
    numerator, pole = colour_filter(sample_rate, tone.low_hz, tone.high_hz, tone.high_q)
    cell = {
        "format": "ritornello compressor cell",
        "version": 1,
        "sample_rate": sample_rate,
        "mode": settings.mode,
        "peak_reduction": settings.peak_reduction,
        "coefficients": dict(zip(names, row, strict=False)),
        "makeup_db": numbers.makeup_db,
        "colour": {"numerator": numerator.tolist(), "denominator": [1.0, -pole]},
    }
    write_json(path, cell)
    return cell


def _refuse_residual(model: LevellerModel) -> None:
    if model.residual is not None:
        raise ArgumentError("exports hold the gain path, not a learned residual; give the model without its residual")


def run_json(cell: dict[str, Any], signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the cell of a JSON file makes of one channel: the independent reader, in plain Python."""
    k = cell["coefficients"]
    light = fast = slow = memory = 0.0
    gain = 1.0
    levels = []
    for sample in signal.tolist():
        light += k["light"] * (abs(sample) * gain - light)
        over = 20 * math.log10(max(light, 1e-6)) - k["threshold_db"] + k["memory_shift_db"] * memory
        half = k["knee_db"] / 2
        bent = over if over >= half else (over + half) ** 2 / (4 * half) if over > -half else 0.0
        wanted = -k["slope"] * bent
        fast += (k["attack"] if wanted < fast else k["fast_release"]) * (wanted - fast)
        slow += (k["attack"] if wanted < slow else k["slow_release"]) * (wanted - slow)
        decibels = k["fast_share"] * fast + (1 - k["fast_share"]) * slow
        reduction = min(-decibels / 20, k["memory_full"])
        memory += (k["memory_up"] if reduction > memory else k["memory_down"]) * (reduction - memory)
        gain = 10 ** (decibels / 20)
        levels.append(10 ** ((decibels + cell["makeup_db"]) / 20))
    wet = signal * np.array(levels)
    numerator, pole = cell["colour"]["numerator"], -cell["colour"]["denominator"][1]
    output: NDArray[np.float64] = np.empty_like(wet)
    last = 0.0
    padded = np.concatenate([np.zeros(len(numerator) - 1), wet])
    for t in range(len(wet)):
        last = pole * last + float(np.dot(numerator, padded[t : t + len(numerator)][::-1]))
        output[t] = last
    return output


def export_onnx(model: LevellerModel, path: Path, sample_rate: float, settings: Settings) -> float:
    """Write the gain cell as ONNX and check it; return the greatest difference from the processor.

    Raises:
        MissingDependencyError: if onnx or onnxruntime is not installed.
        ArgumentError: if the export differs by more than `TOLERANCE`, or the model has a learned residual; nothing is
            written then.
    """
    _refuse_residual(model)
    try:
        import onnx
        import onnxruntime
    except ImportError:
        raise MissingDependencyError('exports need onnx and onnxruntime; run: pip install "ritornello[onnx]"') from None
    numbers = model.numbers(settings.mode, settings.peak_reduction)
    graph = _gain_graph(onnx, numbers, sample_rate)
    data = graph.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    difference = _verify(session, sample_rate, settings)
    if not difference <= TOLERANCE:
        raise ArgumentError(
            f"the export differs from the processor by {difference:.2g}; at most {TOLERANCE:g} is accepted"
        )
    write_bytes(path, data)
    return difference


def _verify(session: Any, sample_rate: float, settings: Settings, seconds: float = 10.0) -> float:
    rng = np.random.default_rng(0)
    frames = round(seconds * sample_rate)
    envelope = np.repeat(10 ** rng.uniform(-2, 0, 1 + frames // 8000), 8000)[:frames]
    signal = (rng.standard_normal(frames) * envelope * 0.3).astype(np.float32)
    wanted = Leveller(sample_rate, 1, Settings(settings.peak_reduction, settings.mode, colour=False)).process(signal)
    state = np.array([0, 0, 0, 0, 1], np.float64)
    worst, start = 0.0, 0
    lengths = iter(rng.integers(1, 60_000, 10_000).tolist())
    while start < frames:
        block = signal[start : start + next(lengths)]
        found, state = session.run(None, {"x": block, "state": state})
        worst = max(worst, float(np.abs(found - wanted[start : start + len(block)]).max()))
        start += len(block)
    return worst


def _gain_graph(onnx: Any, numbers: GainNumbers, sample_rate: float) -> Any:
    """Return the ONNX model: a Scan over frames, whose body is one step of the recurrence, in float64."""
    helper, double, single = onnx.helper, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT
    k = numbers.at_rate(sample_rate, 0.0, 1.0)
    names = (
        "threshold",
        "slope",
        "knee",
        "light_pace",
        "attack",
        "fast_pace",
        "slow_pace",
        "share",
        "shift",
        "up",
        "down",
        "full",
    )
    values = dict(zip(names, k.tolist(), strict=False))
    values |= {
        "half": values["knee"] / 2, "minus_half": -values["knee"] / 2, "twice": 2 * values["knee"],
        "rest": 1 - values["share"],
        "db": 20 / math.log(10), "floor": 1e-6, "minus_slope": -values["slope"], "twenty": -20.0, "zero": 0.0,
        "makeup": 10 ** (numbers.makeup_db / 20),
    }  # fmt: skip
    constants = [
        helper.make_node("Constant", [], [name], value=helper.make_tensor(name, double, [], [value]))
        for name, value in values.items()
    ]
    nodes = list(constants)
    counter = iter(range(1000))

    def node(kind: str, *inputs: str, out: str = "") -> str:
        name = out or f"v{next(counter)}"
        nodes.append(helper.make_node(kind, list(inputs), [name]))
        return name

    def follow(state: str, wanted: str, is_first: str, first: str, second: str, out: str) -> str:
        pace = node("Where", is_first, first, second)
        return node("Add", state, node("Mul", pace, node("Sub", wanted, state)), out=out)

    heard = node("Mul", node("Abs", "sample"), "gain_in")
    light = node("Add", "light_in", node("Mul", "light_pace", node("Sub", heard, "light_in")), out="light_out")
    level = node("Mul", "db", node("Log", node("Max", light, "floor")))
    over = node("Add", node("Sub", level, "threshold"), node("Mul", "shift", "memory_in"))
    raised = node("Add", over, "half")
    bent = node("Where", node("Less", over, "half"), node("Div", node("Mul", raised, raised), "twice"), over)
    knee = node("Where", node("Greater", over, "minus_half"), bent, "zero")
    wanted = node("Mul", "minus_slope", knee)
    fast = follow("fast_in", wanted, node("Less", wanted, "fast_in"), "attack", "fast_pace", "fast_out")
    slow = follow("slow_in", wanted, node("Less", wanted, "slow_in"), "attack", "slow_pace", "slow_out")
    decibels = node("Add", node("Mul", "share", fast), node("Mul", "rest", slow))
    reduction = node("Min", node("Div", decibels, "twenty"), "full")
    follow("memory_in", reduction, node("Greater", reduction, "memory_in"), "up", "down", "memory_out")
    gain = node("Exp", node("Div", decibels, "db"), out="gain_out")
    node("Mul", node("Mul", "sample", gain), "makeup", out="wet")
    state_in = [helper.make_tensor_value_info(f"{name}_in", double, []) for name in _STATE]
    state_out = [helper.make_tensor_value_info(f"{name}_out", double, []) for name in _STATE]
    body = helper.make_graph(
        nodes, "step", [*state_in, helper.make_tensor_value_info("sample", double, [])],
        [*state_out, helper.make_tensor_value_info("wet", double, [])],
    )  # fmt: skip
    outer = [helper.make_node("Cast", ["x"], ["wide"], to=double)]
    outer += [
        helper.make_node(
            "Constant", [], [f"i{number}"], value=helper.make_tensor(f"i{number}", onnx.TensorProto.INT64, [], [number])
        )
        for number in range(len(_STATE))
    ]
    outer += [
        helper.make_node("Gather", ["state", f"i{number}"], [f"s_{name}"], axis=0) for number, name in enumerate(_STATE)
    ]
    scanned = [f"t_{name}" for name in _STATE]
    outer.append(
        helper.make_node(
            "Scan", [*(f"s_{name}" for name in _STATE), "wide"], [*scanned, "scanned"], body=body, num_scan_inputs=1
        )
    )
    outer.append(helper.make_node("Cast", ["scanned"], ["y"], to=single))
    axes = helper.make_node(
        "Constant", [], ["axis"], value=helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [0])
    )
    outer.append(axes)
    outer += [helper.make_node("Unsqueeze", [name, "axis"], [f"u_{name}"]) for name in scanned]
    outer.append(helper.make_node("Concat", [f"u_{name}" for name in scanned], ["state_after"], axis=0))
    graph = helper.make_graph(
        outer, "leveller",
        [helper.make_tensor_value_info("x", single, ["frames"]), helper.make_tensor_value_info("state", double, [5])],
        [
            helper.make_tensor_value_info("y", single, ["frames"]),
            helper.make_tensor_value_info("state_after", double, [5]),
        ],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="ritornello")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model
