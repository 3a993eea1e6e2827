"""Everything the toolkit can hear in a song: bars, keys, chords, melody, roles, form; what is stated stays as stated.

Our design. The order follows what each step needs: bars from the notes alone, roles and melody, chords per beat on the
bars, keys from notes and chords, the form from melody and chords. A song from notation or with our own markers is taken
at its word; of a MIDI file the time signature is believed if the notes agree with it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.chords import find_chords
from ritornello.analysis.grid import BarGrid, find_bar_grid, is_stated
from ritornello.analysis.key import find_keys
from ritornello.analysis.melody import is_mixed, melody_of_mixed, one_voice
from ritornello.analysis.report import as_dict, as_text
from ritornello.analysis.roles import with_roles
from ritornello.analysis.similarity import bar_similarity
from ritornello.analysis.straight import straighten
from ritornello.analysis.structure import StructureAnalysis, find_form
from ritornello.errors import UnsuitableSongError
from ritornello.score import Form, KeyRegion, Part, Segment, Song
from ritornello.score.timeline import TICKS_PER_QUARTER

MAX_BARS = 2_000
"""Longest song that is analysed, in bars."""

MIN_TUNE_BARS = 0.5
"""Share of a part's bars that its tune must reach to be cut out of it: power chords far below any voice have none."""

MIN_NOTES, MIN_PITCHES = 4, 2
"""Fewest pitched notes, and fewest different ones, that say anything about key and harmony."""


@dataclass(frozen=True)
class Analysis:
    """What was found in a song.

    Attributes:
        song: the song on its bars, with roles, keys, chords and form; every note of the input is in it.
        grid: how the bars were found; ``grid.source_ticks`` leads from the song's ticks back to the input's.
        structure: the details of the form's analysis; None if the form was stated or could not be found.
        form_reason: why there is no form, or "".
        confidence: 0..1 for ``"bars"``, ``"melody"``, ``"chords"`` and ``"key"``; 1 for what was stated.
    """

    song: Song
    grid: BarGrid = field(repr=False)
    structure: StructureAnalysis | None = field(repr=False)
    form_reason: str
    confidence: dict[str, float]

    @cached_property
    def similarity(self) -> NDArray[np.float64]:
        """How alike every two bars are, ``(bars, bars)``, 0..1."""
        return bar_similarity(self.song)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, as in ``analysis.json``."""
        return as_dict(self.song, self.similarity, self.grid.source, self.form_reason, self.confidence)

    def summary(self) -> str:
        """Return a few lines for a person."""
        return as_text(self.song, self.form_reason, self.confidence)


def analyze(song: Song, with_form: bool = True, melody: int | None = None) -> Analysis:
    """Find bars, roles, melody, chords, keys and form of a song.

    Args:
        song: any song; what it states (chords, keys, form, roles) is kept.
        with_form: whether to look for phrases, the slowest step, where no form is stated.
        melody: index of the part that has the tune, where somebody knows; None to find it.

    Raises:
        UnsuitableSongError: if the song has no pitched notes to speak of or is longer than 2,000 bars.
    """
    _check(song)
    stated = is_stated(song)
    heard, melody_confidence = with_roles(song, melody)
    grid = find_bar_grid(heard)  # before the melody is separated: a performance is known note by note
    heard = _separate_melody(grid.song)
    chords_confidence = key_confidence = 1.0
    if not heard.chords:
        chords, chords_confidence = find_chords(heard)
        heard = heard.replace(chords=chords)
    if not (stated and heard.keys):
        keys, key_confidence = find_keys(heard, heard.chords)
        heard = heard.replace(keys=keys)
    elif heard.keys[0].tick > 0:
        heard = heard.replace(keys=(KeyRegion(0, heard.keys[0].key), *heard.keys[1:]))
    structure, reason = None, ""
    if heard.form is None and with_form:
        structure, reason = _find_form(heard)
        if structure is not None:
            heard = heard.replace(form=_within(structure.form, heard.bars))
    confidence = {
        "bars": grid.confidence, "melody": melody_confidence, "chords": chords_confidence, "key": key_confidence,
    }  # fmt: skip
    return Analysis(heard, grid, structure, reason, confidence)


def _check(song: Song) -> None:
    name = song.original.name if song.original else song.title or "the song"
    pitched = [part.notes["pitch"] for part in song.parts if not part.is_drums and len(part.notes)]
    if not pitched:
        kind = "only drums" if any(len(part.notes) for part in song.parts) else "no notes"
        raise UnsuitableSongError(f"{name}: has {kind}; an analysis needs at least {MIN_NOTES} notes with pitch")
    pitches = np.concatenate(pitched)
    if len(pitches) < MIN_NOTES or len(np.unique(pitches)) < MIN_PITCHES:
        raise UnsuitableSongError(
            f"{name}: has {len(pitches)} notes on {len(np.unique(pitches))} pitches; "
            f"an analysis needs at least {MIN_NOTES} notes on {MIN_PITCHES} pitches"
        )
    if song.bars > MAX_BARS:
        raise UnsuitableSongError(f"{name}: has {song.bars} bars; songs of up to {MAX_BARS} bars are analysed")


def _separate_melody(song: Song) -> Song:
    """Give the tune a part of its own where it stands in a part with other voices; no note is lost."""
    index = next((index for index, part in enumerate(song.parts) if part.role == "melody"), -1)
    if index < 0 or not is_mixed(song.parts[index].notes):
        return song
    part = song.parts[index]
    chosen = melody_of_mixed(part.notes)
    if chosen.all() or _bars_with(part.notes[chosen]) < MIN_TUNE_BARS * _bars_with(part.notes):
        return song
    tune = Part(f"{part.name} melody".strip(), part.notes[chosen], part.program, False, "melody")
    rest = dataclasses.replace(part, notes=part.notes[~chosen], role="chords")
    return song.replace(parts=(*song.parts[:index], tune, rest, *song.parts[index + 1 :]))


def _bars_with(notes: NDArray[np.void]) -> int:
    """How many stretches of a whole note's length hold onsets."""
    return len(np.unique(notes["onset"] // (4 * TICKS_PER_QUARTER)))


def _find_form(song: Song) -> tuple[StructureAnalysis | None, str]:
    melody = song.part("melody")
    if melody is None:
        return None, "no part carries a melody"
    straight = straighten(song)
    parts = tuple(part.with_notes(one_voice(part.notes)) if part.role == "melody" else part for part in straight.parts)
    try:
        return find_form(straight.replace(parts=parts)), ""
    except UnsuitableSongError as error:
        return None, str(error)


def _within(form: Form, bars: int) -> Form:
    """Return the form without what lies after the last bar: the analysis counts one bar more than there are."""
    segments: list[Segment] = []
    left = bars
    for segment in form:
        if left > 0:
            segments.append(Segment(segment.letter, min(segment.bars, left)))
        left -= segment.bars
    if left > 0:
        segments[-1] = Segment(segments[-1].letter, segments[-1].bars + left)
    return Form(tuple(segments))
