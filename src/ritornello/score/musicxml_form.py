"""The form of a MusicXML file: its own field, or rehearsal marks that name sections.

Rehearsal marks of orchestral scores (A, B, C … each once) are places to start from, not section names; they are taken
for a form only if one comes back or is a word such as "Verse". Our own rule.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from ritornello.errors import ArgumentError
from ritornello.score.form import MAX_BARS, Form, Segment
from ritornello.score.musicxml_writer import rehearsal_mark

_WORDS = (
    (re.compile(r"\b(intro|introduction|prelude)", re.IGNORECASE), "i"),
    (re.compile(r"\b(outro|ending|coda|postlude|tag)\b", re.IGNORECASE), "o"),
    (re.compile(r"\b(interlude|break|solo|instrumental)", re.IGNORECASE), "x"),
)


def read_form(field: str, marks: Sequence[tuple[int, str]], bar_lines: Sequence[int]) -> Form | None:
    """Return the form of a song that was read.

    Args:
        field: the form that our own files carry, or empty.
        marks: rehearsal marks with their ticks, in order.
        bar_lines: ticks of the bar lines of the file, the last one closing the last bar.

    Returns:
        The field's form, if the rehearsal marks still stand where it puts them; else the form of the marks, if they
        name sections; else None.
    """
    if field:
        try:
            form = Form.parse(field)
        except ArgumentError:
            form = None
        if form is not None and form.bars < len(bar_lines):
            expected = [(bar_lines[bar], rehearsal_mark(part)) for bar, part in zip(form.starts, form, strict=True)]
            if expected == list(marks):
                return form
    return _from_marks(marks, bar_lines)


def _from_marks(marks: Sequence[tuple[int, str]], bar_lines: Sequence[int]) -> Form | None:
    letters = _letters([text for _, text in marks])
    if letters is None:
        return None
    last = len(bar_lines) - 1
    starts = {bisect_right(bar_lines, tick) - 1: letter for (tick, _), letter in zip(marks, letters, strict=True)}
    bars = sorted(starts)
    if last > MAX_BARS:
        return None
    segments = [Segment("i", bars[0])] if bars[0] > 0 else []
    stops = [*bars[1:], last]
    segments += [Segment(starts[bar], stop - bar) for bar, stop in zip(bars, stops, strict=True)]
    return Form(tuple(segments))


def _letters(texts: list[str]) -> list[str] | None:
    # A letter for each mark; None if they are no section names.
    letters: list[str | None] = []
    words: list[str] = []
    for text in texts:
        single = re.fullmatch(r"([A-Za-z])['′\d]{0,3}", text)
        known = next((letter for pattern, letter in _WORDS if pattern.search(text)), None)
        if single:
            letters.append(single[1])
        elif known:
            letters.append(known)
        elif re.search(r"[^\W\d_]{2}", text):
            letters.append(None)
        else:
            return None
        words.append(re.sub(r"[\W\d_]+", "", text).casefold())
    named = [letter for letter in letters if letter is not None]
    if not texts or (len(named) == len(texts) and len(set(named)) == len(named)):
        return None
    free = [letter for letter in "ABCDEFGHJKLMNPQRSTUVWYZ" if letter not in named]
    given: dict[str, str] = {}
    for letter, word in zip(letters, words, strict=True):
        if letter is None and word not in given:
            if not free:
                return None
            given[word] = free.pop(0)
    return [letter or given[word] for letter, word in zip(letters, words, strict=True)]
