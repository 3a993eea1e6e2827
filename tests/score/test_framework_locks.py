from __future__ import annotations

import pytest
from framework_strategies import CELLS, CHORDS, NOTES, frameworks, whole
from hypothesis import HealthCheck, given, settings

from ritornello.errors import ArgumentError
from ritornello.score import Key
from ritornello.score.framework import Framework
from ritornello.score.framework_locks import LAYERS, parse_selection


@pytest.mark.parametrize(
    ("text", "layer", "phrases"),
    [
        ("chords", "chords", (0, 1, 2, 3)),
        ("rhythm@A", "rhythm", (1, 2)),
        ("melody@A2", "melody", (2,)),
        ("basic@3", "basic", (3,)),
        ("chords@i", "chords", (0,)),
        ("basic@A1[2]", "basic", (1,)),
        ("melody@1[0-2]", "melody", (1,)),
        ("rhythm-form@B", "rhythm-form", (3,)),
    ],
)
def test_selections(text: str, layer: str, phrases: tuple[int, ...]) -> None:
    selection = parse_selection(text, whole())
    assert (selection.layer, selection.phrases) == (layer, phrases)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' selects nothing; write a layer and a place"),
        ("rhythm@", "selects nothing"),
        ("bass@A", "layer 'bass' is unknown; use one of chords, basic, rhythm, contour"),
        ("melody@C", "there is no phrase C in the form i1A2A2B2"),
        ("melody@A3", "there is no A3; the form has A1 to A2"),
        ("melody@A0", "there is no A0"),
        ("basic@4", "there is no phrase 4; ids go from 0 to 3"),
        ("basic@A1[4]", "there is no number 4; the last is 3"),
        ("melody@B[0]", "there is no number 0; nothing is there"),
        ("basic@A[2-1]", "1 comes before 2"),
        ("chords@B", "nothing is decided there yet"),
        ("contour", "nothing is decided there yet"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        whole().lock(text)


def test_a_letter_is_locked_once_and_its_repeats_share_the_lock() -> None:
    locked = whole().lock("chords@A", "rhythm", "melody@A1[1-2]")
    assert locked.phrases[2].chords is None
    assert all(cell.lock for cell in locked.effective[2].chords or ())
    assert all(cell.locks == {"rhythm_label", "complexity", "onset_pattern"} for cell in locked.cells(2))
    assert [note.lock for note in locked.phrases[1].notes or ()] == [False, True, True]
    assert locked.unlock("chords", "rhythm@A", "melody") == whole()


def test_a_repeat_locked_alone_gets_a_layer_of_its_own() -> None:
    locked = whole().lock("chords@A2", "basic@2[0]")
    assert not any(cell.lock for cell in locked.phrases[1].chords or ())
    assert [cell.lock for cell in locked.phrases[2].chords or ()] == [True, True]
    assert [len(cell.locks) for cell in locked.cells(2)] == [1, 0, 0, 0]
    assert locked.phrases[1].cells == CELLS
    changed = locked.with_phrase(1, chords=None).with_phrase(1, cells=None)
    assert [cell.chord for cell in changed.effective[2].chords or ()] == [cell.chord for cell in CHORDS]


def test_a_repeat_in_another_key_is_locked_where_it_sounds() -> None:
    locked = whole().with_phrase(2, repeat="copy", key=Key.parse("A")).lock("melody@A2")
    assert [note.pitch for note in locked.phrases[2].notes or ()] == [note.pitch + 2 for note in NOTES]


def test_reopening_keeps_what_is_locked() -> None:
    framework = (
        whole().lock("melody@A1[0]", "basic@A[1]", "chords@A[0]").reopen("melody@A", "basic", "chords@A", "pattern")
    )
    phrase = framework.phrases[1]
    assert [note.pitch for note in phrase.notes or ()] == [67]
    assert phrase.notes_are_partial
    assert [cell.basic_pitch for cell in phrase.cells or ()] == [None, 69, None, None]
    assert [cell.onset_pattern for cell in phrase.cells or ()] == [None] * 4
    assert [cell.complexity for cell in phrase.cells or ()] == [cell.complexity for cell in CELLS]
    assert [cell.is_open for cell in phrase.chords or ()] == [False, True]
    assert framework.open_layers(1) == ("chords", "basic", "rhythm", "melody")


def test_reopening_everything_gives_the_bare_form() -> None:
    framework = whole().reopen("chords", "basic", "rhythm", "contour", "melody")
    assert framework == Framework.from_form("i1A2A2B2", "G", 96)


def test_a_repeat_reopened_alone_says_whose_it_is() -> None:
    with pytest.raises(ArgumentError, match="phrase 2 takes this from phrase 1; reopen it there or make it free"):
        whole().reopen("chords@A2")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frameworks())
def test_unlocked_and_locked_again_nothing_but_locks_has_changed(framework: Framework) -> None:
    for layer in LAYERS:
        try:
            locked = framework.lock(layer)
        except ArgumentError:
            continue  # nothing of the layer is decided
        assert locked.song() == framework.song()
        assert locked.lock(layer) == locked
        assert locked.unlock(layer) == framework.unlock(layer)
        assert locked.reopen(layer).unlock(layer) == locked.unlock(layer)
