"""Write a song to a file whose suffix says what kind: MIDI or MusicXML."""

from __future__ import annotations

import os
from pathlib import Path

from ritornello.errors import ArgumentError, WriteError
from ritornello.files import write_bytes
from ritornello.score.song import Song

WRITTEN_SUFFIXES = (".mid", ".midi", ".musicxml", ".xml")
"""Suffixes that `write` knows."""


def write(song: Song, path: str | os.PathLike[str], force: bool = False) -> None:
    """Write a song as MIDI (``.mid``, ``.midi``) or as a MusicXML lead sheet (``.musicxml``, ``.xml``).

    Args:
        song: the song.
        path: where to; the file appears whole or not at all.
        force: replace the file if it exists.

    Raises:
        ArgumentError: if the suffix is none of `WRITTEN_SUFFIXES`.
        WriteError: if the file exists and `force` is not set, if it is the file that the song was read from, or if the
            place is not writable.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise ArgumentError(f"{path}: cannot write '{suffix}' files; use one of {', '.join(WRITTEN_SUFFIXES)}")
    if path.exists() and not force:
        raise WriteError(f"{path}: exists already; choose another name or allow it to be replaced with force")
    if song.original and path.is_file() and path.read_bytes() == song.original.data:
        raise WriteError(f"{path}: is the file that the song was read from; it is never replaced")
    if suffix in (".mid", ".midi"):
        from ritornello.score.midi_writer import midi_bytes

        write_bytes(path, midi_bytes(song))
    else:
        from ritornello.score.musicxml_writer import musicxml_bytes

        write_bytes(path, musicxml_bytes(song))
