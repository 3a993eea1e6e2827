"""Audio files read and written block by block, so that an hour of sound needs the memory of a block.

The written file keeps format, sample rate, channels, length and text metadata of the one it is made from; it is written
under a temporary name and takes its own only when it is complete.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.files import temporary_name

FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".aif": "AIFF", ".aiff": "AIFF"}
"""File formats by suffix."""

_KEPT_SUBTYPES = {
    "WAV": ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"),
    "AIFF": ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"),
    "FLAC": ("PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
}
_USUAL_SUBTYPE = {"WAV": "PCM_24", "AIFF": "PCM_24", "FLAC": "PCM_24", "OGG": "VORBIS"}
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24}
_SAMPLE_BYTES = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
_WAV_BYTES = 2**32 - 2**16  # what a WAV file's sizes can tell


@dataclass(frozen=True)
class AudioInfo:
    """What a file says about itself.

    Attributes:
        path: the file.
        sample_rate: frames per second.
        channels: number of channels.
        frames: length.
        format: ``WAV``, ``FLAC``, ``OGG``, ``AIFF``, ...
        subtype: how samples are stored: ``PCM_16``, ``PCM_24``, ``FLOAT``, ``VORBIS``, ...
        tags: text metadata: title, artist, comment, ...
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str
    tags: dict[str, str] = field(default_factory=dict)


@contextmanager
def open_audio(path: str | os.PathLike[str]) -> Iterator[AudioReader]:
    """Open an audio file for reading in blocks.

    Raises:
        ReadError: if it is missing, a folder, a pipe, no audio, cut off or damaged.
    """
    import soundfile

    path = Path(path)
    try:
        size = path.stat().st_size if path.is_file() else -1
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if size < 0:
        problem = "this is a folder; give one file" if path.is_dir() else "no such file"
        raise ReadError(f"{path}: {problem}" if not path.exists() or path.is_dir() else f"{path}: is no regular file")
    if size == 0:
        raise ReadError(f"{path}: the file is empty")
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        reason = _reason(error)
        if "not exist" in reason:  # what libsndfile says of an MP3 file without a frame of sound
            reason = "Format not recognised"
        raise ReadError(f"{path}: is no audio file that can be read ({reason}); give WAV, FLAC, OGG or AIFF") from None
    with file:
        tags = {name: text for name, text in file.copy_metadata().items() if isinstance(text, str) and text}
        info = AudioInfo(
            path,
            file.samplerate,
            file.channels,
            int(file.frames),
            file.format.replace("WAVEX", "WAV"),
            file.subtype,
            tags,
        )
        _check_whole(info, file.extra_info)
        yield AudioReader(file, info)


def _check_whole(info: AudioInfo, log: str) -> None:
    """Refuse a WAV or AIFF file that ends before its header says; libsndfile would read it as a shorter one.

    A size of 0 or near 2 or 4 GB is what programs write that do not know it yet; such a file is as long as it is.
    """
    found = re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    if found is None or not info.frames:
        return
    told, held = int(found[1]), int(found[2])
    is_known = 0 < told % 2**31 < 2**31 - 2**16
    if is_known and told - held >= held / info.frames:  # a frame or more
        raise ReadError(
            f"{info.path}: is cut off: its header tells of more than the {info.frames} frames that it holds"
        )


class AudioReader:
    """An open file.

    Attributes:
        info: what it says about itself.
    """

    def __init__(self, file: Any, info: AudioInfo) -> None:
        self._file = file
        self.info = info

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """Yield the whole file in blocks: float32 ``(channels, at most frames)``, not checked for NaN.

        Raises:
            ReadError: if the file ends before its header says, or is damaged.
        """
        done = 0
        while done < self.info.frames:
            block = self._read(done, min(frames, self.info.frames - done), is_next=done > 0)
            done += block.shape[1]
            yield block

    def mirror(self, length: int, frames: int) -> Iterator[NDArray[np.float32]]:
        """Yield the beginning of the file backwards, from frame ``length - 1`` to frame 0, in blocks.

        Args:
            length: how much of it; less where the file is shorter.
            frames: of a block, at most.

        Raises:
            ReadError: see `blocks`.
        """
        end = min(length, self.info.frames)
        while end:
            start = max(end - frames, 0)
            block = self._read(start, end - start)
            if block.shape[1] < end - start:
                raise self._ends_at(start + block.shape[1])
            yield block[:, ::-1]
            end = start

    def _read(self, start: int, frames: int, *, is_next: bool = False) -> NDArray[np.float32]:
        """Return a block, at least one frame; where the file stands there already it is not sought."""
        import soundfile

        try:
            if not is_next:
                self._file.seek(start)
            block = self._file.read(frames, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise ReadError(
                f"{self.info.path}: is damaged at {start / self.info.sample_rate:.1f} s ({_reason(error)})"
            ) from None
        if not len(block):
            raise self._ends_at(start)
        return np.ascontiguousarray(block.T)

    def _ends_at(self, frame: int) -> ReadError:
        return ReadError(f"{self.info.path}: is damaged: it ends at {frame} of {self.info.frames} frames")


def output_format(path: Path, source: AudioInfo, subtype: str | None = None) -> tuple[str, str]:
    """Return format and subtype of a file that is made from another: those of the source where the suffix allows.

    Args:
        path: the file to write; its suffix tells the format.
        source: the file that it is made from.
        subtype: what to use instead of the source's, such as ``FLOAT``.

    Raises:
        ArgumentError: if the suffix is unknown, or the format does not go with the subtype, rate or channels.
    """
    import soundfile

    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ArgumentError(f"{path}: unknown suffix '{path.suffix}'; audio is written as {', '.join(FORMATS)}")
    wanted = subtype or (source.subtype if source.subtype in _KEPT_SUBTYPES[kind] else _usual(kind, source.subtype))
    if not soundfile.check_format(kind, wanted):
        raise ArgumentError(f"{path}: {kind} does not store {wanted}")
    if kind == "AIFF" and source.frames * source.channels * _SAMPLE_BYTES.get(wanted, 3) > _WAV_BYTES:
        raise ArgumentError(f"{path}: AIFF holds at most 4 GB; write a .wav or .flac")
    if kind == "FLAC" and source.channels > 8:
        raise ArgumentError(f"{path}: FLAC takes at most 8 channels, not {source.channels}; write a .wav")
    return kind, wanted


@contextmanager
def write_audio(path: str | os.PathLike[str], source: AudioInfo, subtype: str | None = None) -> Iterator[AudioWriter]:
    """Open a file for writing in blocks; it appears, complete, when the block of code ends without an error.

    Args:
        path: the file; see `output_format`.
        source: where sample rate, channels, sample format and metadata come from.
        subtype: see `output_format`.

    Raises:
        ArgumentError: see `output_format`.
        WriteError: if it cannot be written.
    """
    import soundfile

    path = Path(path)
    kind, stored = output_format(path, source, subtype)
    # What 32-bit sizes cannot tell goes into a WAV file with 64-bit ones, which every current reader knows.
    container = "RF64" if kind == "WAV" and source.frames * source.channels * 8 > _WAV_BYTES else kind
    temporary = temporary_name(path)
    try:
        temporary.open("xb").close()  # tells more than libsndfile where it fails
        with soundfile.SoundFile(temporary, "w", source.sample_rate, source.channels, stored, format=container) as file:
            for tag, text in source.tags.items():
                with suppress(soundfile.SoundFileError, RuntimeError, AttributeError):  # a format without that tag
                    setattr(file, tag, text)
            yield AudioWriter(file)
        temporary.chmod(0o644)
        temporary.replace(path)
    except (soundfile.SoundFileError, OSError) as error:
        if isinstance(error, WriteError):
            raise
        reason = getattr(error, "strerror", None) or _reason(error)
        if reason == "System error":  # all that libsndfile tells
            reason = "the disk is full or failed"
        raise WriteError(f"{path}: cannot be written ({reason})") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


class AudioWriter:
    """A file that is being written."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block ``(channels, frames)``; integers clip beyond -1..1."""
        # In pieces: libsndfile's Vorbis encoder overflows its stack on one long write.
        for start in range(0, block.shape[1], 2**16):
            self._file.write(block[:, start : start + 2**16].T)


def _usual(kind: str, subtype: str) -> str:
    return "PCM_16" if kind != "OGG" and _BITS.get(subtype, 24) <= 16 else _USUAL_SUBTYPE[kind]


def _reason(error: Exception) -> str:
    return str(error).split(": ")[-1].rstrip(".") or type(error).__name__
