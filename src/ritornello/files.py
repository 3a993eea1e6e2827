"""Files read with a bound and written whole or not at all.

Every reader takes its bytes from `read_bytes`, every writer goes through `write_bytes` or `result_folder`:
nothing is half written and nothing is overwritten unless that was asked for.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ritornello.errors import ReadError, RitornelloError, WriteError

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Largest score file that is read, in bytes. The largest MIDI files in circulation are about 10 MB."""


def read_bytes(path: str | os.PathLike[str], max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the bytes of a file.

    Args:
        path: the file.
        max_bytes: refuse anything larger, before reading it.

    Raises:
        ReadError: if the file is missing, a folder, a named pipe, empty, too large or not readable.
    """
    path = Path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ReadError(f"{path}: this is a folder; give one file")
        # Opening a named pipe would wait for a writer; /dev/stdin and a shell's <(...) have theirs already.
        if stat.S_ISFIFO(status.st_mode) and path.parts[:2] not in (("/", "dev"), ("/", "proc")):
            raise ReadError(f"{path}: this is a named pipe; give a file")
        if status.st_size > max_bytes:
            size = f"{status.st_size / 1e6:.0f} MB is too large"
            raise ReadError(f"{path}: {size}; at most {max_bytes / 1e6:.0f} MB is read")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except ReadError:
        raise
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReadError(f"{path}: cannot be read ({reason})") from None
    return check_size(data, str(path), max_bytes)


def read_json(path: str | os.PathLike[str], max_bytes: int = MAX_FILE_BYTES) -> Any:
    """Return the value of a JSON file.

    Args:
        path: the file.
        max_bytes: refuse anything larger, before reading it.

    Raises:
        ReadError: if the file cannot be read, see `read_bytes`, or holds no JSON.
    """
    data = read_bytes(path, max_bytes)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # brackets in brackets without end
        raise ReadError(f"{path}: damaged, no JSON ({str(error)[:80]})") from None


def read_json_object(path: str | os.PathLike[str], max_bytes: int = MAX_FILE_BYTES) -> dict[str, Any]:
    """Return the fields of a JSON file that holds one object.

    Args:
        path: the file.
        max_bytes: refuse anything larger, before reading it.

    Raises:
        ReadError: if the file cannot be read, see `read_bytes`, or holds no JSON or no object.
    """
    value = read_json(path, max_bytes)
    if not isinstance(value, dict):
        raise ReadError(f"{path}: damaged, not a JSON object")
    return value


def check_size(data: bytes, name: str, max_bytes: int) -> bytes:
    """Return the bytes of a file if there are any, and no more than `max_bytes`.

    Raises:
        ReadError: naming the file, if it is empty or larger.
    """
    if len(data) > max_bytes:
        raise ReadError(f"{name}: larger than the {max_bytes / 1e6:.0f} MB that are read")
    if not data:
        raise ReadError(f"{name}: the file is empty")
    return data


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file under a temporary name beside its place, then rename it.

    Raises:
        WriteError: if the folder is missing or not writable.
    """
    path = Path(path)
    try:
        temporary = temporary_name(path)
        try:
            with temporary.open("xb") as file:
                file.write(data)
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a value as UTF-8 JSON with a final newline; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    # Only lone surrogates, the stray bytes of a file name, do not encode; JSON escapes them as Python does.
    write_bytes(path, (text + "\n").encode(errors="backslashreplace"))


@contextmanager
def result_folder(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """Give a temporary folder to write into; it takes the name `path` only if the block succeeds.

    An existing non-empty folder is refused unless `force` is set. With `force`, the files of the new result replace
    those of the same name and other files in the folder stay, so nothing of the user's is lost.

    Raises:
        WriteError: if `path` exists and `force` is not set, or the place is not writable.
    """
    path = Path(path)
    made: list[Path] = []  # the missing folders above `path`, innermost first
    try:
        _check_free(path, force)
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_name(path)  # known before it is there: a signal in between leaves nothing
        try:
            temporary.mkdir(mode=0o700)
            yield temporary
            temporary.chmod(0o755)
            _check_free(path, force)  # another run may have finished meanwhile
            if path.is_dir():
                _merge(temporary, path)
            else:
                temporary.replace(path)
            made.clear()
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except RitornelloError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _check_free(path: Path, force: bool) -> None:
    if os.path.lexists(path) and not path.is_dir():
        raise WriteError(f"{path}: exists and is not a folder; choose another --out")
    if path.is_dir() and any(path.iterdir()) and not force:
        raise WriteError(f"{path}: exists already; choose another --out or add --force to replace its files")


def _merge(source: Path, target: Path) -> None:
    files = sorted(source.rglob("*"))
    places = [target / file.relative_to(source) for file in files]
    for file, place in zip(files, places, strict=True):
        if place.exists() and file.is_dir() != place.is_dir():
            kind = "file" if file.is_dir() else "folder"
            raise WriteError(f"{place}: this {kind} is in the way of the result; choose another --out")
    for file, place in zip(files, places, strict=True):
        if file.is_dir():
            place.mkdir(exist_ok=True)
        else:
            file.replace(place)


def temporary_name(path: Path) -> Path:
    """Return a name beside a file that is to be written; chosen before the file is made, it can always be removed."""
    # A name of the full length that the file system takes must stay possible.
    return path.parent / f".{path.name[:40]}.{secrets.token_hex(6)}"
