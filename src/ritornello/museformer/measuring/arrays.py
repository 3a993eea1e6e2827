"""Named NumPy arrays in one compressed file (``.npz``), read with a bound and without unpickling, written whole."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ReadError
from ritornello.files import read_bytes, write_bytes


def read_arrays(path: str | os.PathLike[str], names: Iterable[str]) -> dict[str, NDArray[np.generic]]:
    """Return arrays by name.

    Raises:
        ReadError: if the file is missing, damaged, or lacks one of them.
    """
    wanted = tuple(names)
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in wanted}
    except ReadError:
        raise
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error):
        raise ReadError(f"{path}: damaged, or no .npz file of {', '.join(wanted)}") from None


def write_arrays(path: str | os.PathLike[str], arrays: dict[str, ArrayLike]) -> None:
    """Write arrays by name.

    Raises:
        WriteError: if the file cannot be written.
    """
    buffer = io.BytesIO()
    named: dict[str, Any] = {name: np.asarray(values) for name, values in arrays.items()}
    np.savez_compressed(buffer, **named)
    write_bytes(path, buffer.getvalue())
