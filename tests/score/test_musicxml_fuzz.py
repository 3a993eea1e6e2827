"""Whatever bytes come in, the reader answers with a song or one line: nothing else escapes, and nothing hangs."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.errors import ReadError
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, make_notes
from ritornello.score.musicxml_reader import read_musicxml
from ritornello.score.musicxml_writer import musicxml_bytes

_SONG = Song(
    parts=(
        Part("Melody", make_notes([0, 8, 16, 30, 60], [8, 8, 8, 30, 20], [60, 64, 67, 72, 71]), role="melody"),
        Part("Drums", make_notes([0, 24], 6, [36, 38]), is_drums=True),
    ),
    meters=(Meter(0, 4, 4), Meter(48, 3, 4)),
    keys=(KeyRegion(0, Key(2, "minor")),),
    chords=(ChordSpan(0, 48, Chord(2, "min7", 0)), ChordSpan(60, 12, Chord(7, "7sus4"))),
    form=Form.parse("A1B1"),
    title="Étude",
)
_REPEAT = b'<barline><ending number="1" type="start"/><repeat direction="backward" times="3"/></barline>'
_JUMP = b'<backup><duration>6</duration></backup><sound dacapo="yes" tempo="90"/></measure>'
_REPEATED = (
    musicxml_bytes(_SONG, "all")
    .replace(b'<measure number="2">', b'<measure number="2">' + _REPEAT)
    .replace(b"</measure>", _JUMP, 1)
)
_WORDS = (
    b"<chord/>", b"<duration>", b"99999999", b"-1", b"0", b"<divisions>", b"1e9", b"</note>", b"&amp;", b"<rest/>",
    b"<forward><duration>9999</duration></forward>", b"<repeat direction='backward'/>", b"\xff\xfe", b"<part>",
    b"<time><beats>7</beats><beat-type>0</beat-type></time>",
)  # fmt: skip


def _reads_or_refuses(data: bytes) -> None:
    try:
        song = read_musicxml(data, "x.xml")
    except ReadError as error:
        assert "\n" not in str(error)
    else:
        assert song.bars <= 200_000 and song.original is not None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"<?xml version='1.0'?>", b"<score-partwise>"]))
def test_random_bytes(data: bytes, start: bytes) -> None:
    _reads_or_refuses(start + data)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_files(data: st.DataObject) -> None:
    file = bytearray(_REPEATED)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(file) - 1))
        length = data.draw(st.sampled_from((0, 1, 2, 30, 300)))
        file[place : place + length] = data.draw(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=3)))
    _reads_or_refuses(bytes(file))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_well_formed_files_with_numbers_and_elements_gone_wrong(data: st.DataObject) -> None:
    pieces = _REPEATED.split(b"<")
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(5, len(pieces) - 1))
        tag, _, text = pieces[place].partition(b">")
        if text.strip():  # a leaf with text: another value
            value = data.draw(
                st.sampled_from([b"", b"0", b"-3", b"64", b"999999999", b"1.5", b"x", b"none", "٣".encode()])
            )
            pieces[place] = tag + b">" + value
        elif tag.endswith(b"/"):
            pieces[place] = data.draw(st.sampled_from([b"grace/>", b"chord/>", b"unpitched/>", b"segno/>", tag + b">"]))
    _reads_or_refuses(b"<".join(pieces))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=8), st.integers(0, 10_000))
def test_damaged_archives(junk: bytes, place: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfile full-path="a.xml"/></container>')
        archive.writestr("a.xml", _REPEATED)
    file = bytearray(buffer.getvalue())
    place %= len(file) - 4
    file[place + 4 : place + 4 + len(junk)] = junk
    _reads_or_refuses(bytes(file))


@pytest.mark.parametrize("size", [0, 1, 3])
def test_tiny_files(size: int) -> None:
    with pytest.raises(ReadError):
        read_musicxml(b"<x/>"[:size], "x.xml")
