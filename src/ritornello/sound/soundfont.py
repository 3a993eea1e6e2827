"""SoundFont 2 files: the RIFF container, its nine tables and the sample memory, checked before they are trusted.

Follows the *SoundFont Technical Specification 2.04* (Creative Technology, 2006), sections 4 to 7. The file is mapped
into memory, so a large SoundFont costs only the samples that are played; `ritornello.sound.zones` says what zones mean.
Compressed SoundFonts (SF3, Vorbis samples) are refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import MissingDependencyError, ReadError
from ritornello.sound import tuning

DRUM_BANK = 128
"""The bank that holds percussion kits (section 7.2)."""

MAX_SOUNDFONT_BYTES = 2 * 1024**3
"""Largest SoundFont that is opened, in bytes."""

_NAME = ("name", "S20")
_PRESET = np.dtype(
    [_NAME, ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("library", "<u4"), ("genre", "<u4"), ("form", "<u4")]
)
_INSTRUMENT = np.dtype([_NAME, ("bag", "<u2")])
_BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_GENERATOR = np.dtype([("kind", "<u2"), ("amount", "<i2")])
_MODULATOR = np.dtype(
    [("source", "<u2"), ("target", "<u2"), ("amount", "<i2"), ("amount_source", "<u2"), ("transform", "<u2")]
)
_SAMPLE = np.dtype(
    [
        _NAME, ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"), ("rate", "<u4"),
        ("key", "u1"), ("correction", "i1"), ("link", "<u2"), ("kind", "<u2"),
    ]
)  # fmt: skip
_TABLES = {
    b"phdr": _PRESET, b"pbag": _BAG, b"pmod": _MODULATOR, b"pgen": _GENERATOR, b"inst": _INSTRUMENT,
    b"ibag": _BAG, b"imod": _MODULATOR, b"igen": _GENERATOR, b"shdr": _SAMPLE,
}  # fmt: skip
_COMPRESSED = 0x10
_ROM = 0x8000

Modulator = tuple[int, int, int, int, int]
"""Source, target generator, amount, amount source, transform: the five fields of section 7.4."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone as the file writes it.

    Attributes:
        generators: generator number to amount (as a signed 16-bit number), the last of equal ones.
        modulators: the zone's own modulators.
    """

    generators: dict[int, int]
    modulators: tuple[Modulator, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample header (section 7.10). Positions are frames in the sample memory; ``correction`` is in cents."""

    name: str
    start: int
    end: int
    loop_start: int
    loop_end: int
    rate: int
    key: int
    correction: int


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset: what a bank and a program name, with the range of its zones in the table."""

    name: str
    bank: int
    program: int
    zones: range


@dataclass(frozen=True, eq=False)
class SoundFont:
    """The tables of a SoundFont and its sample memory.

    Attributes:
        name: file name, for messages and reports.
        presets: presets by ``(bank, program)``.
        memory: int16 array ``(frames,)``, the sample memory; often mapped from the file, never written.
        is_corrected: whether `ritornello.sound.tuning` corrected the tables.
    """

    name: str
    presets: dict[tuple[int, int], Preset]
    memory: NDArray[np.int16]
    is_corrected: bool
    _tables: dict[bytes, NDArray[Any]] = field(repr=False)

    def preset_zones(self, preset: Preset) -> list[Zone]:
        """Return the zones of a preset in file order."""
        return [self._zone(b"p", index) for index in preset.zones]

    def instrument_zones(self, index: int) -> list[Zone]:
        """Return the zones of an instrument in file order; none if there is no such instrument."""
        instruments = self._tables[b"inst"]
        if not 0 <= index < len(instruments) - 1:
            return []
        zones = range(int(instruments["bag"][index]), int(instruments["bag"][index + 1]))
        return [self._zone(b"i", zone) for zone in zones]

    def sample(self, index: int) -> Sample | None:
        """Return a sample header; None if there is no such sample, or it is in ROM or holds no sound.

        Raises:
            ReadError: if the sample is compressed.
        """
        headers = self._tables[b"shdr"]
        if not 0 <= index < len(headers) - 1:
            return None
        header = headers[index]
        if int(header["kind"]) & _COMPRESSED:
            raise ReadError(f"{self.name}: holds compressed samples (SF3); give an uncompressed SoundFont (.sf2)")
        start, end = int(header["start"]), min(int(header["end"]), len(self.memory))
        # The lowest useful rate is the spec's 400 Hz; zero would divide by zero.
        if int(header["kind"]) & _ROM or end - start < 2 or not 400 <= int(header["rate"]) <= 192_000:
            return None
        key = int(header["key"])
        return Sample(
            _text(header["name"]),
            start,
            end,
            int(header["loop_start"]),
            int(header["loop_end"]),
            int(header["rate"]),
            key if key <= 127 else 60,
            int(header["correction"]),
        )

    def corrected_file(self, path: Path) -> bytes:
        """Return the bytes of the file at ``path``, which this was read from, with the corrected tables."""
        return tuning.corrected_file(path.read_bytes(), self._tables)

    def _zone(self, letter: bytes, index: int) -> Zone:
        bags = self._tables[letter + b"bag"]
        first, stop = bags[index], bags[index + 1]
        generators = self._tables[letter + b"gen"][int(first["generator"]) : int(stop["generator"])]
        modulators = self._tables[letter + b"mod"][int(first["modulator"]) : int(stop["modulator"])]
        pairs = zip(generators["kind"].tolist(), generators["amount"].tolist(), strict=True)
        return Zone(dict(pairs), tuple(modulators.tolist()))


def load_soundfont(path: str | os.PathLike[str] | None = None) -> SoundFont:
    """Open a SoundFont file; without a path, the General MIDI set that the pretty_midi package carries.

    Raises:
        ReadError: if the file is missing, too large, no SoundFont, or damaged.
        MissingDependencyError: if no path is given and pretty_midi is not installed.
    """
    return _load(*_identity(Path(path) if path is not None else default_soundfont()))


def default_soundfont() -> Path:
    """Return the path of TimGM6mb.sf2 in the pretty_midi package, which is found without being imported.

    Raises:
        MissingDependencyError: if pretty_midi is not installed.
    """
    spec = find_spec("pretty_midi")
    path = Path(spec.origin).with_name("TimGM6mb.sf2") if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingDependencyError("no SoundFont: install pretty_midi, which carries one, or give a .sf2 file")
    return path


def _identity(path: Path) -> tuple[Path, int, int]:
    # The cache must notice a file that was replaced.
    try:
        status = path.stat()
    except (OSError, ValueError):
        raise ReadError(f"{path}: no such SoundFont; give a .sf2 file") from None
    if not path.is_file():
        raise ReadError(f"{path}: is no file; give a .sf2 file")
    if status.st_size > MAX_SOUNDFONT_BYTES:
        raise ReadError(f"{path}: {status.st_size / 1e6:.0f} MB is too large; at most 2147 MB are opened")
    return path, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=2)
def _load(path: Path, size: int, _modified_ns: int) -> SoundFont:
    if size < 12:
        raise ReadError(f"{path}: is no SoundFont; give a .sf2 file")
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    return parse_soundfont(data, path.name)


def parse_soundfont(data: bytes | NDArray[np.uint8], name: str = "soundfont") -> SoundFont:
    """Read the tables of a SoundFont and check that every index stays inside its table.

    Args:
        data: the file's bytes.
        name: what to call it in messages.

    Raises:
        ReadError: if the bytes are no SoundFont or its tables contradict each other.
    """
    view = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
    if len(view) < 12 or bytes(view[:4]) != b"RIFF" or bytes(view[8:12]) != b"sfbk":
        raise ReadError(f"{name}: is no SoundFont; give a .sf2 file")
    tables: dict[bytes, NDArray[Any]] = {}
    memory: NDArray[np.int16] | None = None
    for kind, body in _chunks(view, 12, len(view)):
        if kind != b"LIST" or len(body) < 4:
            continue
        form = bytes(body[:4])
        for sub_kind, sub_body in _chunks(body, 4, len(body)):
            if form == b"sdta" and sub_kind == b"smpl":
                memory = sub_body[: len(sub_body) // 2 * 2].view("<i2")
            elif form == b"pdta" and sub_kind in _TABLES:
                dtype = _TABLES[sub_kind]
                tables[sub_kind] = sub_body[: len(sub_body) // dtype.itemsize * dtype.itemsize].view(dtype)
    missing = [kind.decode() for kind in _TABLES if len(tables.get(kind, ())) < 1]
    if missing or memory is None:
        raise ReadError(f"{name}: the SoundFont is damaged: {', '.join(missing) or 'sample memory'} is missing")
    _check_indices(tables, name)
    is_corrected = tuning.is_known(tables[b"shdr"], tables[b"igen"])
    if is_corrected:
        tables[b"shdr"], tables[b"igen"] = tuning.corrected(tables[b"shdr"], tables[b"igen"])
    return SoundFont(name, _presets(tables, name), memory, is_corrected, tables)


def _chunks(view: NDArray[np.uint8], start: int, stop: int) -> list[tuple[bytes, NDArray[np.uint8]]]:
    # A chunk that claims more than there is ends with the file: truncated tables are found by their indices.
    chunks = []
    while start + 8 <= stop:
        size = int.from_bytes(bytes(view[start + 4 : start + 8]), "little")
        chunks.append((bytes(view[start : start + 4]), view[start + 8 : min(start + 8 + size, stop)]))
        start += 8 + size + size % 2
        if len(chunks) > 1000:
            break
    return chunks


def _check_indices(tables: dict[bytes, NDArray[Any]], name: str) -> None:
    rules = (
        (b"phdr", "bag", b"pbag"), (b"inst", "bag", b"ibag"), (b"pbag", "generator", b"pgen"),
        (b"pbag", "modulator", b"pmod"), (b"ibag", "generator", b"igen"), (b"ibag", "modulator", b"imod"),
    )  # fmt: skip
    for table, column, target in rules:
        values = tables[table][column].astype(np.int64)
        if len(values) and (
            np.any(np.diff(values) < 0) or int(values[-1]) > len(tables[target]) - (target[1:] == b"bag")
        ):
            raise ReadError(
                f"{name}: the SoundFont is damaged: table {table.decode()} points outside {target.decode()}"
            )


def _presets(tables: dict[bytes, NDArray[Any]], name: str) -> dict[tuple[int, int], Preset]:
    headers = tables[b"phdr"]
    presets: dict[tuple[int, int], Preset] = {}
    for index in range(len(headers) - 1):  # the last header closes the table
        header = headers[index]
        zones = range(int(header["bag"]), int(headers["bag"][index + 1]))
        address = (int(header["bank"]), int(header["program"]))
        presets.setdefault(address, Preset(_text(header["name"]), *address, zones))
    if not presets:
        raise ReadError(f"{name}: the SoundFont holds no presets")
    return presets


def _text(raw: bytes) -> str:
    return bytes(raw).split(b"\0")[0].decode("latin-1").strip()
