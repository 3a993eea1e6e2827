"""Beams: which short notes are joined, beat by beat, and how many beams each carries.

The rules are the usual ones (Gould, *Behind Bars*, 2011, "Beaming"): within a beat of the grid, broken by rests; plain
eighths are joined over half a bar of 4/4 and over whole bars of 2/4 and 3/4.
"""

from __future__ import annotations

from collections.abc import Sequence

from ritornello.score.notation import Grid, Written

BEAM_COUNT = {"eighth": 1, "16th": 2, "32nd": 3}
"""Beams or flags of each note type that has any."""


def beam_bar(written: Sequence[Written], grid: Grid) -> list[tuple[str, ...]]:
    """Return the beams of each note of one voice of a bar.

    Returns:
        For each note a tuple of MusicXML beam values, first beam first (``"begin"``, ``"continue"``, ``"end"``,
        ``"forward hook"``, ``"backward hook"``); empty for notes without beams, which keep their flags.
    """
    groups = _groups(written, grid)
    beams: list[tuple[str, ...]] = [()] * len(written)
    run: list[int] = []
    run_group = -1
    for index, note in enumerate(written):
        beamable = bool(note.notes) and note.kind in BEAM_COUNT
        group = next(i for i, (start, stop) in enumerate(groups) if start <= note.start < stop)
        if run and (not beamable or group != run_group):
            _beam_run(run, written, beams)
            run = []
        if beamable:
            run.append(index)
            run_group = group
    _beam_run(run, written, beams)
    return beams


def _groups(written: Sequence[Written], grid: Grid) -> list[tuple[int, int]]:
    groups = list(grid.groups)
    if any(stop - start != 12 for start, stop in groups) or len(groups) < 2:
        return groups
    span = 24 if len(groups) % 2 == 0 else 36 if len(groups) == 3 else 12
    joined: list[tuple[int, int]] = []
    for start in range(0, grid.length, span):
        stop = min(start + span, grid.length)
        inside = [note for note in written if start <= note.start < stop]
        plain = all(note.kind == "eighth" and not note.dots and not note.triplet for note in inside)
        if plain and all(note.notes for note in inside):
            joined.append((start, stop))
        else:
            joined += [group for group in groups if start <= group[0] < stop]
    return joined


def _beam_run(run: Sequence[int], written: Sequence[Written], beams: list[tuple[str, ...]]) -> None:
    if len(run) < 2:
        return
    counts = [BEAM_COUNT[written[index].kind] for index in run]
    for place, index in enumerate(run):
        values = []
        for level in range(1, counts[place] + 1):
            before = place > 0 and counts[place - 1] >= level
            after = place + 1 < len(run) and counts[place + 1] >= level
            if before or after:
                values.append("continue" if before and after else "end" if before else "begin")
            else:
                forward = place == 0 or (place + 1 < len(run) and written[index].start % 6 == 0)
                values.append("forward hook" if forward else "backward hook")
        beams[index] = tuple(values)
