"""What other programs write, tidied without touching notes."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_builder import control, meta, midi_file, note, program, tempo, time_signature

from ritornello.errors import ReadError
from ritornello.score import Form, Key, KeyRegion, Meter, Part, Song, Tempo, make_notes, smf
from ritornello.score.instruments import GENERAL_MIDI_NAMES
from ritornello.score.midi_reader import microseconds_from_tempo, read_midi, tempo_from_microseconds
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.song import PITCH_BEND


def read(*tracks: list[tuple[int, bytes]], **options: int) -> Song:
    return read_midi(midi_file(*tracks, **options), "song.mid")


def rows(song: Song, part: int = 0) -> list[tuple[int, int, int]]:
    return [(onset, duration, pitch) for onset, duration, pitch, _ in song.parts[part].notes.tolist()]


@pytest.mark.parametrize("division", [24, 48, 89, 96, 120, 384, 480, 960, 1024, 32767])
def test_triplets_and_sixteenths_are_exact_at_any_resolution(division: int):
    places = [(0, 3), (3, 3), (6, 6), (12, 4), (16, 4), (20, 4), (24, 8), (32, 16), (48, 48)]
    events = [
        event
        for onset, duration in places
        for event in note(
            round(onset * division / 12), round((onset + duration) * division / 12) - round(onset * division / 12), 60
        )
    ]
    assert rows(read(events, division=division)) == [(onset, duration, 60) for onset, duration in places]


def test_onsets_are_rounded_and_no_note_is_shorter_than_a_tick():
    assert rows(read(note(19, 1, 60) + note(21, 900, 62) + note(1000, 0, 64))) == [(0, 1, 60), (1, 22, 62), (25, 1, 64)]


def test_format_0_is_split_by_channel_into_instruments():
    events = [program(0, 33, 1), meta(0, smf.TRACK_NAME, b"My Song")]
    events += note(0, 480, 60) + note(0, 480, 36, channel=1) + note(0, 120, 38, channel=9)
    song = read(events, file_format=0)
    assert song.title == "My Song"
    assert [(part.name, part.program, part.is_drums, part.role) for part in song.parts] == [
        ("Acoustic Grand Piano", 0, False, None),
        ("Fingered Bass", 33, False, "bass"),
        ("Drums", 0, True, "drums"),
    ]


def test_a_program_set_in_another_track_of_the_channel_counts():
    song = read([program(0, 40, 2), control(0, 7, 99, 2)], note(0, 480, 60, channel=2))
    assert song.parts[0].program == 40
    assert song.parts[0].controls.tolist() == [(0, 7, 99)]


def test_tracks_with_their_own_programs_on_one_channel_share_nothing():
    song = read(
        [program(0, 40), control(0, 7, 10), *note(0, 480, 60)],
        [program(0, 50), control(0, 7, 20), *note(0, 480, 64)],
    )
    assert [(part.program, part.controls.tolist()) for part in song.parts] == [(40, [(0, 7, 10)]), (50, [(0, 7, 20)])]


def test_tracks_of_one_instrument_on_one_channel_share_the_pedal():
    song = read([control(0, 64, 127), *note(0, 480, 60)], note(0, 480, 64))
    assert [part.controls.tolist() for part in song.parts] == [[(0, 64, 127)]] * 2


def test_a_program_change_starts_another_part():
    song = read(
        [program(0, 1), *note(0, 480, 60), program(480, 48), *note(480, 480, 62), meta(0, smf.TRACK_NAME, b"Keys")]
    )
    assert [(part.name, part.program, len(part.notes)) for part in song.parts] == [
        ("Keys (Bright Acoustic Piano)", 1, 1),
        ("Keys (String Ensemble 1)", 48, 1),
    ]


def test_controllers_and_pitch_bends_are_kept():
    bend = (240, bytes((0xE0, 0x00, 0x50)))
    song = read([control(0, 64, 127), bend, *note(0, 480, 60), control(480, 64, 0)])
    assert song.parts[0].controls.tolist() == [(0, 64, 127), (6, PITCH_BEND, 0x50 * 128 - 8192), (12, 64, 0)]


def test_overlapping_notes_of_a_pitch_end_oldest_first():
    assert rows(read(note(0, 480, 60) + note(240, 480, 60))) == [(0, 12, 60), (6, 12, 60)]


def test_a_lost_note_off_costs_one_note():
    events = note(0, 480, 60)[:1] + note(480, 240, 60) + note(960, 240, 60)
    assert rows(read(events)) == [(0, 12, 60), (12, 6, 60), (24, 6, 60)]


def test_a_note_off_that_ends_nothing_is_ignored():
    assert rows(read([(0, bytes((0x80, 60, 0))), *note(0, 480, 60), (900, bytes((0x80, 60, 0)))])) == [(0, 12, 60)]


def test_a_last_note_without_end_lasts_a_bar_at_most():
    events = [*note(0, 480, 62), note(480, 1, 60)[0], meta(480_000, smf.TEXT, b"end")]
    assert rows(read(events)) == [(0, 12, 62), (12, 48, 60)]


def test_parts_without_notes_are_dropped():
    assert [part.name for part in read([meta(0, smf.TRACK_NAME, b"Empty")], note(0, 480, 60)).parts] == [
        "Acoustic Grand Piano"
    ]


def test_several_tempi():
    song = read([tempo(0, 500_000), tempo(480, 250_000), tempo(960, 666_667)], note(0, 1920, 60))
    assert song.tempi == (Tempo(0, 120.0), Tempo(12, 240.0), Tempo(24, 90.0))
    assert song.duration_s == pytest.approx(0.5 + 0.25 + 2 * 2 / 3)


@given(st.integers(60_000, 0xFFFFFF))
def test_every_tempo_of_a_file_survives(microseconds: int):
    assert microseconds_from_tempo(tempo_from_microseconds(microseconds)) == microseconds


@pytest.mark.parametrize(
    ("written", "meters"),
    [
        ([], [Meter(0, 4, 4)]),
        ([(0, 1, 2)], [Meter(0, 4, 4)]),  # what most POP909 files have
        ([(0, 4, 2), (0, 1, 2)], [Meter(0, 4, 4)]),
        ([(0, 4, 2), (0, 3, 2)], [Meter(0, 3, 4)]),
        ([(0, 1, 2), (480, 4, 2)], [Meter(0, 1, 4), Meter(12, 4, 4)]),  # a pickup
        ([(0, 1, 2), (1440, 4, 2)], [Meter(0, 3, 4), Meter(36, 4, 4)]),
        ([(0, 4, 2), (1920, 4, 2), (3840, 4, 2)], [Meter(0, 4, 4)]),
        ([(0, 4, 2), (1925, 3, 2)], [Meter(0, 4, 4), Meter(48, 3, 4)]),
        ([(0, 4, 2), (1960, 3, 2)], [Meter(0, 4, 4), Meter(48, 3, 4)]),  # a twelfth past the bar line
        ([(0, 4, 2), (2400, 3, 2)], [Meter(0, 4, 4), Meter(60, 3, 4)]),  # cuts the second bar short
        ([(0, 4, 2), (1920, 0, 2), (1920, 200, 2), (1920, 7, 5), (1920, 4, 9)], [Meter(0, 4, 4)]),  # no metres at all
        ([(0, 6, 3), (999_999, 4, 2)], [Meter(0, 6, 8)]),  # after the end
        ([(1920, 3, 2)], [Meter(0, 4, 4), Meter(48, 3, 4)]),
    ],
)
def test_junk_time_signatures_are_tidied(written: list[tuple[int, int, int]], meters: list[Meter]):
    events = [time_signature(*signature) for signature in written]
    song = read(events, note(0, 480, 60) + note(9600, 480, 62))
    assert list(song.meters) == meters
    assert rows(song) == [(0, 12, 60), (240, 12, 62)]


signatures = st.tuples(st.integers(0, 20_000), st.integers(0, 255), st.integers(0, 255))


@settings(deadline=None)
@given(st.lists(signatures, max_size=12))
def test_any_time_signatures_give_a_song_with_all_notes(written: list[tuple[int, int, int]]):
    song = read([time_signature(*signature) for signature in written], note(0, 480, 60) + note(9600, 480, 62))
    assert rows(song) == [(0, 12, 60), (240, 12, 62)]
    assert read_midi(midi_bytes(song), "again.mid") == song


def test_keys():
    def signature(tick: int, fifths: int, minor: int) -> tuple[int, bytes]:
        return meta(tick, smf.KEY_SIGNATURE, bytes((fifths % 256, minor)))

    notes = note(0, 9600, 60)
    assert read([signature(0, -3, 1), signature(1920, 2, 0)], notes).keys == (
        KeyRegion(0, Key.parse("Cm")),
        KeyRegion(48, Key.parse("D")),
    )
    assert read([signature(0, 0, 0)], notes).keys == ()  # what sequencers write when nobody said anything
    assert read([signature(0, 99, 0), signature(5, 1, 9)], notes).keys == ()


def test_form_markers_of_a_musician_are_read_by_their_places():
    markers = [meta(0, smf.MARKER, b"i4"), meta(4 * 1920, smf.MARKER, b"A8"), meta(13 * 1920, smf.MARKER, b"A8")]
    song = read([*markers, meta(1920, smf.MARKER, b"solo here")], note(0, 20 * 1920, 60))
    assert song.form == Form.parse("i4A9A8")
    assert read([meta(77, smf.MARKER, b"A8")], note(0, 1920, 60)).form is None
    assert read([markers[0], meta(1999, smf.MARKER, b"A8")], note(0, 1920, 60)).form is None


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("Flûte", "Flûte".encode("cp1252")),
        ("Größe", "Größe".encode("cp1252")),
        ("Größe", "Größe".encode()),
        ("ピアノ", "ピアノ".encode("cp932")),
        ("主旋律", "主旋律".encode("gb18030")),
        ("Piano", b"Piano\0"),
        ("旋律", "旋律".encode()),
    ],
)
def test_names_in_other_encodings(name: str, data: bytes):
    assert read([meta(0, smf.TRACK_NAME, data), *note(0, 480, 60)]).parts[0].name == name


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("MELODY", "melody"), ("Lead Vocals", "melody"), ("Slap Bass 1", "bass"), ("bass_guitar", "bass"),
        ("Bassoon", None), ("Bass Drum", None), ("Backing Vocals", None), ("BRIDGE", "bridge"), ("PIANO", None),
        ("Solo", None), ("Drum Kit", "drums"), ("Bass and Drums", None), ("Chords", "chords"),
    ],
)  # fmt: skip
def test_roles_only_from_names_that_leave_no_doubt(name: str, role: str | None):
    assert read([meta(0, smf.TRACK_NAME, name.encode()), *note(0, 480, 60)]).parts[0].role == role


def test_general_midi_has_128_names():
    assert len(set(GENERAL_MIDI_NAMES)) == 128


def test_the_original_is_kept():
    data = midi_file(note(0, 480, 60))
    original = read_midi(data, "song.mid").original
    assert original is not None
    assert (original.name, original.data) == ("song.mid", data)


def test_riff_wrapped_midi():
    data = midi_file(note(0, 480, 60))
    riff = b"RIFF" + (len(data) + 12).to_bytes(4, "little") + b"RMIDdata" + len(data).to_bytes(4, "little") + data
    assert rows(read_midi(riff, "song.rmi")) == [(0, 12, 60)]


def test_ten_thousand_bars_are_the_limit():
    assert read(note(1920 * 9_999, 480, 60)).bars == 10_000
    with pytest.raises(ReadError, match="at most 10000"):
        read(note(1920 * 10_000, 480, 60))
    with pytest.raises(ReadError, match="at most 10000"):
        read([(2**27, b"\xff\x01\0"), (2**28, b"\xff\x01\0"), *note(2**28 + 2**27, 480, 60)])


def test_a_form_edited_by_hand_wins_over_its_numbers():
    song = Song(parts=[Part("Tune", make_notes([0], [480], [60]))], form=Form.parse("A4B6"))
    assert read_midi(midi_bytes(song), "x.mid").form == song.form
    assert dataclasses.replace(song, form=None) != song
