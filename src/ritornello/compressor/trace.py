"""The gain of a recording over time, as a table or a picture, in the memory of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.stages import LOUDEST
from ritornello.errors import WriteError
from ritornello.files import temporary_name

TRACE_STEP_S = 0.001
"""Step of a table."""

MAX_PICTURE_POINTS = 900
"""Points of a picture; each is the least gain of its stretch."""


class Trace:
    """A trace that is being written: lines of a table as they come, or the points of a picture.

    Args:
        path: a ``.csv`` or ``.png``; it appears when the block of code that enters the trace ends without an error.
        sample_rate: frames per second.
        frames: length of the recording.

    Raises:
        WriteError: if it cannot be written.
    """

    def __init__(self, path: Path, sample_rate: int, frames: int) -> None:
        self.path, self.sample_rate = path, sample_rate
        self.is_table = path.suffix.lower() == ".csv"
        step = max(1, round(TRACE_STEP_S * sample_rate))
        self.step = step if self.is_table else max(step, -(-frames // MAX_PICTURE_POINTS))
        self._rest: NDArray[np.float64] | None = None
        self._times: list[NDArray[np.float64]] = []
        self._points: list[NDArray[np.float64]] = []
        self._done = 0
        self._file: TextIO | None = None
        self._temporary = temporary_name(path)

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, place: TracebackType | None) -> None:
        try:
            if kind is None:
                with self._told():
                    self._temporary.chmod(0o644)
                    self._temporary.replace(self.path)
        finally:
            with suppress(OSError):  # what a full disk did not take is tried again
                if self._file is not None:
                    self._file.close()
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell a failure of the trace's own file."""
        try:
            yield
        except OSError as error:
            raise WriteError(
                f"{self.path}: cannot be written ({error.strerror or 'the disk is full or failed'})"
            ) from None

    def add(self, decibels: NDArray[np.float64], dry: NDArray[np.float32], wet: NDArray[np.float32]) -> None:
        """Take a block: a table shows the gain every 1 ms, a picture its least values and the peaks of both signals.

        Args:
            decibels: gain of each frame, ``(channels, frames)``.
            dry: the input, of the same shape.
            wet: the output, of the same shape.
        """
        if self._file is None and self.is_table:
            names = ",".join(f"gain_db_{number + 1}" for number in range(len(decibels)))
            with self._told():
                self._file = self._temporary.open("x", encoding="ascii", newline="")
                self._file.write(f"time_s,{names}\n")
        data = decibels
        if not self.is_table:
            peaks = [np.abs(np.where(np.abs(signal) <= LOUDEST, signal, 0.0)).max(axis=0) for signal in (dry, wet)]
            data = np.concatenate([-np.stack(peaks).astype(np.float64), decibels])
        data = data if self._rest is None else np.concatenate([self._rest, data], axis=1)
        count = data.shape[1] // self.step
        self._put(data[:, : count * self.step].reshape(len(data), count, self.step))
        self._rest = data[:, count * self.step :]

    def _put(self, steps: NDArray[np.float64]) -> None:
        if not steps.shape[1]:
            return
        times = (self._done + np.arange(steps.shape[1])) * self.step / self.sample_rate
        self._done += steps.shape[1]
        if self._file is not None:
            values = steps[:, :, 0].T.tolist()
            lines = (
                f"{time:.6f},{','.join(f'{v:.4f}' for v in row)}\n"
                for time, row in zip(times.tolist(), values, strict=True)
            )
            with self._told():
                self._file.writelines(lines)
        else:
            self._times.append(times)
            self._points.append(steps.min(axis=2))

    def finish(self) -> None:
        """Write what is left; the file takes its name when the recording has."""
        if self._rest is not None and self._rest.shape[1]:
            self._put(self._rest[:, None, :])
        if self._file is not None:
            with self._told():
                self._file.close()
        else:
            from ritornello.show.gain_reduction import write_gain_trace

            points = np.concatenate(self._points, axis=1)
            with self._told():
                write_gain_trace(np.concatenate(self._times), points[2:], self._temporary, -points[:2])
