"""A data set's files, read in place from a folder or from a zip.

The zip is never unpacked: members are read one by one, each with a bound, so a zip bomb costs an error and no memory.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

from ritornello.errors import ReadError
from ritornello.files import MAX_FILE_BYTES, check_size, read_bytes

MAX_MEMBERS = 500_000
"""Most members of a zip that are listed."""


class Archive:
    """A folder or a zip, with the same two questions for both: what is in a folder, what is in a file.

    Paths inside are written with ``/`` and relative to the root; ``""`` is the root itself.

    Args:
        path: the folder or the zip.
        marker: a name that stands at the root, such as ``"structure"``. If it stands one folder deeper instead (a zip
            made of a folder), that folder is taken as the root. None takes the root as it is.

    Raises:
        ReadError: if the path is missing or neither a folder nor a zip, or the marker is not found.
    """

    def __init__(self, path: str | os.PathLike[str], marker: str | None) -> None:
        self.path = Path(path)
        self._root = ""
        # Unlike Path's, the questions of os.path take any name; opening a pipe would wait for a writer.
        if not os.path.exists(self.path):  # noqa: PTH110
            raise ReadError(f"{self.path}: no such folder or zip")
        if not self.path.is_dir() and not (self.path.is_file() and zipfile.is_zipfile(self.path)):
            raise ReadError(f"{self.path}: neither a folder nor a zip")
        if marker is not None and marker not in self.children(""):
            roots = [name for name in self.children("") if marker in self.children(name)]
            if len(roots) != 1:
                raise ReadError(f"{self.path}: holds no '{marker}'; give the folder or zip that has it at its top")
            self._root = roots[0] + "/"

    @property
    def is_zip(self) -> bool:
        """Whether the files come from a zip."""
        return not self.path.is_dir()

    def children(self, folder: str) -> tuple[str, ...]:
        """Return the names directly inside a folder, sorted; empty if it is missing or a file."""
        inside = (self._root + folder).rstrip("/")
        if self.is_zip:
            return self._zip_tree.get(inside, ())
        try:
            return tuple(sorted(entry.name for entry in (self.path / inside).iterdir()))
        except OSError:
            return ()

    def has(self, name: str) -> bool:
        """Return whether a file is there."""
        folder, _, base = name.rpartition("/")
        return base in self.children(folder)

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Return a file's bytes.

        Raises:
            ReadError: if it is missing, empty, larger than ``max_bytes`` or damaged.
        """
        if not self.is_zip:
            return read_bytes(self.path / (self._root + name), max_bytes)
        label = f"{self.path}: {name}"
        try:
            with self._zip.open(self._root + name) as member:
                data = member.read(max_bytes + 1)
        except KeyError:
            raise ReadError(f"{label}: no such file in the zip") from None
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError) as error:
            raise ReadError(f"{label}: damaged or not readable ({error})") from None
        return check_size(data, label, max_bytes)

    def read_text(self, name: str, max_bytes: int = 1_000_000) -> str:
        """Return a file as UTF-8 text.

        Raises:
            ReadError: as `read`, and if the bytes are no UTF-8.
        """
        try:
            return self.read(name, max_bytes).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ReadError(f"{self.path}: {name}: not a text file in UTF-8") from None

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            archive = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ReadError(f"{self.path}: the zip is damaged ({error})") from None
        if len(archive.namelist()) > MAX_MEMBERS:
            raise ReadError(f"{self.path}: the zip lists more than {MAX_MEMBERS} files")
        return archive

    @cached_property
    def _zip_tree(self) -> dict[str, tuple[str, ...]]:
        tree: dict[str, set[str]] = {"": set()}
        for name in self._zip.namelist():
            inside = name.rstrip("/")
            while inside:
                folder, _, base = inside.rpartition("/")
                known = tree.setdefault(folder, set())
                if base in known:
                    break
                known.add(base)
                inside = folder
        return {folder: tuple(sorted(names)) for folder, names in tree.items()}

    def __getstate__(self) -> dict[str, Any]:
        # An open zip does not travel to a worker process; the worker opens its own.
        return {key: value for key, value in self.__dict__.items() if not key.startswith("_zip")}
