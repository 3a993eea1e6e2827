"""Audio files in blocks: damaged ones end in one of our errors, what a format cannot hold is known before."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, ReadError
from ritornello.sound.streams import AudioInfo, open_audio, output_format


@functools.cache
def whole(kind: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).standard_normal((500, 2)) * 0.1
    soundfile.write(buffer, noise, 44_100, subtype, format=kind)
    return buffer.getvalue()


@given(
    form=st.sampled_from(
        [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("AIFF", "PCM_24"), ("OGG", "VORBIS")]
    ),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    length=st.floats(0, 1),
)
@example(form=("WAV", "PCM_16"), changes=[], length=0.5)
@example(form=("FLAC", "PCM_24"), changes=[], length=0.5)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_an_error_of_ours_or_has_the_length_it_tells(
    tmp_path: Path, form: tuple[str, str], changes: list[tuple[int, int]], length: float
) -> None:
    data = bytearray(whole(*form))
    for place, value in changes:
        data[place] = value
    path = tmp_path / "damaged"
    path.write_bytes(data[: max(1, round(length * len(data)))])
    try:
        with open_audio(path) as reader:
            mirrored = sum(block.shape[1] for block in reader.mirror(300, 128))
            frames = sum(block.shape[1] for block in reader.blocks(200))
    except ReadError as error:
        assert str(path) in str(error)
        return
    assert (frames, mirrored) == (reader.info.frames, min(300, reader.info.frames))


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("AIFF", "PCM_16"), ("OGG", "VORBIS")]
)
def test_a_mirror_is_the_beginning_backwards_and_the_file_is_read_from_its_beginning_after_it(
    tmp_path: Path, kind: str, subtype: str
) -> None:
    path = tmp_path / "a"
    noise = np.random.default_rng(0).standard_normal((9000, 2)) * 0.1
    soundfile.write(path, noise, 44_100, subtype, format=kind)
    with open_audio(path) as reader:
        (file,) = reader.blocks(9000)
        for length, frames in ((7000, 997), (7000, 7000), (20_000, 4096), (0, 10)):
            blocks = list(reader.mirror(length, frames))
            assert all(block.shape[1] <= frames for block in blocks)
            found = np.concatenate([np.zeros((2, 0)), *blocks], axis=1)
            np.testing.assert_allclose(found, file[:, :length][:, ::-1], atol=1e-6)
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(1000)), axis=1), file)


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


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3"])
def test_text_is_no_audio_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_text("Should auld acquaintance be forgot\n" * 50)
    with pytest.raises(ReadError, match="Format not recognised"), open_audio(path):
        pass
