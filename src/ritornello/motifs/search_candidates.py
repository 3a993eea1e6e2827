"""From the forms of a query to aligned candidates: where they may stand in an index, and how well they fit there.

The nearest neighbours of a form's windows say where to align it; places that several windows speak for come first.

Axes: C candidates, m notes of the query, n notes of a target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.align import Alignments, Pairs, Weights
from ritornello.motifs.index import MotifIndex
from ritornello.motifs.index_windows import EIGHT_NOTES, KINDS
from ritornello.motifs.lines import IntArray
from ritornello.motifs.search_forms import STRETCHES, FloatArray, Form, form_windows

MARGIN_TICKS = 18
"""Notes so long before and after the expected place are aligned too."""

RHYTHM_COUNTS, RHYTHM_SLACK, FREE_SLACK = 0.1, 1.1, 2.5
"""From this weight of rhythm on, and below it, a target may be so many times as long as the form."""

_ANY_VOICE = 0.05  # so much a window speaks for the last of its nearest places, of 1
_PLACE_TICKS = 4  # places so near are one
_BLOCK_CELLS = 60_000  # notes aligned at once: what fits a processor's cache


@dataclass(frozen=True, eq=False)
class Candidates:
    """Places to align forms at.

    Attributes:
        form: ``(C,)`` index of the form.
        song: ``(C,)`` index of the song.
        line: ``(C,)`` line of the song.
        start: ``(C,)`` tick at which the form would start.
        similarity: ``(C,)`` how much the windows speak for it.
    """

    form: IntArray
    song: IntArray
    line: IntArray
    start: FloatArray
    similarity: FloatArray

    def __len__(self) -> int:
        return len(self.form)

    def take(self, chosen: IntArray) -> Candidates:
        """Return some of them, by their indices."""
        return Candidates(
            self.form[chosen], self.song[chosen], self.line[chosen], self.start[chosen], self.similarity[chosen]
        )


def nearest_candidates(index: MotifIndex, forms: list[Form], weights: Weights, count: int) -> Candidates:
    """Return the places of all forms that most windows speak for, at most ``count`` for each form.

    A window speaks for a place by how much nearer it is than the last of the nearest ones: a window that is like many
    others says little.
    """
    parts = []
    for windows in form_windows(forms, weights):
        found, similarity = index.nearest(windows.kind, windows.vectors, count)
        known = found >= 0
        last = np.where(known, similarity, np.inf).min(axis=1, keepdims=True)
        row, column = np.nonzero(known)
        voices = (similarity - last)[row, column].astype(np.float64) + _ANY_VOICE
        song, line, _ = index.places(windows.kind, found[row, column])
        anchors = index.data.anchors[windows.kind][found[row, column]]
        form, lead = windows.form[row], windows.lead[row]
        if windows.kind == EIGHT_NOTES:
            form = _at_their_speed(index, forms, form, lead, song, line, anchors)
            lead = lead * np.array([one.stretch for one in forms])[form]
        start = index.data.columns["line_onset"][anchors].astype(np.float64) - lead
        parts.append(Candidates(form, song, line, start, voices))
    every = _summed(parts)
    rank = np.zeros(len(every), np.int64)
    for number in range(len(forms)):
        mine = np.flatnonzero(every.form == number)
        rank[mine] = np.arange(len(mine))
    return every.take(np.flatnonzero(rank < count))


def _at_their_speed(
    index: MotifIndex, forms: list[Form], form: IntArray, lead: FloatArray, song: IntArray, line: IntArray,
    anchors: NDArray[np.int32],
) -> IntArray:  # fmt: skip
    """Return, for eight notes that were found, the form that is as fast as they are there."""
    notes = KINDS[EIGHT_NOTES].frames - 1
    _, stop = index.line_range(index.first_line(song) + line)
    onset = index.data.columns["line_onset"]
    there = onset[np.minimum(anchors + notes, stop - 1)].astype(np.float64) - onset[anchors]
    here = np.empty(len(form))
    for number in np.unique(form):
        own = forms[number].onset
        mine = form == number
        first = np.searchsorted(own, lead[mine])
        here[mine] = own[np.minimum(first + notes, len(own) - 1)] - lead[mine]
    ratio = np.log2(np.maximum(there, 1) / np.maximum(here, 1))
    nearest = np.abs(ratio[:, None] - np.log2(np.array(STRETCHES))).argmin(axis=1)
    # Forms stand in rows of all stretches, the plain one first.
    fitting: IntArray = (form + nearest).astype(np.int64)
    return fitting


def _summed(parts: list[Candidates]) -> Candidates:
    """Return candidates with each place of a form once and its voices summed, the loudest first."""
    names = ("form", "song", "line", "start", "similarity")
    every = Candidates(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    # Form, song, line and place as one number: a row of numbers is many times slower to compare.
    place = np.rint(every.start / _PLACE_TICKS).astype(np.int64) + 10_000
    key = ((every.song * 4096 + every.line) * 64 + every.form) * 10_000_000 + place
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    voices = np.bincount(group, every.similarity, minlength=len(first))
    order = np.lexsort((first, -np.round(voices, 6)))
    chosen = every.take(first[order])
    return Candidates(chosen.form, chosen.song, chosen.line, chosen.start, voices[order].astype(np.float64))


@dataclass(frozen=True, eq=False)
class Aligned:
    """Candidates with their best alignments.

    Attributes:
        candidates: the candidates.
        first: ``(C,)`` index, among the notes of all lines, of the first target note.
        totals: ``(C,)`` scores.
        pairs: of the best candidates, by their index: (note of the query, note from ``first`` on).
    """

    candidates: Candidates
    first: IntArray
    totals: FloatArray
    pairs: dict[int, Pairs]


def align_candidates(
    index: MotifIndex, forms: list[Form], candidates: Candidates, weights: Weights, *, traced: int = 0
) -> Aligned:
    """Align each candidate's form with the notes about its place.

    Args:
        index: the index.
        forms: the forms, of one number of notes.
        candidates: where to align which form.
        weights: of the score.
        traced: for so many of the best candidates the pairs are given, in notes of the line.
    """
    return align_queries(
        index, np.stack([form.onset for form in forms]), np.stack([form.pitch for form in forms]), candidates, weights,
        traced=traced,
    )  # fmt: skip


def align_queries(
    index: MotifIndex, onsets: FloatArray, pitches: FloatArray, candidates: Candidates, weights: Weights,
    *, traced: int = 0,
) -> Aligned:  # fmt: skip
    """Align as `align_candidates`, with the forms as rows ``(forms, m)`` of onsets from 0 on and pitches."""
    slack = RHYTHM_SLACK if weights.shares[1] >= RHYTHM_COUNTS else FREE_SLACK
    first, count = _target_ranges(index, candidates, onsets[:, -1], slack)
    most = 3 * onsets.shape[1] + 16
    count = np.minimum(count, most)
    totals = np.zeros(len(candidates))
    pairs: dict[int, Pairs] = {}
    blocks = []
    order = np.argsort(count, kind="stable")
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop - start) * int(count[order[stop]]) < _BLOCK_CELLS:
            stop += 1
        chosen = order[start:stop]
        blocks.append(chosen)
        start = stop
    kept: list[Alignments | None] = []
    for chosen in blocks:
        alignments = _align_block(index, onsets, pitches, candidates, weights, first, count, chosen)
        totals[chosen] = alignments.totals
        kept.append(alignments if traced else None)
    if traced:
        best = set(np.argsort(-totals, kind="stable")[:traced].tolist())
        for chosen, alignments_of in zip(blocks, kept, strict=True):
            for row, candidate in enumerate(chosen.tolist()):
                if candidate in best and alignments_of is not None:
                    pairs[candidate] = alignments_of.pairs(row)
    return Aligned(candidates, first, totals, pairs)


def _target_ranges(
    index: MotifIndex, candidates: Candidates, spans: FloatArray, slack: float
) -> tuple[IntArray, IntArray]:
    """Return, among the notes of all lines, the first note about each place, and how many."""
    onset = index.data.columns["line_onset"]
    number = index.first_line(candidates.song) + candidates.line
    line_first, line_stop = index.line_range(number)
    low = candidates.start - MARGIN_TICKS - (slack - RHYTHM_SLACK) * spans[candidates.form]
    high = candidates.start + slack * spans[candidates.form] + MARGIN_TICKS
    first, stop = np.empty(len(candidates), np.int64), np.empty(len(candidates), np.int64)
    for row, (start, end) in enumerate(zip(line_first.tolist(), line_stop.tolist(), strict=True)):
        inside = onset[start:end]
        first[row] = start + inside.searchsorted(low[row])
        stop[row] = start + inside.searchsorted(high[row], side="right")
    return first, stop - first


def _align_block(
    index: MotifIndex, onsets: FloatArray, pitches: FloatArray, candidates: Candidates, weights: Weights,
    first: IntArray, count: IntArray, chosen: IntArray,
) -> Alignments:  # fmt: skip
    width = max(2, int(count[chosen].max(initial=0)))
    places = first[chosen][:, None] + np.arange(width)
    is_note = np.arange(width) < count[chosen][:, None]
    places = np.minimum(places, max(len(index.data.columns["line_onset"]) - 1, 0))
    target_onset = index.data.columns["line_onset"][places].astype(np.float64)
    target_pitch = index.data.columns["line_pitch"][places].astype(np.float64)
    form = candidates.form[chosen]
    return Alignments(onsets[form], pitches[form], target_onset, target_pitch, is_note, weights)
