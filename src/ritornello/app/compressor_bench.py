"""`ritornello evaluate compressor-bench`: models of the levelling amplifier and test signals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Progress, progress_bar
from ritornello.errors import ArgumentError


def compressor_bench(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    models: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = ("ours",),
    zero_vu: float = -10.0,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Measure models of the levelling amplifier with test signals, draw their curves, print their data sheets.

    Writes transfer.png (output over input by setting and mode), attack-release.png (the gain around bursts of a tone),
    curves.csv and bench.json. Printed are the figures of a data sheet beside those published of the hardware, and the
    numbers inside a model that has a gain path.

    Examples:
      ritornello evaluate compressor-bench -o bench
      ritornello evaluate compressor-bench -o two --models ours sim --json

    Args:
        out: Folder to write into.
        models: Names of models (ours, sim, s4-32-4, ...), files or folders of models, or all that are shipped.
        zero_vu: Level of 0 VU (+4 dBu) in dBFS, peak of a sine, that published figures are compared at, -30 to 0.
        force: Replace the files of an existing folder.
    """
    if not -30 <= zero_vu <= 0:
        raise ArgumentError(f"--zero-vu {zero_vu:g} is out of range; it goes from -30 to 0 dBFS")
    from ritornello.compressor.bench import LEVELS_DBFS, curves_csv, on_the_bench, sheet_text
    from ritornello.compressor.evaluate import chosen_models
    from ritornello.files import result_folder, write_bytes, write_json
    from ritornello.show.bench_curves import Burst, write_attack_and_release, write_transfer_curves

    names = list(dict.fromkeys(chosen_models(models)))
    if not names:
        raise ArgumentError("--models names none; give at least one, such as ours")
    with result_folder(out, force) as folder:
        results = {}
        with progress_bar("Measuring", common) as progress:
            for number, name in enumerate(names):
                told = None if progress is None else _shifted(progress, number, len(names))
                results[name] = on_the_bench(name, zero_vu, told)
        titles = {name: Path(name).name for name in names}
        curves = {titles[name]: result.curves for name, result in results.items()}
        write_transfer_curves(LEVELS_DBFS, curves, zero_vu, folder / "transfer.png")
        bursts = {
            titles[name]: {
                mode: {length: Burst(step.time_s, -step.reduction_db, length) for length, step in by_length.items()}
                for mode, by_length in result.bursts.items()
            }
            for name, result in results.items()
        }
        write_attack_and_release(bursts, folder / "attack-release.png")
        write_bytes(folder / "curves.csv", curves_csv(results).encode())
        report = {"zero_vu_dbfs": zero_vu, "models": {name: result.as_json() for name, result in results.items()}}
        write_json(folder / "bench.json", report)
    return Outcome(sheet_text(results), {"out": str(out), **report})


def _shifted(progress: Progress, before: int, models: int) -> Progress:
    """Return a progress of one model among several."""
    return lambda done, total: progress(before * total + done, models * total)
