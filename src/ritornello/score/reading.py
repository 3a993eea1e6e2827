"""Read a song from a file: MIDI, MusicXML, compressed MusicXML or ABC, told apart by content, then by suffix."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ritornello.errors import ReadError
from ritornello.files import read_bytes
from ritornello.score.song import Song

SUPPORTED = "MIDI (.mid, .midi, .kar), MusicXML (.musicxml, .xml, .mxl) and ABC (.abc)"
"""The kinds of file that are read, for help texts and errors."""

SUFFIXES = (".mid", ".midi", ".kar", ".musicxml", ".mxl", ".xml", ".abc")
"""Their usual suffixes, by which files of a folder are known."""

_SUFFIX_KINDS = {
    ".mid": "midi", ".midi": "midi", ".kar": "midi", ".rmi": "midi", ".smf": "midi",
    ".musicxml": "musicxml", ".xml": "musicxml", ".mxl": "musicxml", ".abc": "abc",
}  # fmt: skip

# What people try: told by name rather than as "unknown".
_FOREIGN_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"RIFF", "audio (WAV)"), (b"ID3", "audio (MP3)"), (b"fLaC", "audio (FLAC)"), (b"OggS", "audio (Ogg)"),
    (b"%PDF", "a PDF"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"\x1f\x8b", "a gzip archive"),
)  # fmt: skip


def read(path: str | os.PathLike[str]) -> Song:
    """Read a song.

    Args:
        path: a MIDI, MusicXML, compressed MusicXML or ABC file. Its content decides what it is; its suffix only where
            the content does not tell.

    Returns:
        The song, with at least one note; `Song.original` keeps the file.

    Raises:
        ReadError: if the file is missing, empty, damaged, too large, of another kind, or has no notes.
    """
    data = read_bytes(path)
    path = Path(path)
    song = read_data(data, path.name)
    if not any(len(part.notes) for part in song.parts):
        raise ReadError(f"{path}: there are no notes in it")
    return song


def read_data(data: bytes, name: str) -> Song:
    """Read a song from bytes; ``name`` with its suffix stands for them in errors. Songs without notes pass.

    Raises:
        ReadError: as `read`.
    """
    kind = kind_of(data, name)
    if kind == "midi":
        from ritornello.score.midi_reader import read_midi

        return read_midi(data, name)
    if kind == "musicxml":
        from ritornello.score.musicxml_reader import read_musicxml

        return read_musicxml(data, name)
    from ritornello.score.abc_reader import read_abc

    return read_abc(data, name)


def kind_of(data: bytes, name: str) -> str:
    """Return "midi", "musicxml" or "abc" for a file's bytes and name.

    Raises:
        ReadError: if it is none of them.
    """
    start = data[:4096]
    if start[:4] == b"MThd" or (start[:4] == b"RIFF" and start[8:12] == b"RMID"):
        return "midi"
    if start[:4] == b"PK\x03\x04" or re.match(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*\x00?<\x00?[?!s]", start):
        return "musicxml"
    for magic, what in _FOREIGN_STARTS:
        if start.startswith(magic):
            raise ReadError(f"{name}: this is {what}; supported are {SUPPORTED}")
    if re.search(rb"(?m)^(?:\xef\xbb\xbf)?X:\s*\d+", data[:1_000_000]) and b"\0" not in start:
        return "abc"
    kind = _SUFFIX_KINDS.get(Path(name).suffix.lower())
    if kind is None:
        raise ReadError(f"{name}: not a kind of file that is read; supported are {SUPPORTED}")
    return kind
