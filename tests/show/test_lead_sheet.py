"""The lead sheet: every note, chord symbol and rehearsal mark reaches the page, in plain SVG and PDF."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, make_notes
from ritornello.show.engraved_page import Glyph, Outline, Page, Text, glyph_path
from ritornello.show.lead_sheet import lead_sheet_pages, write_lead_sheet
from ritornello.show.page_pdf import pdf_bytes
from ritornello.show.page_svg import svg_bytes

BLACK_HEAD, HALF_HEAD = "E0A4", "E0A3"


def tune(bars: int = 8, title: str = "Étude") -> Song:
    onsets = [48 * bar + step for bar in range(bars) for step in (0, 12, 18, 24)]
    lengths = [12, 6, 6, 24] * bars
    pitches = [60, 62, 64, 67] * bars
    chords = [ChordSpan(48 * bar, 48, Chord.parse(("C", "F#m7b5", "Bb/D", "G7sus4")[bar % 4])) for bar in range(bars)]
    return Song(
        (Part("Melody", make_notes(onsets, lengths, pitches), role="melody"),),
        keys=(KeyRegion(0, Key(0)),),
        chords=tuple(chords),
        form=Form.parse(f"A4B{bars - 4}"),
        title=title,
    )


def items(pages: list[Page], kind: type) -> list:  # type: ignore[type-arg]
    return [item for page in pages for item in page.items if isinstance(item, kind)]


def test_every_note_is_on_the_page_and_inside_it() -> None:
    pages = lead_sheet_pages(tune())
    heads = Counter(glyph.code for glyph in items(pages, Glyph))
    assert heads[BLACK_HEAD] == 8 * 3 and heads[HALF_HEAD] == 8
    for page in pages:
        for item in page.items:
            if not isinstance(item, Outline):
                assert 0 <= item.x <= page.width and 0 <= item.y <= page.height


def test_title_chord_symbols_and_rehearsal_marks_are_there() -> None:
    pages = lead_sheet_pages(tune())
    texts = [text.text for text in items(pages, Text)]
    assert {"Étude", "A", "B", "C", "F", "/D"} <= set(texts)
    assert texts.count("m7") == texts.count("5") == 2  # the flat between them is a glyph
    assert texts.count("G7sus4") == 2  # and verovio adds no degree to the symbol
    boxes = [outline for outline in items(pages, Outline) if " h" in outline.path and not outline.is_filled]
    assert len(boxes) == 2


def test_the_melody_alone_is_shown_whatever_else_plays() -> None:
    song = tune()
    band = song.replace(parts=(Part("Bass", make_notes([0], [384], [36])), *song.parts))
    assert lead_sheet_pages(band) == lead_sheet_pages(song)


def test_sixteenth_rests_of_a_performance_are_not_engraved() -> None:
    song = tune()
    notes = song.parts[0].notes.copy()
    notes["duration"] -= 3
    short = song.replace(parts=(song.parts[0].with_notes(notes),))
    assert lead_sheet_pages(short) == lead_sheet_pages(song)


def test_a_short_tail_of_a_phrase_shares_its_line() -> None:
    marks = [text for text in items(lead_sheet_pages(tune(9).replace(form=Form.parse("A4x1B4"))), Text) if text.is_bold]
    heights = {text.text: text.y for text in marks}
    assert heights["A"] == pytest.approx(heights["Interlude"], abs=900) and heights["B"] > heights["A"] + 1500


def test_svg_stands_on_its_own_and_stacks_its_pages(tmp_path: Path) -> None:
    song = tune(80)
    write_lead_sheet(song, svg_path=tmp_path / "lead-sheet.svg", pdf_path=tmp_path / "lead-sheet.pdf")
    root = ElementTree.parse(tmp_path / "lead-sheet.svg").getroot()
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names <= {"svg", "title", "defs", "g", "path", "rect", "use"}  # no fonts, styles or nested viewports
    identities = {element.get("id") for element in root.iter() if element.get("id")}
    used = {
        element.get("{http://www.w3.org/1999/xlink}href", "#")[1:] for element in root.iter() if "use" in element.tag
    }
    assert used == identities
    pages = lead_sheet_pages(song)
    assert len(pages) > 1
    height = float((root.get("viewBox") or "").split()[3])
    assert height >= sum(page.height for page in pages)
    pdf = (tmp_path / "lead-sheet.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", pdf)) == len(pages)


def test_the_same_song_gives_the_same_bytes() -> None:
    first, second = lead_sheet_pages(tune()), lead_sheet_pages(tune())
    assert svg_bytes(first) == svg_bytes(second) and pdf_bytes(first) == pdf_bytes(second)


@pytest.mark.parametrize("title", ["", "Песня № 3", "月亮代表我的心", 'a <b> & "c"', "x\x00y"])
def test_titles_in_any_writing(title: str, tmp_path: Path) -> None:
    write_lead_sheet(tune(title=title), tmp_path / "a.svg", tmp_path / "a.pdf")
    ElementTree.parse(tmp_path / "a.svg")


@pytest.mark.parametrize(
    "song",
    [
        Song(),
        Song((Part("Drums", make_notes([0], [6], [36]), is_drums=True),)),
        Song((Part("One", make_notes([5], [1], [127])),), meters=(Meter(0, 7, 8),)),
        Song((Part("Low", make_notes([0, 0], [700, 13], [0, 12])),)),
    ],
)
def test_odd_songs_are_drawn_all_the_same(song: Song) -> None:
    assert len(lead_sheet_pages(song)) >= 1


def test_unwritable_places_are_named(tmp_path: Path) -> None:
    from ritornello.errors import WriteError

    with pytest.raises(WriteError, match="nowhere"):
        write_lead_sheet(tune(), svg_path=tmp_path / "nowhere" / "a.svg")


def test_glyph_outlines_are_those_of_the_music_font() -> None:
    assert glyph_path(BLACK_HEAD).startswith("M") and glyph_path("EA64")
