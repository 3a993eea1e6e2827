from __future__ import annotations

import pytest
from hypothesis import given
from song_strategies import forms

from ritornello.errors import ArgumentError
from ritornello.score import Form, Segment


@given(forms)
def test_a_form_reads_back_from_its_text(form: Form):
    assert Form.parse(str(form)) == form
    assert sum(1 for _ in form) == len(form)


@given(forms)
def test_every_bar_belongs_to_one_segment(form: Form):
    owners = [form.segment_at_bar(bar) for bar in range(form.bars)]
    assert owners == [index for index, segment in enumerate(form) for _ in range(segment.bars)]
    for bar in (-1, form.bars):
        with pytest.raises(ArgumentError, match="outside"):
            form.segment_at_bar(bar)


@given(forms)
def test_repeats_point_to_the_first_of_their_letter(form: Form):
    for index, first in enumerate(form.repeats):
        segment = form.segments[index]
        earlier = [other for other in range(index) if form.segments[other].letter == segment.letter]
        assert first == (earlier[0] if earlier and segment.letter not in "Xxio" else None)


@given(forms)
def test_sections_are_apart_and_start_with_melody(form: Form):
    previous = 0
    for first, stop in form.sections:
        assert previous <= first < stop <= len(form)
        assert form.segments[first].is_melodic
        assert not any(segment.letter == "X" for segment in form.segments[first:stop])
        previous = stop


def test_properties_of_a_usual_form():
    form = Form.parse("i4 A8 B8 x4 A8 B8 o4")
    assert (str(form), form.bars, form.starts) == ("i4A8B8x4A8B8o4", 44, (0, 4, 12, 20, 24, 32, 40))
    assert form.repeats == (None, None, None, None, 1, 2, None)
    assert form.sections == ((1, 3), (4, 6))
    assert form.letters == ("A", "B")


def test_a_single_bar_without_melody_does_not_split_a_section():
    assert Form.parse("A8x1B8x2A8").sections == ((0, 3), (4, 5))
    assert Form.parse("A8X4B8").sections == ((0, 1), (2, 3))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("A8B", "does not parse at 'B'"),
        ("A8-B4", "does not parse at '-B4'"),
        ("8A", "does not parse"),
        ("Ä8", "does not parse"),
        ("A0", "1 to 10000 bars"),
        ("A10001", "1 to 10000"),
        ("A99999999999", "1 to 10000"),
        ("A9999B9999", "19998 bars"),
    ],
)
def test_what_is_no_form_is_refused_at_its_place(text: str, reason: str):
    with pytest.raises(ArgumentError, match=reason):
        Form.parse(text)


def test_forms_by_hand_are_checked_too():
    with pytest.raises(ArgumentError, match="at least one"):
        Form(())
    with pytest.raises(ArgumentError, match="letter"):
        Form((Segment("AB", 4),))
