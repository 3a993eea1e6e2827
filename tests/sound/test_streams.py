"""Audio files in blocks: what a format cannot hold is known before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ritornello.errors import ArgumentError
from ritornello.sound.streams import AudioInfo, output_format


@pytest.mark.parametrize(
    ("name", "frames", "subtype", "wanted"),
    [
        ("a.wav", 100, "PCM_16", ("WAV", "PCM_16")), ("a.aif", 100, "PCM_U8", ("AIFF", "PCM_16")),
        ("a.flac", 100, "FLOAT", ("FLAC", "PCM_24")), ("a.ogg", 100, "PCM_16", ("OGG", "VORBIS")),
        ("a.WAV", 2**31, "PCM_24", ("WAV", "PCM_24")), ("a.flac", 2**31, "PCM_24", ("FLAC", "PCM_24")),
    ],
)  # fmt: skip
def test_the_sample_format_stays_where_the_new_file_has_it(
    name: str, frames: int, subtype: str, wanted: tuple[str, str]
) -> None:
    assert output_format(Path(name), AudioInfo(Path("in"), 48_000, 2, frames, "WAV", subtype)) == wanted


@pytest.mark.parametrize(
    ("name", "channels", "frames", "word"),
    [
        ("a.aiff", 2, 2**31, "4 GB"),
        ("a.flac", 9, 100, "8 channels"),
        ("a.mp3", 1, 100, "suffix"),
        ("a", 1, 1, "suffix"),
    ],
)
def test_what_a_format_does_not_hold_is_refused(name: str, channels: int, frames: int, word: str) -> None:
    with pytest.raises(ArgumentError, match=word):
        output_format(Path(name), AudioInfo(Path("in"), 48_000, channels, frames, "WAV", "PCM_24"))
