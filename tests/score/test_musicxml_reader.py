"""The reader takes the files of notation programs: what each element of MusicXML means for a Song."""

from __future__ import annotations

import io
import zipfile

import pytest

from ritornello.errors import ReadError
from ritornello.score import Chord, Key, Song
from ritornello.score.musicxml_reader import read_musicxml

START = "<attributes><divisions>4</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"


def note(name: str, quarters: float, extra: str = "", inside: str = "") -> str:
    """A note such as "C4" or "F#5", or a rest "-", at 4 divisions per quarter."""
    if name == "-":
        head = "<rest/>"
    else:
        alter = name.count("#") - name.count("b")
        head = f"<pitch><step>{name[0]}</step><alter>{alter}</alter><octave>{name[-1]}</octave></pitch>"
    return f"<note>{inside}{head}<duration>{quarters * 4:g}</duration>{extra}</note>"


def whole(name: str) -> str:
    return note(name, 4)


def score(*measures: str, part_list: str = '<score-part id="P1"><part-name>Flute</part-name></score-part>') -> bytes:
    body = "".join(f'<measure number="{number}">{content}</measure>' for number, content in enumerate(measures, 1))
    return (
        f'<score-partwise version="4.0"><part-list>{part_list}</part-list><part id="P1">{body}</part></score-partwise>'
    ).encode()


def read(*measures: str, **options: str) -> Song:
    return read_musicxml(score(*measures, **options), "tune.musicxml")


def notes(song: Song, part: int = 0) -> list[tuple[int, int, int]]:
    columns = song.parts[part].notes
    return [(int(n["onset"]), int(n["duration"]), int(n["pitch"])) for n in columns]


def pitches(song: Song) -> list[int]:
    return [pitch for _, _, pitch in notes(song)]


def test_rests_chords_and_lengths() -> None:
    song = read(
        START + note("C4", 1) + note("E4", 1, inside="<chord/>") + note("-", 1.5) + note("F#4", 0.5) + note("Bb4", 1)
    )
    assert notes(song) == [(0, 12, 60), (0, 12, 64), (30, 6, 66), (36, 12, 70)]
    assert song.original is not None and song.original.name == "tune.musicxml"


def test_backup_and_forward_lead_to_other_voices() -> None:
    second = "<backup><duration>16</duration></backup><forward><duration>8</duration></forward>"
    song = read(START + whole("C5") + second + note("E4", 2, "<voice>2</voice>"))
    assert notes(song) == [(0, 48, 72), (24, 24, 64)]


def test_triplets_at_any_divisions_are_exact() -> None:
    start = START.replace("<divisions>4", "<divisions>480")
    song = read(start + note("C4", 40) * 3 + note("-", 360))  # 160 of 480 divisions are a third of a quarter
    assert notes(song) == [(0, 4, 60), (4, 4, 60), (8, 4, 60)]


def test_ties_join_over_bar_lines_and_within_chords() -> None:
    begin, both, end = '<tie type="start"/>', '<tie type="stop"/><tie type="start"/>', '<tie type="stop"/>'
    song = read(
        START + note("-", 2) + note("C4", 2, begin) + note("E4", 2, begin, "<chord/>"),
        note("C4", 4, both) + note("E4", 4, end, "<chord/>"),
        note("C4", 1, end) + note("-", 3),
    )
    assert notes(song) == [(24, 24 + 48 + 12, 60), (24, 24 + 48, 64)]


def test_a_tie_to_another_pitch_or_to_nothing_ends_the_note() -> None:
    song = read(START + note("C4", 2, '<tie type="start"/>') + note("D4", 2, '<tie type="stop"/>'))
    assert notes(song) == [(0, 24, 60), (24, 24, 62)]


def test_grace_and_cue_notes_are_left_out() -> None:
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    song = read(START + grace + note("C4", 3) + note("D4", 1, inside="<cue/>"))
    assert notes(song) == [(0, 36, 60)]


def test_transposing_instruments_sound_where_they_sound() -> None:
    transpose = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>"
    key = "<key><fifths>2</fifths></key>"
    song = read(START.replace("</attributes>", transpose).replace("<time>", key + "<time>") + whole("D5"))
    assert pitches(song) == [72]
    assert [region.key for region in song.keys] == [Key(0)]


def test_keys_metres_and_tempi_change() -> None:
    minor = "<attributes><key><fifths>-3</fifths><mode>minor</mode></key></attributes>"
    waltz = "<attributes><time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
    tempo = '<direction><direction-type/><sound tempo="90.5"/></direction>'
    song = read(START + minor + tempo + whole("C4"), waltz + note("C4", 3), note("C4", 3))
    assert [(region.tick, str(region.key)) for region in song.keys] == [(0, "C minor")]
    assert [(meter.tick, str(meter)) for meter in song.meters] == [(0, "4/4"), (48, "3/4")]
    assert song.tempi[0].qpm == 90.5


def test_a_metronome_mark_counts_where_no_sound_is_given() -> None:
    mark = (
        "<direction><direction-type><metronome><beat-unit>quarter</beat-unit><beat-unit-dot/>"
        "<per-minute>100</per-minute></metronome></direction-type></direction>"
    )
    assert read(START + mark + whole("C4")).tempi[0].qpm == 150


def test_a_short_first_measure_is_a_pickup() -> None:
    song = read(START + note("G4", 1), whole("C5"), whole("D5"))
    assert [(meter.tick, str(meter)) for meter in song.meters] == [(0, "1/4"), (12, "4/4")]


def test_a_bar_cut_by_a_repeat_stays_one_bar() -> None:
    repeat = '<barline location="right"><repeat direction="backward"/></barline>'
    song = read(START + note("G4", 1), whole("C5"), note("D5", 3) + repeat)
    assert pitches(song) == [67, 72, 74, 67, 72, 74]
    assert [(meter.tick, str(meter)) for meter in song.meters] == [(0, "1/4"), (12, "4/4")]


def barline(inside: str) -> str:
    return f"<barline>{inside}</barline>"


FORWARD, BACKWARD = barline('<repeat direction="forward"/>'), barline('<repeat direction="backward"/>')


def test_repeats_with_endings_are_played_out() -> None:
    def ending(number: str, kind: str) -> str:
        return barline(f'<ending number="{number}" type="{kind}"/>')

    song = read(
        START + whole("C4"),
        FORWARD + whole("D4"),
        ending("1, 2", "start") + whole("E4") + ending("1, 2", "stop") + BACKWARD,
        ending("3", "start") + whole("F4") + ending("3", "discontinue"),
        FORWARD + whole("G4") + BACKWARD,
        whole("A4"),
    )
    assert pitches(song) == [60, 62, 64, 62, 64, 62, 65, 67, 67, 69]


@pytest.mark.parametrize("number", ["0", "2", "99"])
def test_endings_that_are_never_reached_do_not_silence_the_piece(number: str) -> None:
    bracket = barline(f'<ending number="{number}" type="start"/>')
    assert pitches(read(bracket + whole("C4"), whole("D4"))) == [60, 62]


def test_a_first_ending_alone_is_skipped_the_second_time() -> None:
    first = barline('<ending number="1" type="start"/>') + whole("E4") + barline('<ending number="1" type="stop"/>')
    song = read(START + whole("C4"), first + BACKWARD, whole("F4"))
    assert pitches(song) == [60, 64, 60, 65]


@pytest.mark.parametrize(
    ("signs", "played"),
    [
        (["", "fine", "", "dacapo"], [0, 1, 2, 3, 0, 1]),
        (["", "segno", "fine", "dalsegno"], [0, 1, 2, 3, 1, 2]),
        (["segno", "tocoda", "dalsegno", "coda"], [0, 1, 2, 0, 1, 3]),
        (["", "tocoda", "dacapo", "coda"], [0, 1, 2, 0, 1, 3]),
    ],
)
def test_da_capo_dal_segno_fine_and_coda(signs: list[str], played: list[int]) -> None:
    bars = [
        whole(name) + (f'<sound {sign}="yes"/>' if sign else "")
        for name, sign in zip("CDEF", signs, strict=True)
        for name in [name + "4"]
    ]
    assert [[60, 62, 64, 65].index(pitch) for pitch in pitches(read(START + bars[0], *bars[1:]))] == played


def test_chords_and_keys_follow_the_music_through_repeats() -> None:
    harmony = "<harmony><root><root-step>{}</root-step></root><kind>major</kind></harmony>"
    song = read(
        START + harmony.format("C") + whole("C4"), FORWARD + whole("D4"), harmony.format("G") + whole("E4") + BACKWARD
    )
    assert [(span.onset, span.duration, str(span.chord)) for span in song.chords] == [
        (0, 96, "C"), (96, 48, "G"), (144, 48, "C"), (192, 48, "G"),
    ]  # fmt: skip


def degree(value: int, alter: int, kind: str) -> str:
    inside = (
        f"<degree-value>{value}</degree-value><degree-alter>{alter}</degree-alter><degree-type>{kind}</degree-type>"
    )
    return f"<degree>{inside}</degree>"


@pytest.mark.parametrize(
    ("inside", "chord"),
    [
        ("<kind>minor-seventh</kind>", "Am7"),
        ("<kind>half-diminished</kind>", "Am7b5"),
        ("<kind>major</kind><bass><bass-step>C</bass-step><bass-alter>1</bass-alter></bass>", "A/C#"),
        ("<kind>major</kind><inversion>1</inversion>", "A/C#"),
        ("<kind>dominant</kind>" + degree(5, 1, "alter"), "Aaug7"),
        ("<kind>minor-seventh</kind>" + degree(5, -1, "alter"), "Am7b5"),
        ("<kind>dominant</kind>" + degree(9, -1, "add"), "A7"),
        ('<kind text="maj9">other</kind>', "Amaj9"),
        ('<kind text="?">other</kind>', "A"),
        ("<kind>Neapolitan</kind>", "A"),
    ],
)  # fmt: skip
def test_harmonies_become_our_chords(inside: str, chord: str) -> None:
    song = read(START + f"<harmony><root><root-step>A</root-step></root>{inside}</harmony>" + whole("C4"))
    assert [span.chord for span in song.chords] == [Chord.parse(chord)]


def test_no_chord_ends_a_chord() -> None:
    harmony = "<harmony><root><root-step>C</root-step></root><kind>{}</kind></harmony>"
    song = read(START + harmony.format("major") + note("C4", 1) + harmony.format("none") + note("C4", 3))
    assert [(span.onset, span.duration) for span in song.chords] == [(0, 12)]


def mark(text: str) -> str:
    return f"<direction><direction-type><rehearsal>{text}</rehearsal></direction-type></direction>"


@pytest.mark.parametrize(
    ("marks", "form"),
    [
        (["", "A", "", "B", "A"], "i1A2B1A1"),
        (["Intro", "Verse 1", "Chorus", "Verse 2", "Outro"], "i1A1B1A1o1"),
        (["A", "B", "C", "D", ""], None),  # places to start from, as in orchestral scores
        (["12", "", "24", "", ""], None),
    ],
)
def test_rehearsal_marks_that_name_sections_are_the_form(marks: list[str], form: str | None) -> None:
    bars = [(mark(text) if text else "") + whole("C4") for text in marks]
    assert (str(found) if (found := read(START + bars[0], *bars[1:]).form) else None) == form


def test_unpitched_notes_are_drums() -> None:
    part_list = (
        '<score-part id="P1"><part-name>Kit</part-name><score-instrument id="K"/>'
        '<midi-instrument id="K"><midi-channel>10</midi-channel><midi-unpitched>37</midi-unpitched></midi-instrument>'
        "</score-part>"
    )
    hit = "<note><unpitched><display-step>F</display-step></unpitched><duration>16</duration>{}</note>"
    song = read(START + hit.format('<instrument id="K"/>'), START + hit.format(""), part_list=part_list)
    assert song.parts[0].is_drums and song.parts[0].role == "drums"
    assert pitches(song)[0] == 36


def test_names_programs_and_the_melody_of_a_lead_sheet() -> None:
    part_list = (
        '<score-part id="P1"><part-name>Voice</part-name>'
        '<midi-instrument id="P1-I1"><midi-program>53</midi-program></midi-instrument></score-part>'
    )
    harmony = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
    song = read(START + harmony + whole("C4"), part_list=part_list)
    assert (song.parts[0].name, song.parts[0].program, song.parts[0].role) == ("Voice", 52, "melody")
    assert read(START + whole("C4")).parts[0].role is None


def test_timewise_files_are_read_as_partwise_ones() -> None:
    def measure(upper: str, lower: str) -> str:
        return (
            f'<measure><part id="P1">{START}{whole(upper)}</part><part id="P2">{START}{whole(lower)}</part></measure>'
        )

    part_list = '<part-list><score-part id="P1"/><score-part id="P2"/></part-list>'
    timewise = f"<score-timewise>{part_list}{measure('C4', 'E4')}{measure('D4', 'F4')}</score-timewise>"
    song = read_musicxml(timewise.encode(), "x.xml")
    assert [notes(song, part) for part in (0, 1)] == [[(0, 48, 60), (48, 48, 62)], [(0, 48, 64), (48, 48, 65)]]


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def test_compressed_files_are_found_through_their_container_or_without_one() -> None:
    container = b'<container><rootfiles><rootfile full-path="music/b.xml"/></rootfiles></container>'
    right, wrong = score(START + whole("C4")), score(START + whole("D4"))
    with_container = archive({"a.xml": wrong, "music/b.xml": right, "META-INF/container.xml": container})
    assert pitches(read_musicxml(with_container, "x.mxl")) == [60]
    assert pitches(read_musicxml(archive({"readme.txt": b"hi", "c.musicxml": right}), "x.mxl")) == [60]


HEADER = b'<?xml version="1.0"?>'
BOMB = b"".join(b'<!ENTITY a%d "%s">' % (i + 1, b"&a%d;" % i * 10) for i in range(9))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"not xml at all", "not well-formed"),
        (b"<html><body/></html>", "<html>"),
        (score(START + whole("C4"))[:-30], "not well-formed"),
        (b"<score-partwise/>", "without parts"),
        (HEADER + b'<!DOCTYPE x [<!ENTITY a0 "ha">' + BOMB + b"]><score-partwise>&a9;</score-partwise>", "entities"),
        (HEADER + b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><score-partwise/>', "entities"),
        (b'<?xml version="1.0" encoding="no-such"?><score-partwise/>', "XML"),
        (b"<a>" * 100, "nested"),
        (b"<score-partwise " + b"x" * 100_000 + b"/>", "tag"),
        (b"PK\x03\x04 and then nothing", "archive"),
        (archive({"a.txt": b"no score"}), "no MusicXML file"),
        (archive({"a.xml": b" " * 40_000_000}), "unpacks to more"),
        (archive({f"{i}.xml": b"<a/>" for i in range(1001)}), "1001 files"),
        (score(START + note("C4", 100_000)), "quarter notes"),
        (score(START + note("C4", 1).replace("<duration>4<", "<duration>1e9<")), "no number"),
        (score(START.replace("<divisions>4", "<divisions>0") + whole("C4")), "divisions"),
        (score(START.replace("<beats>4", "<beats>999") + whole("C4")), "metre"),
        (score(START + whole("C12".replace("12", "9")).replace("<octave>9", "<octave>99")), "pitch"),
        (score(START + whole("H4")), "letter A to G"),
        (score(*[START + whole("C4")] * 10_001), "10001 measures"),
        (score(*[whole("C4")] * 50 + ['<barline><repeat direction="backward" times="999"/></barline>']), "10000 bars"),
    ],
)  # fmt: skip
def test_what_is_no_score_is_refused_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(ReadError, match=says) as caught:
        read_musicxml(data, "bad.xml")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("bad.xml: ")
