"""The law of the MusicXML writer and reader: a song on the grid that is written and read is unchanged."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from musicxml_songs import songs

from ritornello.datasets import Pop909
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, make_notes
from ritornello.score.musicxml_reader import read_musicxml
from ritornello.score.musicxml_writer import lead_part, musicxml_bytes
from ritornello.score.song import CONTROL_DTYPE

_NO_CONTROLS = np.zeros(0, CONTROL_DTYPE)


def _difference(one: Song, other: Song) -> list[str]:
    names = [field.name for field in dataclasses.fields(Song) if field.name != "original"]
    return [
        f"{name}: {getattr(one, name)} / {getattr(other, name)}"
        for name in names
        if getattr(one, name) != getattr(other, name)
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(songs())
def test_a_whole_score_comes_back_unchanged(song: Song) -> None:
    again = read_musicxml(musicxml_bytes(song, "all"), "song.musicxml")
    assert _difference(song, again) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(songs())
def test_a_lead_sheet_comes_back_with_its_top_line(song: Song) -> None:
    again = read_musicxml(musicxml_bytes(song, "lead"), "song.musicxml")
    assert _difference(song.replace(parts=(lead_part(song),)), again) == []


def _small_songs() -> dict[str, Song]:
    melody = Part(
        "Tune",
        make_notes([0, 24, 36, 60, 64, 68, 72, 90], [12, 6, 18, 4, 4, 4, 18, 42], [67, 72, 66, 73, 74, 75, 76, 61]),
    )
    line = make_notes(np.arange(0, 96, 8), 8, 60 + np.arange(12))
    chords = make_notes([0, 0, 0, 24, 24, 48], [24, 24, 24, 24, 24, 48], [48, 52, 55, 50, 53, 47])
    two_voices = make_notes([0, 0, 12, 30, 48], [48, 12, 18, 18, 96], [48, 64, 67, 65, 60])
    jig = make_notes([0, 12, 18, 33, 54], [12, 6, 15, 21, 3], [62, 64, 66, 67, 69])
    return {
        "pickup, syncopation and triplets": Song((melody,), meters=(Meter(0, 1, 4), Meter(12, 4, 4))),
        "quarter triplets": Song((Part("Line", line),), keys=(KeyRegion(0, Key(3, "minor")),)),
        "chords and two voices": Song((Part("Keys", chords), Part("Organ", two_voices)), meters=(Meter(0, 3, 4),)),
        "compound metre": Song((Part("Jig", jig),), meters=(Meter(0, 6, 8),)),
    }


def _triples(part: Part) -> list[tuple[float, float, int]]:
    return sorted((float(n["onset"]), float(n["duration"]), int(n["pitch"])) for n in part.notes)


@pytest.mark.parametrize("name", list(_small_songs()))
def test_music21_hears_the_same_notes(name: str) -> None:
    converter = pytest.importorskip("music21.converter")
    song = _small_songs()[name]
    score = converter.parse(musicxml_bytes(song, "all").decode(), format="musicxml")
    for ours, theirs in zip(song.parts, score.parts, strict=True):
        pieces = [
            (float(note.offset * 12), float(note.quarterLength * 12), pitch.midi, note.tie.type if note.tie else "")
            for note in theirs.flatten().notes
            for pitch in note.pitches
        ]
        heard: dict[tuple[int, float], list[float]] = {}  # by pitch and end: onset, duration
        for onset, duration, pitch, tie in sorted(pieces):
            tied = heard.pop((pitch, onset), None) if tie in ("stop", "continue") else None
            heard[pitch, onset + duration] = [tied[0], tied[1] + duration] if tied else [onset, duration]
        assert sorted((*times, pitch) for (pitch, _), times in heard.items()) == _triples(ours)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(_small_songs()))
def test_partitura_hears_the_same_notes(name: str, tmp_path: Path) -> None:
    partitura = pytest.importorskip("partitura")
    song = _small_songs()[name]
    path = tmp_path / "song.musicxml"
    path.write_bytes(musicxml_bytes(song, "all"))
    for ours, theirs in zip(song.parts, partitura.load_musicxml(str(path)).parts, strict=True):
        table = theirs.note_array(include_divs_per_quarter=True)
        heard = sorted((float(n["onset_div"]), float(n["duration_div"]), int(n["pitch"])) for n in table)
        assert heard == _triples(ours)


@pytest.fixture(scope="module")
def pop909(data_folder: Path) -> Pop909:
    if not (data_folder / "pop909.zip").exists():
        pytest.skip("pop909.zip is not here")
    return Pop909(data_folder / "pop909.zip")


def test_real_lead_sheets_come_back_unchanged(pop909: Pop909) -> None:
    for identity in pop909.split("validation")[::6]:
        song = pop909.load(identity).song
        assert _difference(song, read_musicxml(musicxml_bytes(song), "song.musicxml")) == []


@pytest.mark.filterwarnings("ignore")
def test_real_arrangements_come_back_unchanged_and_partitura_hears_their_melody(pop909: Pop909, tmp_path: Path) -> None:
    partitura = pytest.importorskip("partitura")
    song, _ = pop909.aligned(pop909.split("validation")[3])
    song = song.replace(parts=tuple(dataclasses.replace(part, controls=_NO_CONTROLS) for part in song.parts))
    data = musicxml_bytes(song, "all")
    assert _difference(song, read_musicxml(data, "song.musicxml")) == []
    path = tmp_path / "song.musicxml"
    path.write_bytes(musicxml_bytes(song))
    table = partitura.load_musicxml(str(path)).parts[0].note_array(include_divs_per_quarter=True)
    heard = sorted((float(n["onset_div"]), float(n["duration_div"]), int(n["pitch"])) for n in table)
    assert heard == _triples(lead_part(song))


def test_equal_chords_that_go_on_are_written_once_and_kept_apart() -> None:
    chord = Chord.parse("Am7/G")
    song = Song(
        (Part("Melody", make_notes([0], [96], [64]), role="melody"),),
        chords=(ChordSpan(0, 48, chord), ChordSpan(48, 48, chord)),
    )
    data = musicxml_bytes(song)
    assert data.count(b"<harmony>") == 1 and data.count(b'<harmony print-object="no">') == 1
    assert read_musicxml(data, "song.musicxml").chords == song.chords


def test_moved_rehearsal_marks_win_over_the_form_that_was_written() -> None:
    song = Song((Part("Melody", make_notes([0, 192], [48, 48], [60, 62])),), form=Form.parse("A2B1A2"))
    data = musicxml_bytes(song)
    assert str(read_musicxml(data, "song.musicxml").form) == "A2B1A2"
    text = data.decode()
    mark = text[text.index("<direction", text.index('number="3"')) : text.index("<note", text.index('number="3"'))]
    moved = text.replace(mark, "").replace('<measure number="4">', '<measure number="4">' + mark.replace(">A<", ">C<"))
    assert str(read_musicxml(moved.encode(), "song.musicxml").form) != "A2B1A2"


def test_names_that_xml_cannot_hold_are_cleaned() -> None:
    song = Song((Part("A\x00 <&>", make_notes([0], [12], [60])),), title='"Täter" & \x1f <b>')
    again = read_musicxml(musicxml_bytes(song, "all"), "song.musicxml")
    assert again.title == '"Täter" & <b>' and again.parts[0].name == "A <&>"


def test_scores_are_valid_musicxml(pop909: Pop909) -> None:
    etree = pytest.importorskip("lxml.etree")
    partitura = pytest.importorskip("partitura")
    schema_file = Path(partitura.__file__).parent / "assets" / "musicxml.xsd"
    text = re.sub(r"<xs:import [^>]*/>", "", schema_file.read_text(encoding="utf-8"))  # they point to the web
    text = re.sub(r'<xs:attribute ref="(?:xml|xlink):[^>]*/>', "", text)
    text = re.sub(r'<xs:attribute ref="(?:xml|xlink):[^>]*>.*?</xs:attribute>', "", text, flags=re.DOTALL)
    schema = etree.XMLSchema(etree.fromstring(text.encode()))
    songs = [*_small_songs().values(), pop909.aligned("005")[0]]
    drums = Part("Drums", make_notes([0, 0, 24], [6, 6, 3], [36, 42, 38], [100, 80, 60]), is_drums=True)
    for song in [*songs, songs[0].replace(parts=(*songs[0].parts, drums))]:
        for parts in ("lead", "all"):
            schema.assertValid(etree.fromstring(musicxml_bytes(song, parts)))
