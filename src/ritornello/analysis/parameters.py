"""The learned tables of the analysis: small, plain numbers in `parameters.json`, fitted on POP909's train split.

`evaluation.analysis_fit` writes the file; nothing else does. Tables hold statistics of many songs, no song.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def _document() -> dict[str, Any]:
    text = resources.files("ritornello.analysis").joinpath("parameters.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def use(tables: dict[str, Any]) -> None:
    """Put other tables in the place of those of the file, for this process; the fit works with what it just learned."""
    table.cache_clear()
    _document.cache_clear()
    _document().update(tables)


@cache
def table(name: str) -> NDArray[np.float64]:
    """Return a table by name, read-only, in the shape in which it was written."""
    values = np.array(_document()[name], dtype=np.float64)
    values.flags.writeable = False
    return values
