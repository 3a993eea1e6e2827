"""`ritornello train SYSTEM`: learn a system's tables or weights from a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, progress_bar
from ritornello.app.inputs import check_output_file
from ritornello.files import write_bytes

app = cyclopts.App(name="train", help="Learn a system's tables from a data set.")


@app.command
def imitation(
    *,
    data: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Count the prior of pop music that imitation falls back on, from the training split.

    Examples:
      ritornello train imitation --data pop909.zip -o prior.json.gz

    Args:
        data: Folder or zip in the layout of the POP909 pack.
        out: The file to write, gzipped JSON; the shipped one lies in the package under weights/imitation-pop909.
        force: Replace an existing file.
    """
    check_output_file(out, force, data)
    from ritornello.datasets.pop909 import Pop909
    from ritornello.imitation.train import build_prior

    dataset = Pop909(data)
    with progress_bar("Counting", common) as progress:
        prior = build_prior(dataset, dataset.split("train"), progress=progress)
    write_bytes(out, prior.to_bytes())
    left_out = f"; left out: {', '.join(prior.skipped)}" if prior.skipped else ""
    counted = {"out": str(out), "songs": prior.songs, "skipped": list(prior.skipped)}
    return Outcome(f"{out}: learned from {prior.songs} songs{left_out}", counted)
