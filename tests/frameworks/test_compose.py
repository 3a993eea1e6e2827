"""Composing: everything open is filled, everything given stays, an edit moves what depends on it and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ritornello.analysis.segments import basic_pitches, pattern_of
from ritornello.errors import ArgumentError
from ritornello.frameworks.compose import Composition, compose
from ritornello.frameworks.contour import contour_error, in_semitones
from ritornello.frameworks.curves import with_contour
from ritornello.frameworks.measured_control import lock_figures
from ritornello.frameworks.realise import Settings
from ritornello.score import Chord, Key
from ritornello.score.framework import Cell, ChordCell, Framework, NoteCell
from ritornello.score.framework_reader import parse_framework

from .composing import networks, tables

FEW = settings(max_examples=8, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate))


def composed(plan: Framework, seed: int | None = 3, **options: Any) -> Composition:
    return compose(plan, seed=seed, networks=networks(), tables=tables(), **options)[0]


def plan(form: str = "i2A4B4A4o2", key: str = "G", metre: str = "4/4", **options: Any) -> Framework:
    return Framework.from_form(form, key, 96, metre, **options)


def changed_cells(old: Framework, new: Framework) -> dict[str, set[tuple[int, int]]]:
    """Where two frameworks of one form differ, by layer: chords by cell, notes by the cell they start in."""
    found: dict[str, set[tuple[int, int]]] = {"chords": set(), "rhythm": set(), "basic": set(), "melody": set()}
    for index, (one, two) in enumerate(zip(old.effective, new.effective, strict=True)):
        for cell in range(one.bars * old.cells_per_bar):
            if chords_of(old, index)[cell] != chords_of(new, index)[cell]:
                found["chords"].add((index, cell))
            if not one.is_melodic:
                continue
            a, b = old.cells(index)[cell], new.cells(index)[cell]
            if a.onset_pattern != b.onset_pattern:
                found["rhythm"].add((index, cell))
            if a.basic_pitch != b.basic_pitch:
                found["basic"].add((index, cell))
            if pitches_in(old, one.notes, cell) != pitches_in(new, two.notes, cell):
                found["melody"].add((index, cell))
    return found


def chords_of(framework: Framework, index: int) -> list[list[str]]:
    beats = [str(cell.chord) for cell in framework.effective[index].chords or () for _ in range(round(cell.beats * 12))]
    size = 12 * framework.beats_per_bar // framework.cells_per_bar
    return [beats[at : at + size] for at in range(0, len(beats), size)]


def pitches_in(framework: Framework, notes: tuple[NoteCell, ...] | None, cell: int) -> list[tuple[int, int]]:
    size = framework.cell_steps
    return [(note.onset, note.pitch) for note in notes or () if note.onset // size == cell]


@pytest.mark.parametrize(
    ("form", "key", "metre"),
    [("i2A4B4A4o2", "G", "4/4"), ("A4B3A5X2", "Em", "4/4"), ("A4A4x2", "F", "3/4"), ("b2A2b2", "C", "6/8"),
     ("A2A2", "Bb", "2/4"), ("A2", "D", "5/4"), ("A2A2", "A", "12/8")],
)  # fmt: skip
def test_every_layer_is_filled_and_the_layers_say_the_same(form: str, key: str, metre: str) -> None:
    made = composed(plan(form, key, metre))
    framework = made.framework
    assert str(framework.form) == form and framework.seed == 3
    for index, phrase in enumerate(framework.effective):
        assert framework.open_layers(index) == ()
        if not phrase.is_melodic:
            assert not phrase.notes
            continue
        size = framework.cell_steps
        notes = phrase.notes or ()
        onsets, durations, pitches = np.array([(n.onset, n.duration, n.pitch) for n in notes]).reshape(-1, 3).T
        basics = basic_pitches(onsets, durations, pitches, phrase.bars * framework.steps_per_bar, size)
        for at, cell in enumerate(framework.cells(index)):
            assert cell.basic_pitch == (basics[at] or 0)
            assert cell.onset_pattern == pattern_of(onsets, at * size, size)
    melody, *others = made.song.parts
    assert melody.role == "melody" and {part.role for part in others} >= {"chords", "bass"}
    assert made.song.chords[-1].chord.root == framework.key.tonic if framework.key else False
    assert made.song.bars == framework.form.bars


def test_a_seed_gives_one_song_and_more_candidates_do_not_change_the_first() -> None:
    one, again = composed(plan()), composed(plan())
    assert one.framework == again.framework and one.song == again.song
    more = compose(plan(), seed=3, n=2, networks=networks(), tables=tables())
    assert more[0].framework == one.framework
    assert more[1].framework != one.framework
    assert composed(plan(), seed=4).framework != one.framework


def test_a_result_composed_again_is_itself() -> None:
    first = composed(plan()).framework
    again = composed(parse_framework(first.to_json()), seed=None)
    assert again.framework == first
    assert all(not found["cells"] for found in again.report["drawn"].values())


def test_given_layers_stay() -> None:
    given_chords = tuple(ChordCell(Chord.parse(name), 4) for name in ("G", "Em", "C", "D"))
    given_cells = tuple(
        Cell(basic_pitch=71 if i == 3 else None, onset_pattern=17 if i == 2 else None) for i in range(8)
    )
    asked = plan("A4B4").with_phrase(0, chords=given_chords, cells=given_cells)
    made = composed(asked).framework
    assert made.phrases[0].chords == given_chords
    assert made.cells(0)[2].onset_pattern == 17


def test_open_chords_between_given_ones_are_filled() -> None:
    cells = (ChordCell(Chord.parse("G"), 4), ChordCell(None, 2, is_open=True), ChordCell(Chord.parse("C"), 10))
    made = composed(plan("A4").with_phrase(0, chords=cells)).framework.phrases[0]
    assert [cell.beats for cell in made.chords or ()] == [4, 2, 10]
    assert made.chords is not None and made.chords[1].chord is not None


# --- edits ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def song() -> Framework:
    return composed(plan("i2A4B4A4A4o2")).framework


def test_a_changed_chord_moves_its_cell_alone_and_its_repeats(song: Framework) -> None:
    cells = song.phrases[1].chords
    assert cells is not None
    place = next(i for i in range(len(cells)) if sum(c.beats for c in cells[: i + 1]) > 4)
    start = sum(cell.beats for cell in cells[:place])
    first, stop = int(start // 2), -(-int(start + cells[place].beats) // 2)
    touched = set(range(first, stop))
    other = Chord.parse("Eb7")
    edited = (*cells[:place], dataclasses.replace(cells[place], chord=other), *cells[place + 1 :])
    made = composed(song.with_phrase(1, chords=edited), seed=None)
    again = made.framework
    assert again.phrases[1].chords == edited
    found = changed_cells(song, again)
    assert found["chords"] >= {(1, cell) for cell in touched}
    for layer in ("chords", "basic", "melody"):
        assert {index for index, _ in found[layer]} <= {1, 3, 4}
        assert {cell for _, cell in found[layer]} <= touched
    assert not found["rhythm"]
    assert {1} <= set(made.report["drawn"]["basic"]["phrases"]) <= {1, 3, 4}


def test_a_changed_chord_moves_bass_and_accompaniment_of_its_bars_alone(song: Framework) -> None:
    cells = song.phrases[2].chords
    assert cells is not None
    edited = song.with_phrase(2, chords=(dataclasses.replace(cells[0], chord=Chord.parse("Ab")), *cells[1:]))
    bars = {song.phrases[2].start_bar + bar for bar in range(-(-int(cells[0].beats) // 4))}
    old, new = composed(song, seed=None).song, composed(edited, seed=None).song
    for one, two in zip(old.parts[1:], new.parts[1:], strict=True):
        moved = set(one.notes.tolist()) ^ set(two.notes.tolist())
        assert {note[0] // 48 for note in moved} <= bars and moved


def test_a_changed_pattern_moves_the_notes_of_its_cell_alone(song: Framework) -> None:
    pattern = 0b00010101 if song.cells(1)[3].onset_pattern != 0b00010101 else 0b00000101
    again = composed(song.with_cell(1, 3, onset_pattern=pattern), seed=None).framework
    assert again.cells(1)[3].onset_pattern == pattern
    found = changed_cells(song, again)
    for layer in ("rhythm", "basic", "melody"):
        assert {cell for _, cell in found[layer]} <= {3}
        assert {index for index, _ in found[layer]} <= {1, 3, 4}
    assert (1, 3) in found["rhythm"] and (1, 3) in found["melody"]


def test_a_changed_number_of_onsets_asks_for_another_pattern(song: Framework) -> None:
    wanted = 3 if (song.cells(1)[2].complexity or 0) * 16 != 3 else 2
    again = composed(song.with_cell(1, 2, complexity=wanted / 16), seed=None).framework
    assert (again.cells(1)[2].onset_pattern or 0).bit_count() == wanted
    assert {cell for _, cell in changed_cells(song, again)["rhythm"]} <= {2}


def test_a_changed_basic_note_moves_the_notes_of_its_cell_alone(song: Framework) -> None:
    cell = next(i for i in range(2, 8) if (song.cells(1)[i].onset_pattern or 0) & 1)
    pitch = (song.cells(1)[cell].basic_pitch or 67) + 2
    again = composed(song.with_cell(1, cell, basic_pitch=pitch), seed=None).framework
    assert again.cells(1)[cell].basic_pitch == pitch
    found = changed_cells(song, again)
    assert not found["chords"] and not found["rhythm"]
    assert {index for index, _ in found["melody"]} <= {1, 3, 4}
    assert {place for _, place in found["melody"] | found["basic"]} <= {cell}
    assert (1, cell) in found["melody"]


def test_an_edit_of_a_repeat_stays_in_it(song: Framework) -> None:
    edited = song.with_cell(3, 4, basic_pitch=(song.cells(3)[4].basic_pitch or 67) + 2)
    found = changed_cells(song, composed(edited, seed=None).framework)
    assert {index for row in found.values() for index, _ in row} <= {3}


def test_an_edited_note_stays(song: Framework) -> None:
    notes = song.effective[1].notes or ()
    place = len(notes) // 2
    other = dataclasses.replace(notes[place], pitch=notes[place].pitch + 1)
    edited = song.with_phrase(1, notes=(*notes[:place], other, *notes[place + 1 :]))
    again = composed(edited, seed=None).framework
    assert other.pitch == (again.effective[1].notes or ())[place].pitch
    assert {index for index, _ in changed_cells(song, again)["melody"]} <= {1, 3, 4}


def test_regenerate_opens_what_it_names_and_nothing_else(song: Framework) -> None:
    again = composed(song, seed=None, regenerate=["melody@B"]).framework
    found = changed_cells(song, again)
    assert {index for index, _ in found["melody"]} == {2}
    assert not found["chords"] and not found["rhythm"]
    second = composed(song, seed=None, regenerate=["melody@A2"]).framework
    found = changed_cells(song, second)
    assert {index for index, _ in found["melody"]} == {3} and not found["chords"]
    twice = composed(again, seed=None, regenerate=["melody@B"]).framework
    assert twice != again  # the second time is another time


def test_another_key_moves_everything_and_draws_nothing(song: Framework) -> None:
    moved = song.transposed(Key.parse("A"))
    again = composed(moved, seed=None)
    assert again.framework == dataclasses.replace(moved, phrases=again.framework.phrases)
    assert [n.pitch - 2 for n in again.framework.effective[1].notes or ()] == [
        n.pitch for n in song.effective[1].notes or ()
    ]
    assert all(not found["cells"] for found in again.report["drawn"].values())


# --- locks ----------------------------------------------------------------------------------------------------------


@FEW
@given(data=st.data())
def test_random_locks_are_honoured(data: st.DataObject, song: Framework) -> None:
    framework = Framework.from_form(song.form, song.key, song.tempo_qpm)
    locked = framework
    for index, phrase in enumerate(song.effective):
        if not phrase.is_melodic or phrase.repeat != "free":
            continue
        cells = []
        for cell in song.cells(index):
            items = data.draw(st.sets(st.sampled_from(["basic_pitch", "onset_pattern", "rhythm_label"])))
            cells.append(Cell(**{item: getattr(cell, item) for item in items}, locks=frozenset(items)))
        notes = [dataclasses.replace(n, lock=True) for n in phrase.notes or () if data.draw(st.integers(0, 9)) == 0]
        chords = tuple(
            dataclasses.replace(c, lock=True) if data.draw(st.booleans()) else ChordCell(None, c.beats, is_open=True)
            for c in phrase.chords or ()
        )
        locked = locked.with_phrase(
            index, cells=tuple(cells), chords=chords, notes=tuple(notes) or None, notes_are_partial=bool(notes)
        )
    made = composed(locked, seed=data.draw(st.integers(0, 99))).framework
    for index, phrase in enumerate(locked.phrases):
        for at, cell in enumerate(phrase.cells or ()):
            for item in cell.locks - {"rhythm_label"}:
                assert getattr(made.cells(index)[at], item) == getattr(cell, item)
        for note in phrase.notes or ():
            assert any(
                (n.onset, n.pitch, n.lock) == (note.onset, note.pitch, True) for n in made.effective[index].notes
            )
        ticks = [c for c in made.effective[index].chords or () for _ in range(round(c.beats * 12))]
        at = 0
        for chord in phrase.chords or ():
            if chord.lock:
                assert all(c.chord == chord.chord for c in ticks[at : at + round(chord.beats * 12)])
            at += round(chord.beats * 12)


def test_random_locks_in_repeats_are_honoured() -> None:
    def fill(framework: Framework, seed: int) -> Framework:
        return composed(framework, seed=seed).framework

    found = lock_figures([plan(form) for form in ("A4B4A4B4", "A8B8A8C8", "i4A4A4B8A4o4")], fill)
    assert found["locked_songs_refused"] == 0 and found["locked_cells_honoured"] == 1


def test_locks_that_contradict_each_other_are_named() -> None:
    both = frozenset(("basic_pitch", "onset_pattern"))
    silent = [Cell(basic_pitch=0, onset_pattern=1, locks=both), *[Cell()] * 7]
    with pytest.raises(ArgumentError, match=r"phrases\[0\]\.cells\[0\]\.basic_pitch: is locked to silence"):
        composed(plan("A4").with_phrase(0, cells=tuple(silent)))
    note = NoteCell(2, 2, 67, lock=True)
    cells = (Cell(onset_pattern=1, locks=frozenset(("onset_pattern",))), *[Cell()] * 7)
    with pytest.raises(ArgumentError, match=r"cells\[0\]\.onset_pattern: is locked without a note at step 2"):
        composed(plan("A4").with_phrase(0, cells=cells, notes=(note,), notes_are_partial=True))
    whole = NoteCell(0, 8, 67, lock=True)
    other = (Cell(basic_pitch=70, locks=frozenset(("basic_pitch",))), *[Cell()] * 7)
    with pytest.raises(ArgumentError, match=r"cells\[0\]\.basic_pitch: is locked, but the locked notes"):
        composed(plan("A4").with_phrase(0, cells=other, notes=(whole,), notes_are_partial=True))
    apart = [
        Cell(onset_pattern=255, rhythm_label=0, locks=frozenset(("onset_pattern",))),
        Cell(onset_pattern=1, rhythm_label=0, locks=frozenset(("onset_pattern", "rhythm_label"))),
    ]
    with pytest.raises(ArgumentError, match=r"cells\[1\]\.rhythm_label: is locked to be like cells\[0\]"):
        composed(plan("A4").with_phrase(0, cells=(*apart, *[Cell()] * 6)))


# --- repeats and contours ---------------------------------------------------------------------------------------------


def test_copies_are_equal_varied_repeats_alike_and_free_ones_their_own() -> None:
    def pitches(framework: Framework, index: int) -> list[tuple[int, int]]:
        return [(n.onset, n.pitch) for n in framework.effective[index].notes or ()]

    copied = composed(plan("A4A4A4", repeat="copy")).framework
    assert pitches(copied, 0) == pitches(copied, 1)
    free = composed(plan("A4B4A4", repeat="free")).framework
    assert pitches(free, 0) != pitches(free, 2)
    agreements = []
    for seed in range(4):
        report = composed(plan("A8A8A8A8"), seed=seed).report
        agreements.append(report["adherence"]["same_letter_agreement"])
    assert 0.7 < float(np.mean(agreements)) < 0.97


def test_a_repeat_of_another_length_begins_like_its_source() -> None:
    framework = composed(plan("A4B4A6")).framework
    one, two = framework.effective[0].notes or (), framework.effective[2].notes or ()
    held = [np.zeros(96, np.int64) for _ in range(2)]
    for roll, notes in zip(held, (one, two), strict=True):
        for note in notes:
            roll[note.onset : note.onset + note.duration] = note.pitch
    assert (held[0][:64] == held[1][:64]).mean() > 0.5


def test_a_contour_is_followed_better_than_by_chance() -> None:
    curve = in_semitones(range(16))
    errors = {}
    for weight in (0.0, 2.0):
        rows = []
        for seed in range(3):
            halves = plan("A8").with_phrase(0, cells=(Cell(onset_pattern=0b10001),) * 16)
            asked = with_contour(halves, "contour@A", "rise")
            made = composed(asked, seed=seed, settings=Settings(contour_weight=weight)).framework
            rows.append(contour_error([cell.basic_pitch or 0 for cell in made.cells(0)], curve))
        errors[weight] = np.mean(rows)
    assert errors[2.0] < 0.7 * errors[0.0]  # networks that know nothing leave the most to be gained


def test_what_cannot_be_composed_is_refused_in_one_line() -> None:
    with pytest.raises(ArgumentError, match="the form i4 has no melodic phrase"):
        composed(plan("i4"))
    with pytest.raises(ArgumentError, match="at most 600 are filled"):
        composed(plan("A601"))
    with pytest.raises(ArgumentError, match="there is no phrase C"):
        composed(plan("A4"), regenerate=["melody@C"])
    with pytest.raises(ArgumentError, match="style 'polka' is unknown"):
        composed(plan("A4"), style="polka")
    with pytest.raises(ArgumentError, match="seed -1 is out of range"):
        composed(plan("A4"), seed=-1)
