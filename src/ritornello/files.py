"""Files read with a bound and written whole or not at all.

Every reader takes its bytes from `read_bytes`, every writer goes through `write_bytes` or `result_folder`:
nothing is half written and nothing is overwritten unless that was asked for.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ritornello.errors import ReadError, WriteError

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Largest score file that is read, in bytes. The largest MIDI files in circulation are about 10 MB."""


def read_bytes(path: str | os.PathLike[str], max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the bytes of a file.

    Args:
        path: the file.
        max_bytes: refuse anything larger, before reading it.

    Raises:
        ReadError: if the file is missing, a folder, empty, too large or not readable.
    """
    path = Path(path)
    if path.is_dir():
        raise ReadError(f"{path}: this is a folder; give one file")
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise ReadError(f"{path}: {size / 1e6:.0f} MB is too large; at most {max_bytes / 1e6:.0f} MB is read")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReadError(f"{path}: cannot be read ({reason})") from None
    if len(data) > max_bytes:
        raise ReadError(f"{path}: larger than the {max_bytes / 1e6:.0f} MB that are read")
    if not data:
        raise ReadError(f"{path}: the file is empty")
    return data


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file under a temporary name beside its place, then rename it.

    Raises:
        WriteError: if the folder is missing or not writable.
    """
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a value as UTF-8 JSON with a final newline; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


@contextmanager
def result_folder(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """Give a temporary folder to write into; it takes the name `path` only if the block succeeds.

    An existing non-empty folder is refused unless `force` is set. With `force`, the files of the new result replace
    those of the same name and other files in the folder stay, so nothing of the user's is lost.

    Raises:
        WriteError: if `path` exists and `force` is not set, or the place is not writable.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise WriteError(f"{path}: exists and is not a folder; choose another --out")
    if path.is_dir() and any(path.iterdir()) and not force:
        raise WriteError(f"{path}: exists already; choose another --out or add --force to replace its files")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.is_dir():
            for file in sorted(temporary.rglob("*")):
                target = path / file.relative_to(temporary)
                if file.is_dir():
                    target.mkdir(exist_ok=True)
                else:
                    file.replace(target)
        else:
            temporary.replace(path)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
