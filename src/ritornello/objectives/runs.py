"""The runs of a comparison on disk: one line of JSON each, so that a comparison that was killed goes on.

A run that was cut off in the middle of its line is done again. Settings, in ``recipe.json`` beside them, must stay the
same; more seeds and more objectives may be asked for later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ritornello.errors import ReadError, WriteError
from ritornello.files import write_bytes
from ritornello.objectives.run import RunSpec
from ritornello.training.runs import open_run

RUNS_FILE = "runs.jsonl"


class Runs:
    """What has been done, and where more of it goes.

    Args:
        folder: the comparison's folder; made if it is missing.
        settings: JSON values that all its runs share: task, profile, data.

    Raises:
        ArgumentError: if the folder holds a comparison of other settings.
        ReadError: if a line, but for the last, is damaged.
        WriteError: if the folder holds something else or cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        open_run(folder, settings)
        self.path = folder / RUNS_FILE
        self._found: dict[str, dict[str, Any]] = {}
        if not self.path.is_file():
            return
        lines = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                entry = json.loads(line)
                self._found[_key(entry["run"])] = entry["result"]
            except (ValueError, KeyError, TypeError):
                raise ReadError(f"{self.path}, line {number}: damaged, no run of a comparison") from None
        if lines[-1]:  # cut by a kill
            write_bytes(self.path, b"".join(line + b"\n" for line in lines[:-1]))

    def __contains__(self, spec: RunSpec) -> bool:
        return _key(spec.as_dict()) in self._found

    def __getitem__(self, spec: RunSpec) -> dict[str, Any]:
        return self._found[_key(spec.as_dict())]

    def do(self, spec: RunSpec, train: Callable[[RunSpec], dict[str, Any]]) -> dict[str, Any]:
        """Return a run's result, after training if it has not been done.

        Raises:
            WriteError: if it cannot be noted.
        """
        if spec not in self:
            result = train(spec)
            line = json.dumps({"run": spec.as_dict(), "result": result}, allow_nan=False) + "\n"
            try:
                with self.path.open("ab") as file:
                    file.write(line.encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise WriteError(f"{self.path}: cannot be written ({error.strerror or error})") from None
            self._found[_key(spec.as_dict())] = json.loads(line)["result"]
        return self[spec]


def _key(run: Mapping[str, Any]) -> str:
    return json.dumps(run, sort_keys=True)
