"""ABC 2.1 tunes. The melodies are traditional or invented here."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ReadError
from ritornello.score import Chord, ChordSpan, Key, Meter, Song
from ritornello.score.abc_reader import read_abc
from ritornello.score.midi_reader import read_midi
from ritornello.score.midi_writer import midi_bytes

SPEED_THE_PLOUGH = """X:1
T:Speed the Plough
M:4/4
C:Trad.
K:G
|:GABc dedB|dedB dedB|c2ec B2dB|c2A2 A2BA|
  GABc dedB|dedB dedB|c2ec B2dB|A2F2 G4:|
|:g2gf gdBd|g2f2 e2d2|c2ec B2dB|c2A2 A2df|
  g2gf g2Bd|g2f2 e2d2|c2ec B2dB|A2F2 G4:|
"""


def read(music: str, header: str = "M:4/4\nL:1/4\nK:C") -> Song:
    return read_abc(f"X:1\nT:Test\n{header}\n{music}\n".encode(), "tune.abc")


def rows(song: Song, part: int = 0) -> list[tuple[int, int, int]]:
    return [(onset, duration, pitch) for onset, duration, pitch, _ in song.parts[part].notes.tolist()]


def pitches(music: str, header: str = "M:4/4\nL:1/4\nK:C") -> list[int]:
    return read(music, header).parts[0].notes["pitch"].tolist()


def test_a_whole_tune():
    song = read_abc(SPEED_THE_PLOUGH.encode(), "plough.abc")
    assert (song.title, song.bars, song.end) == ("Speed the Plough", 32, 32 * 48)
    assert [region.key for region in song.keys] == [Key.parse("G")]
    assert song.part("melody") is song.parts[0]
    assert rows(song)[:4] == [(0, 6, 67), (6, 6, 69), (12, 6, 71), (18, 6, 72)]
    assert song.original is not None
    assert song.original.data == SPEED_THE_PLOUGH.encode()
    assert read_midi(midi_bytes(song), "plough.mid") == song


def test_music21_reads_the_same_notes():
    music21 = pytest.importorskip("music21")
    score = music21.converter.parse(SPEED_THE_PLOUGH, format="abc").expandRepeats()
    theirs = [(round(float(n.getOffsetInHierarchy(score)) * 12), round(float(n.quarterLength) * 12), n.pitch.midi)
              for n in score.recurse().notes]  # fmt: skip
    assert rows(read_abc(SPEED_THE_PLOUGH.encode(), "plough.abc")) == theirs


def test_only_the_first_tune_is_read():
    assert len(read("CDEF\n\nX:2\nT:Other\nK:C\nGGGG").parts[0].notes) == 4


def test_octaves_and_lengths():
    assert rows(read("C,2 C c/ c'/2 c3/2 c// z/ c/4")) == [
        (0, 24, 48), (24, 12, 60), (36, 6, 72), (42, 6, 84), (48, 18, 72), (66, 3, 72), (75, 3, 72),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "name", "scale"),
    [
        ("G", "G major", [60, 62, 64, 66, 67, 69, 71]),
        ("Am", "A minor", [60, 62, 64, 65, 67, 69, 71]),
        ("Ebmaj", "Eb major", [60, 62, 63, 65, 67, 68, 70]),
        ("F#m", "F# minor", [61, 62, 64, 66, 68, 69, 71]),
        ("Ador", "A minor", [60, 62, 64, 66, 67, 69, 71]),
        ("D Mix", "D major", [60, 62, 64, 66, 67, 69, 71]),
        ("E phrygian", "E minor", [60, 62, 64, 65, 67, 69, 71]),
        ("Flyd", "F major", [60, 62, 64, 65, 67, 69, 71]),
        ("Bloc", "B minor", [60, 62, 64, 65, 67, 69, 71]),
        ("C# major", "Db major", [61, 63, 65, 66, 68, 70, 72]),
        ("D exp _b ^f", "D major", [60, 62, 64, 66, 67, 69, 70]),
        ("G =f", "G major", [60, 62, 64, 65, 67, 69, 71]),
        ("C clef=treble-8", "C major", [48, 50, 52, 53, 55, 57, 59]),
    ],
)
def test_keys_and_modes(key: str, name: str, scale: list[int]):
    song = read("CDEFGAB", f"L:1/4\nK:{key}")
    assert str(song.keys[0].key) == name
    assert song.parts[0].notes["pitch"].tolist() == scale


def test_accidentals_hold_to_the_bar_line_and_ties_carry_them_over():
    assert pitches("^F F =F f | F ^c- | c c") == [66, 66, 65, 77, 65, 73, 72]
    assert pitches("_B b ^^C __D") == [70, 82, 62, 60]


def test_broken_rhythm():
    assert rows(read("C>D E<F")) == [(0, 18, 60), (18, 6, 62), (24, 6, 64), (30, 18, 65)]
    assert rows(read("C>>D")) == [(0, 21, 60), (21, 3, 62)]


def test_tuplets():
    assert rows(read("(3CDE F (2GA")) == [
        (0, 8, 60), (8, 8, 62), (16, 8, 64), (24, 12, 65), (36, 18, 67), (54, 18, 69),
    ]  # fmt: skip
    assert read("(3:2:4 C/D/E/F/ G").parts[0].notes["onset"].tolist() == [0, 4, 8, 12, 16]
    assert read("(5CDEFG", "M:6/8\nL:1/8\nK:C").parts[0].notes["onset"].tolist() == [0, 4, 7, 11, 14]


def test_ties_join_notes_also_over_bar_lines_and_in_chords():
    assert rows(read("C4-|C2 [C-E]2 | C4")) == [(0, 72, 60), (72, 72, 60), (72, 24, 64)]


def test_chords_of_notes():
    assert rows(read("[CEG]2 [C2E2]/")) == [(0, 24, 60), (0, 24, 64), (0, 24, 67), (24, 12, 60), (24, 12, 64)]


def test_chord_symbols_last_until_the_next():
    song = read('"Am"A2 "^slower"B2 | "G7/B"G4 | "N.C."z4 | "C"c4')
    assert song.chords == (
        ChordSpan(0, 48, Chord.parse("Am")),
        ChordSpan(48, 48, Chord.parse("G7/B")),
        ChordSpan(144, 48, Chord.parse("C")),
    )


@pytest.mark.parametrize(
    ("music", "played"),
    [
        ("|:C4:|D4|", "CCD"),
        ("C4:|D4|", "CCD"),
        ("|:C4::D4:|", "CCDD"),
        ("|:C4|1D4:|2E4||F4|", "CDCEF"),
        ("|:C4|[1D4:|[2E4|]F4|", "CDCEF"),
        ("C4|:D4|1,3E4:|2F4:|G4|", "CDEDFDEG"),
        ("|:C4|1-2D4:|3E4||", "CDCDCE"),
        ("|::C4::|D4|", "CCCD"),
        ("|:C4|1-2-1 D4:|3 E4|", "CDCDCE"),
        ("|:C4:||:D4:|E4|", "CCDDE"),
        ("|:C4|1D4:|2E4:||:F4|1G4:|2A4||", "CDCEFGFA"),
    ],
)
def test_repeats_and_endings_are_played_out(music: str, played: str):
    assert pitches(music) == [dict(zip("CDEFGA", (60, 62, 64, 65, 67, 69), strict=True))[letter] for letter in played]


def test_a_pickup_is_a_short_first_metre():
    song = read("G|c4|d3:|", "M:4/4\nL:1/4\nK:C")
    assert song.meters == (Meter(0, 1, 4), Meter(12, 4, 4))
    assert song.bars == 1 + 4  # the pickup of the repeat completes the last bar before it
    assert song.bar_lines.tolist() == [0, 12, 60, 108, 156, 204]


def test_metres_change_and_short_bars_keep_their_length():
    song = read("C4|[M:3/4]D3|D3|[M:6/8]E3|E3|")
    assert song.meters == (Meter(0, 4, 4), Meter(48, 3, 4), Meter(120, 6, 8))
    assert read("C4|D2|E4|E4").meters == (Meter(0, 4, 4), Meter(48, 2, 4), Meter(72, 4, 4))


@pytest.mark.parametrize(
    ("field", "qpm"),
    [("1/4=100", 100), ('"Allegro" 3/8=60', 90), ("1/8=120", 60), ("100", 100), ("C2=50", 100), ("1/4 3/8=40", 100),
     ('"Andante"', 120)],
)  # fmt: skip
def test_tempi(field: str, qpm: float):
    assert read("C4", f"Q:{field}\nL:1/4\nK:C").tempi[0].qpm == pytest.approx(qpm)


def test_voices_become_parts():
    song = read(
        "V:1\nc4|d4|\nV:2\nC4|[V:1]e4|[V:2]D4|E4|",
        'M:4/4\nL:1/4\nV:1 name="Tune"\nV:2 name="Bass" clef=bass octave=-1\nK:C',
    )
    assert [(part.name, part.role) for part in song.parts] == [("Tune", "melody"), ("Bass", "bass")]
    assert rows(song, 0) == [(0, 48, 72), (48, 48, 74), (96, 48, 76)]
    assert rows(song, 1) == [(0, 48, 48), (48, 48, 50), (96, 48, 52)]


def test_a_voice_without_repeat_signs_follows_the_other():
    song = read("V:1\n|:c4:|d4|\nV:2\nC4|D4|")
    assert [part.notes["pitch"].tolist() for part in song.parts] == [[72, 72, 74], [60, 60, 62]]


def test_what_is_not_notes_is_skipped():
    music = "%%directive\n{cd}C !trill!D | ~E .F % a comment GGG\nw: la la\n(GA) | \\\nB u c y z Z2 |\nN: note\nP:A\nd4"
    assert pitches(music) == [60, 62, 64, 65, 67, 69, 71, 72, 74]


def test_a_number_is_an_ending_only_right_after_a_bar_line():
    assert pitches("C4|=20 D4|") == [60, 62]
    assert pitches("|:C4|\n1 D4:|\n2 E4|") == [60, 62, 60, 64]


def test_lines_of_old_computers_and_a_byte_order_mark():
    assert (
        pitches("CD")
        == read_abc("\ufeffX:1\r\nL:1/4\r\nK:C\r\nCD\r\n".encode(), "x.abc").parts[0].notes["pitch"].tolist()
    )
    assert len(read_abc(b"X:1\rK:C\rCDE|\r", "mac.abc").parts[0].notes) == 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no ABC music"),
        (b"X:1\nT:Nothing\nK:C\n", "no ABC music"),
        (b"X:1\nK:C\nC,,,,,,,,", "out of the range of MIDI"),
        (b"X:1\nK:C\nC99999", "beyond any music"),
        (b"X:1\nK:C\nZ99999", "10000 bars"),
        (b"X:1\nK:C\n" + b"C9999|" * 300, "10000 bars"),
        (b"X:1\nK:C\n" + b"C" * 300_001, "300 kB"),
        (b"X:1\nK:C\n" + b"".join(b"V:%d\nC|\n" % i for i in range(65)), "64 voices"),
    ],
)
def test_what_is_no_tune_is_refused_in_one_line(data: bytes, reason: str):
    with pytest.raises(ReadError, match=reason) as caught:
        read_abc(data, "bad.abc")
    assert "\n" not in str(caught.value)


abc_text = st.text(st.sampled_from("ABCDEFGabcdefgzZxX|:[]()123468/<>-^_=,'\"!{}&%\\ \n KMLQVT+~$;N.*y"), max_size=150)


@settings(max_examples=300, deadline=None)
@given(abc_text)
def test_any_text_is_a_tune_or_refused(text: str):
    try:
        song = read(text)
    except ReadError as error:
        assert "\n" not in str(error)
    else:
        assert read_midi(midi_bytes(song), "x.mid").end <= song.end


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_tune_or_refused(data: bytes):
    for tune in (data, b"X:1\nK:C\n" + data, b"X:1\nM:" + data + b"\nQ:" + data + b"\nK:" + data + b"\nCDEF|"):
        try:
            read_abc(tune, "x.abc")
        except ReadError as error:
            assert "\n" not in str(error)
