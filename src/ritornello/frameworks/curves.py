"""Contours put into a framework: by name, by numbers, or the shape of another melody."""

from __future__ import annotations

import dataclasses

from ritornello.analysis import analyze
from ritornello.analysis.framework_of_song import framework_of
from ritornello.errors import ArgumentError
from ritornello.frameworks.contour import named_contour, resampled
from ritornello.score import Song
from ritornello.score.framework import Cell, Framework
from ritornello.score.framework_locks import parse_selection


def with_contour(framework: Framework, selection: str, curve: str | tuple[float, ...]) -> Framework:
    """Return a framework with a curve drawn over each of some melodic phrases, stretched to their length.

    Phrases that share their contour with a source get it there, if that is selected too. Locked values stay.

    Args:
        framework: the framework.
        selection: the phrases in the words of `framework_locks`: ``"contour"``, ``"contour@A"``, ``"contour@B2"``.
        curve: a name of `contour.NAMED` or points at even distances.

    Raises:
        ArgumentError: if the selection names nothing, or no phrase of it has a melody.
    """
    chosen = parse_selection(selection, framework)
    phrases = [framework.phrases[index] for index in chosen.phrases if framework.phrases[index].is_melodic]
    if not phrases:
        raise ArgumentError(f"'{selection}': no phrase there has a melody; capital letters have one")
    for phrase in phrases:
        shares = phrase.repeat != "free" and phrase.source in chosen.phrases
        if shares and not any(cell.contour is not None for cell in phrase.cells or ()):
            continue
        number = phrase.bars * framework.cells_per_bar
        values = named_contour(curve, number) if isinstance(curve, str) else resampled(curve, number)
        # A repeat's own cells may leave all else open: then it still takes that from its source.
        cells = phrase.cells or (Cell(),) * number
        drawn = [
            cell if "contour" in cell.locks or not chosen.covers(i) else dataclasses.replace(cell, contour=values[i])
            for i, cell in enumerate(cells)
        ]
        framework = framework.with_phrase(phrase.id, cells=tuple(drawn))
    return framework


def melody_curve(song: Song, name: str) -> tuple[float, ...]:
    """Return the basic melody of a song's first melodic phrase as a curve; silent cells take the pitch before them.

    Args:
        song: any song; it is analysed where its form is unknown.
        name: what it is called in errors.

    Raises:
        ArgumentError: if it has no melody of at least two cells.
    """
    whole = song if song.form is not None and song.part("melody") is not None else analyze(song).song
    if whole.form is None or whole.part("melody") is None:
        raise ArgumentError(f"{name}: no melody with a form is found in it; give a curve as numbers")
    framework = framework_of(whole)
    for index, phrase in enumerate(framework.phrases):
        pitches = [cell.basic_pitch or 0 for cell in framework.cells(index)]
        first = next((pitch for pitch in pitches if pitch), 0)
        if phrase.is_melodic and first and len(pitches) > 1:
            values: list[float] = []
            for pitch in pitches:
                values.append(float(pitch or (values[-1] if values else first)))
            return tuple(values)
    raise ArgumentError(f"{name}: has no melodic phrase; give a curve as numbers")
