"""The table of a comparison, as Markdown for people and as CSV for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import Any

from ritornello.evaluation.statistics import Estimate
from ritornello.nn.objectives import OBJECTIVES
from ritornello.objectives.comparison import Comparison, Difference, Ratio, Row
from ritornello.objectives.task import Task
from ritornello.objectives.verdict import verdict_lines


def markdown(comparison: Comparison, task: Task, budget: str, command: str) -> str:
    """Return verdict, table and notes.

    Args:
        comparison: what the runs say.
        task: what on.
        budget: how much was tuned, for the notes.
        command: the command that makes the table again.
    """
    profile = task.profile
    targets = ", ".join(f"{100 * share:.0f} %: {100 * value:.1f} %" for share, value in comparison.targets.items())
    lines = [
        f"# Objectives on {task.title}, profile {profile.name}", "",
        *verdict_lines(comparison), "",
        "| " + " | ".join(_HEADINGS) + " |", "|" + "---|" * len(_HEADINGS),
        *("| " + " | ".join(_cells(row)) + " |" for row in comparison.rows), "",
        f"Targets are shares of tuned cross-entropy's best mean validation accuracy ({targets}). Steps: median over "
        "seeds and the share of runs that arrived. Ratios are of steps to the 95 % target at paired seeds, geometric "
        "means with 95 % bootstrap intervals; p is Wilcoxon's, corrected by Holm over a column. 'At least': some runs "
        "did not arrive and count as whole runs. s multiplies the loss. Accuracy, NLL (nats), ECE and mass (of the sum "
        f"of e^z / K) are of the test split after {profile.steps} steps under a cosine schedule; of controls after as "
        "many at a constant rate. NLL and ECE are before / after one scale on the logits.", "",
        budget, "", f"Made by `{command}`.", "",
    ]  # fmt: skip
    budgets = sorted({share for row in comparison.rows for share in row.finals})
    if len(budgets) > 1:
        lines += ["| loss | " + " | ".join(f"{100 * share:.0f} % of the steps" for share in budgets) + " |"]
        lines += ["|" + "---|" * (len(budgets) + 1)]
        for row in comparison.rows:
            if row.finals:
                cells = [_accuracy(row, share) for share in budgets]
                lines += [f"| {OBJECTIVES[row.objective].title} | " + " | ".join(cells) + " |"]
        lines += [""]
    return "\n".join(lines)


_HEADINGS = (
    "loss", "control", "rate", "decay", "s", "steps to 90 %", "95 %", "99 %", "ratio to CE", "p", "ratio to CE + A²/2",
    "p", "test accuracy, %", "difference to CE", "p", "NLL", "ECE, %", "mass", "ms a step", "diverged",
)  # fmt: skip


def _cells(row: Row) -> list[str]:
    found = row.measured
    return [
        OBJECTIVES[row.objective].title,
        row.control,
        f"{row.setting.rate:.3g}",
        f"{row.setting.decay:.3g}",
        f"{row.scale:.3g}",
        *(_steps(*value) for value in row.steps.values()),
        _ratio(row.to_base),
        _p(row.to_base),
        _ratio(row.to_penalised),
        _p(row.to_penalised),
        "" if 1.0 not in row.finals else f"{row.finals[1.0][0]:.1f} ± {row.finals[1.0][1]:.1f}",
        "" if 1.0 not in row.differences else _points(row.differences[1.0]),
        _p(row.differences.get(1.0)),
        f"{found['nll']:.3f} / {found['nll_scaled']:.3f}" if found else "",
        f"{100 * found['ece']:.1f} / {100 * found['ece_scaled']:.1f}" if found else "",
        f"{found['mass']:.3g} ± {found['mass_deviation']:.2g}" if found else "",
        f"{row.ms_per_step:.1f}",
        str(row.diverged),
    ]


def _steps(median: float, share: float) -> str:
    middle = "–" if math.isinf(median) else f"{median:.0f}"
    return f"{middle} ({100 * share:.0f} %)"


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return ""
    bound = f"{ratio.bound} " if ratio.bound else ""
    return f"{bound}{ratio.estimate.value:.2f} ({ratio.estimate.low:.2f}–{ratio.estimate.high:.2f})"


def _p(tested: Ratio | Difference | None) -> str:
    return "" if tested is None else f"{tested.p:.2g}"


def _points(difference: Difference) -> str:
    estimate = difference.estimate
    return f"{estimate.value:+.1f} ({estimate.low:+.1f} to {estimate.high:+.1f})"


def _accuracy(row: Row, share: float) -> str:
    mean, deviation = row.finals[share]
    gap = f"; {_points(row.differences[share])}" if share in row.differences else ""
    return f"{mean:.1f} ± {deviation:.1f}{gap}"


def comma_separated(comparison: Comparison) -> str:
    """Return the same figures, unrounded, one row an objective and control; what is not known is left empty."""
    rows = [_record(row) for row in comparison.rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def records(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the rows as JSON data; steps of runs that mostly did not arrive are None."""
    return [
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}
        for row in map(_record, comparison.rows)
    ]


def _record(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {
        "loss": row.objective, "control": row.control, "rate": row.setting.rate, "decay": row.setting.decay,
        "scale": row.scale,
    }  # fmt: skip
    for share, (median, arrived) in row.steps.items():
        record |= {f"steps_{100 * share:.0f}": median, f"arrived_{100 * share:.0f}": arrived}
    for name, ratio in (("ratio_to_ce", row.to_base), ("ratio_to_penalised", row.to_penalised)):
        if ratio is not None:
            record |= _ends(name, ratio.estimate) | {f"{name}_bound": ratio.bound, f"{name}_pairs": ratio.pairs}
            record[f"{name}_p_holm"] = ratio.p
    for share, (mean, deviation) in row.finals.items():
        percent = f"{100 * share:.0f}"
        record |= {f"accuracy_{percent}": mean, f"accuracy_{percent}_deviation": deviation}
        if share in row.differences:
            record |= _ends(f"difference_{percent}", row.differences[share].estimate)
            record[f"difference_{percent}_p_holm"] = row.differences[share].p
    return record | _rounded(row.measured) | {"ms_per_step": row.ms_per_step, "diverged": row.diverged}


def _ends(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in values.items()}
