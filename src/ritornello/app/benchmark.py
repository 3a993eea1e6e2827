"""`ritornello benchmark SYSTEM`: how fast a system is on this machine, beside what it is to be measured against."""

from __future__ import annotations

from typing import Literal

import cyclopts

from ritornello.app.console import DEFAULTS, Common, Outcome
from ritornello.app.inputs import require_networks

app = cyclopts.App(name="benchmark", help="Time a system on this machine.")


@app.command
def museformer(*, size: Literal["small", "paper"] = "small", common: Common = DEFAULTS) -> Outcome:
    """Time Museformer's decoding and training beside full attention of the same size, in the same run.

    Examples:
      ritornello benchmark museformer --json
      ritornello benchmark museformer --size paper --json

    Args:
        size: The size of the network.
    """
    require_networks()
    from ritornello.app.evaluate import as_table
    from ritornello.museformer.benchmark import benchmark

    result = benchmark(size=size)
    return Outcome(as_table(result), result)
