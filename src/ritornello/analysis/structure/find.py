"""Find the form of a song: from its melody and chords to one readable line.

The whole of Dai, Zhang and Dannenberg's (2020) hierarchical structure analysis below the level of sections; sections
are our own rule (`Form.sections`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ritornello.analysis.structure.candidates import LONGEST, SHORTEST, candidate_pairs
from ritornello.analysis.structure.choice import KEEP_IF_SHORT_AFTER, Reading, choose, finish, has_unnatural_boundary
from ritornello.analysis.structure.families import Family, find_families
from ritornello.analysis.structure.labelling import Labeller, Row, description_length, text
from ritornello.analysis.structure.leftovers import MatchSet, settle
from ritornello.analysis.structure.lines import Lines, lines_of
from ritornello.analysis.structure.search import Cover, search
from ritornello.analysis.structure.similarity import Matches, Similarity
from ritornello.score import Form, Song

LONG_SONG_BARS, MANY_PAIRS = 120, 2_000


@dataclass(frozen=True)
class StructureAnalysis:
    """What the analysis found.

    Attributes:
        form: the form, in whole bars from bar 0 on.
        cost: the cost of the chosen reading (J; lower is better, comparable within one song only).
        description_length: structure description length of the form.
        families: every repeated phrase that was considered.
        matching_pairs: number of fragment pairs that match.
    """

    form: Form
    cost: float
    description_length: float
    families: tuple[Family, ...]
    matching_pairs: int

    @property
    def sections(self) -> tuple[tuple[int, int], ...]:
        """Sections as ranges of segment indices; see `Form.sections`."""
        return self.form.sections


def find_form(song: Song, chord_tones: Sequence[frozenset[int]] | None = None) -> StructureAnalysis:
    """Find the form of a song from its melody and chords.

    Args:
        song: a melody, chords, keys, and one metre such as 4/4 or 3/4.
        chord_tones: pitch classes per beat, if they are known more exactly than the song's chords say.

    Raises:
        UnsuitableSongError: if there is no melody, or the metre is another or changes.
    """
    lines = lines_of(song, chord_tones)
    matches = find_matches(lines)
    return analyse(lines, matches)


def find_matches(lines: Lines) -> list[Matches]:
    """Return the matching pairs of each length; in long songs with many of them, of lengths of 8 and 16 bars only."""
    similarity = Similarity(lines)
    is_long = lines.melodic_bars >= LONG_SONG_BARS
    lengths = range(SHORTEST, min(LONGEST, lines.melodic_bars // 2) + 1)
    found: list[Matches] = []
    for bars in sorted(lengths, key=lambda bars: (bars % 8 != 0, bars)):
        found.append(similarity.match(candidate_pairs(lines, bars)))
        if is_long and sum(len(matches.first) for matches in found) >= MANY_PAIRS:
            return [matches for matches in found if matches.bars % 8 == 0]
    return sorted(found, key=lambda matches: matches.bars)


def analyse(lines: Lines, matches: Sequence[Matches]) -> StructureAnalysis:
    """Return the best reading of a song whose matching pairs are known."""
    families = [family for found in matches for family in find_families(found)]
    covers, _ = search(lines, families)
    labeller = Labeller(lines, families)
    pairs = {
        (found.bars, a, b)
        for found in matches
        for a, b in zip(found.first.tolist(), found.second.tolist(), strict=True)
    }
    readings = _readings(lines, covers, labeller, pairs)
    best, cost = choose(lines, readings)
    row = finish(best.after)
    return StructureAnalysis(
        Form.parse(text(row)), cost, best.cost_after, tuple(families), sum(len(found.first) for found in matches)
    )


def _readings(lines: Lines, covers: Sequence[Cover], labeller: Labeller, pairs: MatchSet) -> list[Reading]:
    """Return the readings of the covers that the choice may keep."""
    slack = KEEP_IF_SHORT_AFTER * lines.melodic_bars / 15
    rows: list[tuple[float, Row, float]] = []
    for cover in covers:
        if cover.cost > covers[0].cost + slack + 3:
            break
        row = labeller.row(cover.families)
        rows.append((description_length(row), row, cover.score))
    rows.sort(key=lambda entry: entry[0])
    readings: list[Reading] = []
    best_before: float | None = None
    for cost, row, score in rows:
        if best_before is not None and cost > best_before + slack + 1e-9:
            break
        after = settle(lines, row, pairs)
        natural = not has_unnatural_boundary(lines, after)
        if natural and best_before is None:
            best_before = cost
        readings.append(Reading(row, after, cost, description_length(after), score, natural))
    return readings
