"""Kernels in C++ that are compiled where a compiler is found: once, for the processor at hand, into the user's cache.

A source lies beside the module that calls it and has plain C functions. Each caller has another way of computing the
same, for machines without a compiler; the environment variable ``RITORNELLO_KERNELS``, set to anything but
``compiled``, chooses that way everywhere.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLAGS = (
    "-O3",
    "-std=c++17",
    "-shared",
    "-fPIC",
    "-fopenmp-simd",
    # Sums may be regrouped into vectors. Not -ffast-math: with it, loading the library changes how the process rounds.
    "-fassociative-math",
    "-fno-signed-zeros",
    "-fno-trapping-math",
    "-fno-math-errno",
)
CPU_FLAGS = (("-march=native", "-mprefer-vector-width=512"), ("-march=native",), ("-mcpu=native",), ())
"""Tried in turn: x86 with and without wide vectors, ARM, any."""

_TYPES: dict[str, Any] = {"n": ctypes.c_int64, "d": ctypes.c_double, "p": ctypes.c_void_p}
_address_of = ctypes.addressof
_view_of: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer


def are_compiled_kernels_wanted() -> bool:
    """Return whether the environment leaves compiled kernels on."""
    return os.environ.get("RITORNELLO_KERNELS", "compiled") == "compiled"


@functools.cache
def load_kernels(source: Path) -> ctypes.CDLL | None:
    """Return the compiled library of a C++ source, compiling it if need be; None where that cannot be done."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if not are_compiled_kernels_wanted() or compiler is None:
        return None
    try:
        path = cache_folder() / f"{source.stem}-{_fingerprint(source, compiler)}.so"
        if not path.exists():
            _compile(compiler, source, path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError):
        return None


@functools.cache
def load_function(source: Path, name: str, arguments: str, result: str = "") -> Callable[..., Any] | None:
    """Return a function of a source, or None where the source cannot be compiled.

    Args:
        source: the C++ source.
        name: the function.
        arguments: one letter each: ``n`` for an int64, ``d`` for a double, ``p`` for a pointer.
        result: such a letter, or nothing where the function returns nothing.
    """
    library = load_kernels(source)
    if library is None:
        return None
    function = library[name]
    function.restype = _TYPES.get(result)
    function.argtypes = [_TYPES[letter] for letter in arguments]
    return function


def address(array: NDArray[Any]) -> int:
    """Return where an array lies, for an argument ``p``, in a third of the time of ``array.ctypes.data``."""
    try:
        return _address_of(_view_of(array))
    except (TypeError, ValueError):  # it is read-only, or empty
        place: int = array.ctypes.data
        return place


class Kept:
    """An array that stays where it is as long as its owner, and its address; a copy has its own.

    Attributes:
        array: contiguous, float64, never replaced.
        place: where it lies, for an argument ``p``.
    """

    __slots__ = ("array", "place")

    def __init__(self, array: NDArray[np.float64]) -> None:
        self.array, self.place = array, address(array)

    def __reduce__(self) -> tuple[type[Kept], tuple[NDArray[np.float64]]]:
        return Kept, (self.array,)


def cache_folder() -> Path:
    """Return the folder of compiled kernels; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ritornello" / "kernels"


def _compile(compiler: str, source: Path, path: Path) -> None:
    """Compile to a name of its own and move: another process may do the same at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder) / path.name
        for flags in CPU_FLAGS:
            command = [compiler, *FLAGS, *flags, str(source), "-o", str(built)]
            result = subprocess.run(command, capture_output=True, timeout=120, check=False)
            if result.returncode == 0:
                built.replace(path)
                return
    raise OSError(f"{compiler} does not compile {source.name}")


def _fingerprint(source: Path, compiler: str) -> str:
    """Name the source and the processor: machines that share a home folder may not run the same code."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        processor = platform.processor()
    text = "\n".join((compiler, platform.machine(), processor, *FLAGS))
    return hashlib.sha256(source.read_bytes() + text.encode()).hexdigest()[:16]
