"""Rhythm forms where a plan gives none: which cells of a phrase repeat which rhythm, and how many notes each has.

Our design, after the rhythm form of Dai, Jin, Gomes and Dannenberg (ISMIR 2021): a label (the first cell with the same
rhythm) and a complexity (onsets / 16). Both are drawn from counts of the training phrases by place, length and what
stands before; how dense a phrase is, is drawn once for it. What is given is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from ritornello.frameworks.chance import Chance
from ritornello.frameworks.tables import (
    DENSITIES,
    ENDING_CELLS,
    Tables,
    complexity_contexts,
    density_of,
    drift_contexts,
    place_name,
    relation_contexts,
    relation_of,
)

BORROWED_CELLS = 4
"""Cells that are borrowed together."""

BORROWED_SHARE = 0.4
"""Share of groups that borrow, so that the phrases of a song are of one family (human: equal patterns at .19)."""

KNOWN_METRES = (16, 12)
"""Steps a bar of the metres that are counted; others take the nearest in cells a bar."""


def draw_rhythm_form(
    tables: Tables,
    labels: Sequence[int | None],
    onsets: Sequence[int | None],
    steps_per_bar: int,
    cell_steps: int,
    ends_section: bool,
    chance: Chance,
    borrowed: Sequence[int] = (),
) -> tuple[list[int], list[int]]:
    """Return the labels and numbers of onsets of all cells of a phrase.

    Args:
        tables: the counts.
        labels: the given labels, None where open.
        onsets: the given numbers of onsets, None where open.
        steps_per_bar: steps in a bar.
        cell_steps: steps in a cell.
        ends_section: whether the phrase ends a section.
        chance: the phrase's place.
        borrowed: numbers of onsets of an earlier phrase of the song: some groups of cells take theirs from it.
    """
    per_bar, place, cells = steps_per_bar // cell_steps, place_name(ends_section), len(labels)
    metre = steps_per_bar if (steps_per_bar,) in tables["relation"].rows else KNOWN_METRES[0 if per_bar == 2 else 1]
    density = _density(tables, onsets, metre, cell_steps, place, chance)
    done_labels: list[int] = []
    done_onsets: list[int] = []
    relation = -2
    for cell in range(cells):
        here = chance.at(cell)
        given, count = labels[cell], onsets[cell]
        if given is None:
            given = cell
            if cell:
                contexts = relation_contexts(metre, cell, cells, relation, place)
                lag = int(_drawn(tables, "relation", contexts, here.at("relation"), 0))
                if lag > 0 and lag <= cell:
                    given = done_labels[cell - lag]
                elif lag < 0:
                    given = done_labels[int(here.at("which").uniform() * cell)]
        if count is None and cell >= cells - ENDING_CELLS:
            contexts = complexity_contexts(metre, cell, cells, done_onsets[-1] if cell else -1, density, place)
            count = int(_drawn(tables, "complexity", contexts, here.at("complexity"), 1))
        if labels[cell] is None and count is not None and (cell >= cells - ENDING_CELLS or not count):
            if given != cell and done_onsets[given] != count:
                given = cell
            if given == cell and not count:  # all silent cells have one rhythm
                given = next((i for i in range(cell) if done_labels[i] == i and not done_onsets[i]), cell)
        done_labels.append(given)
        relation = relation_of(done_labels, cell, per_bar) if cell else 0
        if count is None:
            group = chance.at("group", cell // BORROWED_CELLS).uniform()
            if given == cell and cell < len(borrowed) and group < BORROWED_SHARE:
                count = borrowed[cell]
            elif given == cell:
                before = done_onsets[-1] if cell else -1
                contexts = complexity_contexts(metre, cell, cells, before, density, place)
                count = int(_drawn(tables, "complexity", contexts, here.at("complexity"), 2))
            else:
                drift = _drawn(tables, "drift", drift_contexts(metre, cell, cells, place), here.at("drift"), 0)
                count = done_onsets[given] + max(-1, min(1, int(drift)))  # more would not be the same rhythm
        done_onsets.append(max(0, min(cell_steps, count)))
    return done_labels, done_onsets


def _density(
    tables: Tables, onsets: Sequence[int | None], metre: int, cell_steps: int, place: str, chance: Chance
) -> int:
    given = [count for count in onsets if count is not None]
    if len(given) * 2 >= len(onsets):
        return density_of(given, cell_steps)
    found = int(_drawn(tables, "density", ((metre, place), (metre,)), chance.at("density"), 1))
    return max(0, min(DENSITIES - 1, found))


def _drawn(tables: Tables, name: str, contexts: tuple[tuple[str | int, ...], ...], chance: Chance, default: int) -> int:
    items, weights = tables[name].distribution(*contexts)
    return int(items[chance.draw(weights, top_p=0.95)]) if items else default
