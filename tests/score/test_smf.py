"""Damaged and hostile MIDI files end in one sentence, whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from midi_builder import control, meta, midi_file, note, program, tempo
from song_strategies import songs

from ritornello.errors import ReadError
from ritornello.score import Song, smf
from ritornello.score.midi_reader import read_midi
from ritornello.score.midi_writer import midi_bytes

VALID = midi_file(
    [meta(0, smf.TRACK_NAME, b"x"), tempo(0, 500_000), program(0, 5), control(0, 64, 1), *note(0, 480, 60)],
    note(480, 480, 64, channel=9),
)
HEADER = VALID[:14]


def track(body: bytes) -> bytes:
    return b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"hello world, this is text", "not a MIDI file"),
        (b"MThd", "header is cut short"),
        (b"MThd\0\0\0\6\0\1\0\2\0", "header is cut short"),
        (b"MThd\0\0\0\6\0\2\0\1\1\xe0", "format 2"),
        (b"MThd\0\0\0\6\0\1\0\1\xe7\x28", "SMPTE"),
        (b"MThd\0\0\0\6\0\1\0\1\0\0", "0 ticks"),
        (b"MThd\0\0\0\6\0\1\xff\xff\0\x60", "65535 tracks"),
        (HEADER, "truncated: 2 tracks are announced, 0"),
        (VALID[:-5], "truncated: track 2"),
        (b"RIFF\0\0\0\0RMID", "without MIDI data"),
        (track(b"\0\x40\x40"), "without a status byte"),
        (track(b"\0\x90\x40"), "past its end"),
        (track(b"\0\x90\x40\x90"), "where a value belongs"),
        (track(b"\0\xff\x01\x7fabc"), "past its end"),
        (track(b"\xff\xff\xff\xff\x7f\x90\x40\x40"), "longer than four bytes"),
        (track(b"\0\xf4\x01"), "0xF4"),
    ],
)
def test_damage_is_named_in_one_line(data: bytes, reason: str):
    with pytest.raises(ReadError, match=reason) as caught:
        read_midi(data, "bad.mid")
    assert str(caught.value).startswith("bad.mid: ")
    assert "\n" not in str(caught.value)


def test_every_truncation_of_a_file_is_refused():
    for length in range(1, len(VALID)):
        with pytest.raises(ReadError):
            read_midi(VALID[:length], "cut.mid")


def test_running_status_and_alien_chunks_and_sysex_are_read():
    body = b"\0\x90\x3c\x40\0\x40\x40\x60\xf0\x03ab\xf7\0\x90\x3c\0\0\x40\0\0\xff\x2f\0"
    data = track(body).replace(b"MTrk", b"XFIH\0\0\0\2okMTrk")
    assert [note[:3] for note in read_midi(data, "x.mid").parts[0].notes.tolist()] == [(0, 2, 60), (0, 2, 64)]


def test_a_million_notes_are_refused_with_a_reason():
    with pytest.raises(ReadError, match="300000 notes"):
        read_midi(track(b"\0\x90\x40\x40\1\x40\0" + b"\1\x40\x40\1\x40\0" * 300_000), "black.mid")


def test_shared_controllers_do_not_multiply_without_bound():
    setup = [control(tick, 1, tick % 128) for tick in range(20_000)]
    with pytest.raises(ReadError, match="controllers"):
        read_midi(midi_file(setup, *[note(0, 480, 60)] * 300), "x.mid")


def read_or_refuse(data: bytes) -> None:
    try:
        song = read_midi(data, "fuzz.mid")
    except ReadError as error:
        assert "\n" not in str(error)
    else:
        assert read_midi(midi_bytes(song), "again.mid").parts == song.parts


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_as_a_track(body: bytes):
    read_or_refuse(track(body))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_as_a_file(data: bytes):
    read_or_refuse(data)
    read_or_refuse(b"MThd" + data)


changes = st.lists(
    st.tuples(st.sampled_from(["set", "insert", "delete"]), st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(songs(max_parts=2), changes)
def test_damaged_files_are_read_or_refused(song: Song, changes: list[tuple[str, float, int]]):
    data = bytearray(midi_bytes(song))
    for kind, place, value in changes:
        index = int(place * len(data))
        if kind == "set":
            data[index] = value
        elif kind == "insert":
            data.insert(index, value)
        else:
            del data[index : index + 1 + value % 8]
    read_or_refuse(bytes(data))
