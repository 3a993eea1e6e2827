"""Search: where a motif comes back, also varied, in a song or in a corpus, with an account of each hit.

The forms of the query are looked up in the index, the nearest places aligned note by note, and of overlapping places
the best is told. Scores stand beside what chance reaches in songs of the same corpus.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ritornello.errors import ArgumentError
from ritornello.motifs.align import LEAST_SHARE, Pairs, Score, Weights, score_pairs
from ritornello.motifs.align_points import match_points
from ritornello.motifs.align_transform import Transformation, describe
from ritornello.motifs.chance import BACKGROUND_SONGS, FEWEST_SONGS, SURROGATES, Gumbel, q_values
from ritornello.motifs.index import MotifIndex
from ritornello.motifs.lines import SKYLINE, Line
from ritornello.motifs.query import BarGrid, Query
from ritornello.motifs.search_background import background_songs, best_scores, surrogate_scores
from ritornello.motifs.search_candidates import Aligned, align_candidates, nearest_candidates
from ritornello.motifs.search_forms import Form, forms_of
from ritornello.score import Meter

LEAST_SCORE = 0.5
"""Hits below are not told."""

MOST_HITS = 1000
"""Most hits that are listed."""

PLACES_PER_FORM = 250
"""Places that are aligned for each form of the query."""

_TRACED_PER_HIT, _LEAST_TRACED = 30, 600
_CHORD_TICKS = 12  # chords may begin before the tune and end after it
_OVERLAP = 0.5  # of the shorter of two hits: from here on they are one place


@dataclass(frozen=True)
class Chance:
    """What chance reaches.

    Attributes:
        background: law of the query's best scores in songs that have nothing to do with it.
        idiom: law of the best scores of surrogates: shuffled intervals and inter-onset intervals.
    """

    background: Gumbel
    idiom: Gumbel


@dataclass(frozen=True, eq=False)
class Hit:
    """A place where the query comes back.

    Attributes:
        rank: from 1.
        song: number of the song in the index.
        name: of the song's file.
        title: of the song, may be empty.
        line: notes of the hit's line from the first paired note to the last.
        part: name of the part, or "skyline".
        start: bar and beat of the first paired note; bars from 1, a pick-up is 0.
        end: bar and beat of the last paired note.
        form: the form in which the query was aligned.
        pairs: (note of the query in the form's order, note of ``line``), rising.
        score: total, pitch, rhythm, contour.
        transformation: what happened to the motif.
        is_query: whether it is the query's own place.
        notes_found: of a query with chords, the share of all its notes that come back there; None for a plain tune.
        p: how often a song without relation to the query reaches the score; None where chance is not known.
        expected: false hits that are expected with this score or a better one in as many songs.
        q: share of false ones among the hits down to this one.
        p_idiom: how often surrogates of the query reach the score.
    """

    rank: int
    song: int
    name: str
    title: str
    line: Line
    part: str
    start: tuple[int, float]
    end: tuple[int, float]
    form: Form
    pairs: Pairs
    score: Score
    transformation: Transformation
    is_query: bool = False
    notes_found: float | None = None
    p: float | None = None
    expected: float | None = None
    q: float | None = None
    p_idiom: float | None = None


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The hits of a search and what it was made with.

    Attributes:
        query: what was looked for.
        weights: of pitch, rhythm and contour.
        hits: the best first.
        songs: number of songs that were searched.
        chance: what chance reaches, or None.
        chance_reason: why it is not known, or "".
        seed: of background songs and surrogates.
        retrograde: whether the query was looked for backwards too.
        index: the index.
    """

    query: Query
    weights: Weights
    hits: tuple[Hit, ...]
    songs: int
    chance: Chance | None
    chance_reason: str
    seed: int
    retrograde: bool
    index: MotifIndex = field(repr=False)

    @cached_property
    def corpus_hash(self) -> str:
        """SHA-1 over the files of the index, in hex: a search repeats bit for bit on the same corpus."""
        text = "\n".join(f"{song.digest} {song.name}" for song in self.index.songs)
        return hashlib.sha1(text.encode(errors="backslashreplace")).hexdigest()


def search(
    index: MotifIndex, query: Query, *, weights: Weights | None = None, limit: int = 20,
    least_score: float = LEAST_SCORE, retrograde: bool = False, with_chance: bool = True, seed: int = 0,
) -> SearchResult:  # fmt: skip
    """Return where a query comes back in an index.

    Args:
        index: songs, see `MotifIndex`.
        query: what to look for.
        weights: of pitch, rhythm and contour; 1, 1, .5 if not given.
        limit: most hits.
        least_score: hits below are left out.
        retrograde: look for it backwards too.
        with_chance: whether to work out the chance level; it needs 50 songs beside the query's.
        seed: of the choice of background songs and of the surrogates.

    Raises:
        ArgumentError: if the limit or the least score is out of range.
    """
    if not 1 <= limit <= MOST_HITS:
        raise ArgumentError(f"{limit} hits cannot be listed; give 1 to {MOST_HITS}")
    if not 0 <= least_score <= 1:
        raise ArgumentError(f"the least score {least_score:g} is out of range 0 to 1")
    wanted = weights or Weights()
    forms = forms_of(query.line, retrograde=retrograde)
    # In one song every place can be looked at; of a corpus the nearest ones.
    count = max(PLACES_PER_FORM, 4 * limit) if len(index.songs) > 1 else 4 * PLACES_PER_FORM
    candidates = nearest_candidates(index, forms, wanted, count)
    traced = max(_LEAST_TRACED, _TRACED_PER_HIT * limit)
    aligned = align_candidates(index, forms, candidates, wanted, traced=traced)
    hits = _places(index, query, forms, aligned, wanted, limit, least_score)
    if query.is_chordal:
        hits = _with_chords(index, query, hits)
    chance, reason = None, "not asked for"
    if with_chance:
        chance, reason = chance_level(index, query, wanted, retrograde=retrograde, seed=seed)
    if chance is not None:
        hits = _with_chance(hits, chance, len(index.songs))
    return SearchResult(query, wanted, tuple(hits), len(index.songs), chance, reason, seed, retrograde, index)


def chance_level(
    index: MotifIndex, query: Query, weights: Weights, *, retrograde: bool = False, seed: int = 0
) -> tuple[Chance | None, str]:
    """Return what chance reaches in the songs of an index, or None and why it cannot be told."""
    own = frozenset(number for number, song in enumerate(index.songs) if query.digest and song.digest == query.digest)
    songs = background_songs(index, BACKGROUND_SONGS, seed, own)
    if len(songs) < FEWEST_SONGS:
        return None, f"a chance level needs at least {FEWEST_SONGS} other songs in the index, it has {len(songs)}"
    scores = best_scores(index, forms_of(query.line, retrograde=retrograde), songs, weights)
    others = np.sort(np.random.default_rng(seed + 1).permutation(songs)[:SURROGATES])
    if len(others) < SURROGATES:  # a small corpus: its songs come several times
        others = np.sort(np.resize(others, SURROGATES))
    idiom = surrogate_scores(index, query.line, others, weights, seed=seed, retrograde=retrograde)
    return Chance(Gumbel.fit(scores), Gumbel.fit(idiom)), ""


def _places(
    index: MotifIndex, query: Query, forms: list[Form], aligned: Aligned, weights: Weights, limit: int,
    least_score: float,
) -> list[Hit]:  # fmt: skip
    found = aligned.candidates
    hits: list[Hit] = []
    taken: dict[int, list[tuple[int, int, int, bool]]] = {}  # start, end, line, skyline of the hits of a song
    for candidate in _in_order(index, aligned):
        if len(hits) == limit:
            break
        pairs = aligned.pairs[candidate]
        if len(pairs) < LEAST_SHARE * len(query.line):
            continue
        song, number = int(found.song[candidate]), int(found.line[candidate])
        form, whole = forms[int(found.form[candidate])], index.line(song, number)
        before = int(aligned.first[candidate]) - index.line_start(song, number)
        first, last = before + pairs[0][1], before + pairs[-1][1]
        start, end = int(whole.onset[first]), int(whole.onset[last])
        is_skyline = whole.part < 0
        if any(
            min(end, other_end) - max(start, other_start) >= _OVERLAP * min(end - start, other_end - other_start)
            and (other_line == number or is_skyline or other_is_skyline)
            for other_start, other_end, other_line, other_is_skyline in taken.get(song, [])
        ):
            continue
        line = whole.between(start, end + 1)
        own = tuple((note, place - pairs[0][1]) for note, place in pairs)
        score = score_pairs(form.onset, form.pitch, line.onset, line.pitch, own, weights)
        if score.total < least_score:
            continue
        taken.setdefault(song, []).append((start, end, number, is_skyline))
        hits.append(_hit(len(hits) + 1, index, song, query, form, own, line, score))
    return hits


def _with_chords(index: MotifIndex, query: Query, hits: list[Hit]) -> list[Hit]:
    """Give every hit the share of the query's notes that are there; of equal scores the fullest comes first."""
    told = []
    for hit in hits:
        onset, _, pitch = query.notes.astype(np.float64)
        if hit.form.retrograde:
            onset = onset.max() - onset
        notes = index.notes(hit.song)
        inside = (notes["onset"] >= hit.line.onset[0] - _CHORD_TICKS) & (
            notes["onset"] <= hit.line.onset[-1] + _CHORD_TICKS
        )
        if hit.line.part >= 0 and query.line.part >= 0:
            inside &= notes["part"] == hit.line.part
        match = match_points(
            hit.form.stretch * (onset - onset.min()), -pitch if hit.form.inverted else pitch,
            notes["onset"][inside], notes["pitch"][inside],
        )  # fmt: skip
        told.append(replace(hit, notes_found=match.share))
    told.sort(key=lambda hit: (-round(hit.score.total, 6), -(hit.notes_found or 0), hit.rank))
    return [replace(hit, rank=rank) for rank, hit in enumerate(told, start=1)]


def _in_order(index: MotifIndex, aligned: Aligned) -> list[int]:
    """Return the traced candidates, the best first; of equal ones the plainer form, and a part before the skyline."""
    found = aligned.candidates
    traced = sorted(aligned.pairs)

    def rank(candidate: int) -> tuple[float, int, bool, int, int, float]:
        song, line = int(found.song[candidate]), int(found.line[candidate])
        total = round(float(aligned.totals[candidate]), 6)
        is_skyline = index.songs[song].lines[line][1] < 0
        return -total, int(found.form[candidate]), is_skyline, song, line, float(found.start[candidate])

    return sorted(traced, key=rank)


def _hit(
    rank: int, index: MotifIndex, song: int, query: Query, form: Form, pairs: Pairs, line: Line, score: Score
) -> Hit:
    entry = index.songs[song]
    grid = grid_of(index, song)
    upright = query.line.pitch[::-1] if form.retrograde else query.line.pitch
    transformation = describe(
        upright, line.pitch, pairs, score, stretch=form.stretch, inverted=form.inverted, retrograde=form.retrograde
    )
    is_query = bool(
        query.digest and entry.digest == query.digest and "exact" in transformation.kinds
        and int(line.onset[0]) == int(query.line.onset[0])
    )  # fmt: skip
    return Hit(
        rank, song, entry.name, entry.title, line, line.name or SKYLINE, grid.place(int(line.onset[0])),
        grid.place(int(line.onset[-1])), form, pairs, score, transformation, is_query,
    )  # fmt: skip


def grid_of(index: MotifIndex, song: int) -> BarGrid:
    """Return the bars of a song of an index."""
    entry = index.songs[song]
    return BarGrid(tuple(Meter(*meter) for meter in entry.meters), entry.bars)


def _with_chance(hits: Sequence[Hit], chance: Chance, songs: int) -> list[Hit]:
    """Give every hit the chance of its score. A song is one test: its later hits add none."""
    p = np.array([float(chance.background.p_value(hit.score.total)) for hit in hits])
    heard: set[int] = set()
    told = []
    for hit in hits:
        heard.add(hit.song)
        told.append(len(heard))
    q = q_values(np.maximum.accumulate(p) if hits else p, told, songs)
    return [
        replace(
            hit, p=float(p[k]), expected=float(p[k] * songs), q=float(q[k]),
            p_idiom=float(chance.idiom.p_value(hit.score.total)),
        )
        for k, hit in enumerate(hits)
    ]  # fmt: skip
