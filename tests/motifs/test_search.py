"""Search: what was planted is found with its bars and its story; the same search gives the same hits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ritornello.errors import ArgumentError
from ritornello.motifs.align import Weights, score_pairs
from ritornello.motifs.index import MotifIndex
from ritornello.motifs.query import Query
from ritornello.motifs.search import search
from ritornello.score import make_notes

from .tunes import MOTIF_ONSET, MOTIF_PITCH, motif_line, random_song

SHUFFLED = np.random.default_rng(3).permutation(MOTIF_PITCH) + 4
OTHER_RHYTHM = np.cumsum([0, 20, 5, 9, 30, 7, 4, 22, 13, 5, 17, 6])
VARIANTS = {
    "exact": (MOTIF_ONSET, MOTIF_PITCH),
    "transposed": (MOTIF_ONSET, MOTIF_PITCH - 5),
    "inverted": (MOTIF_ONSET, 140 - MOTIF_PITCH),
    "augmented": (2 * MOTIF_ONSET, MOTIF_PITCH + 2),
    "diminished": (MOTIF_ONSET // 2 + MOTIF_ONSET % 2, MOTIF_PITCH + 1),
    "changed": (MOTIF_ONSET, np.where(np.arange(12) == 6, 70, MOTIF_PITCH)),
    "ornamented": (np.insert(MOTIF_ONSET, 7, 39), np.insert(MOTIF_PITCH, 7, 66)),
    "reduced": (np.delete(MOTIF_ONSET, 5), np.delete(MOTIF_PITCH, 5)),
    "fragment": (MOTIF_ONSET[3:], MOTIF_PITCH[3:]),
}


def query() -> Query:
    line = motif_line()
    return Query(line, np.stack([line.onset, line.duration, line.pitch]))


def corpus(planted: dict, songs: int = 60) -> MotifIndex:
    names = [*planted, *(f"other-{number}" for number in range(songs - len(planted)))]
    made = [(name, random_song(100 + k, 12, planted.get(name))) for k, name in enumerate(names)]
    return MotifIndex.of_songs(made)


@pytest.fixture(scope="module")
def index() -> MotifIndex:
    return corpus(VARIANTS)


def test_variants_come_first_and_are_told(index: MotifIndex) -> None:
    hits = search(index, query(), with_chance=False).hits
    first = [hit for hit in hits if hit.name in VARIANTS][: len(VARIANTS)]
    assert {hit.name for hit in first} == set(VARIANTS) and max(hit.rank for hit in first) <= len(VARIANTS) + 1
    assert [hit.name for hit in hits[:2]] == ["exact", "transposed"]
    assert hits[0].score.total == pytest.approx(1) and hits[1].transformation.text == "down 5 semitones"
    for hit in first:
        # Halves of odd ticks are not exact; what stands before a fragment may be paired too.
        if hit.name not in ("diminished", "fragment"):
            assert hit.name in hit.transformation.kinds
        assert hit.start == (5, 1.0) or hit.name in ("fragment", "reduced")


def test_scores_can_be_computed_again_from_the_pairs(index: MotifIndex) -> None:
    found = search(index, query(), with_chance=False, weights=Weights(1, 0.7, 0.2))
    for hit in found.hits:
        score = score_pairs(
            hit.form.onset, hit.form.pitch, hit.line.onset, hit.line.pitch, hit.pairs, found.weights
        )  # fmt: skip
        assert dataclasses.astuple(score) == pytest.approx(dataclasses.astuple(hit.score), abs=1e-6)


def test_weights_decide_what_comes_first() -> None:
    planted = {"pitches": (OTHER_RHYTHM, MOTIF_PITCH + 3), "rhythm": (MOTIF_ONSET, SHUFFLED)}
    index = corpus(planted, 40)
    for weights, name in ((Weights(0, 1, 0), "rhythm"), (Weights(1, 0, 0.5), "pitches")):
        hit = search(index, query(), weights=weights, with_chance=False).hits[0]
        assert hit.name == name and hit.score.total == pytest.approx(1)


def test_backwards_is_found_on_request_only() -> None:
    backwards = (MOTIF_ONSET[-1] - MOTIF_ONSET[::-1], MOTIF_PITCH[::-1])
    index = corpus({"backwards": backwards}, 30)
    plain, both = (search(index, query(), retrograde=flag, with_chance=False) for flag in (False, True))
    assert both.hits[0].name == "backwards" and "retrograde" in both.hits[0].transformation.kinds
    assert not plain.hits or plain.hits[0].score.total < 0.95


def test_chance_tells_planted_hits_from_others() -> None:
    index = corpus({"transposed": VARIANTS["transposed"]}, 120)
    result = search(index, query())
    best, last = result.hits[0], result.hits[-1]
    assert best.p is not None and last.p is not None and best.p < 0.02 < last.p <= 1
    assert best.expected == pytest.approx(best.p * len(index.songs))
    assert best.q is not None and best.p <= best.q <= 1 and best.p_idiom is not None and best.p_idiom < 0.05
    q_values = [hit.q for hit in result.hits]
    assert q_values == sorted(q_values)


def test_small_corpora_have_no_chance_level() -> None:
    result = search(corpus({}, 12), query())
    assert result.chance is None and "at least 50" in result.chance_reason
    assert all(hit.p is None for hit in result.hits)


def test_the_same_search_gives_the_same_hits(index: MotifIndex) -> None:
    one, other = (search(index, query(), seed=4) for _ in range(2))
    assert [(h.name, h.start, h.score, h.p, h.p_idiom) for h in one.hits] == [
        (h.name, h.start, h.score, h.p, h.p_idiom) for h in other.hits
    ]
    assert one.corpus_hash == other.corpus_hash
    assert search(index, query(), seed=5).chance != one.chance


def test_the_querys_own_place_is_told() -> None:
    song = random_song(1, 12, VARIANTS["exact"])
    index = MotifIndex.of_songs([("song", song)])
    digest = "0" * 40
    index = MotifIndex(dataclasses.replace(index.data, songs=(dataclasses.replace(index.songs[0], digest=digest),)))
    line = dataclasses.replace(motif_line(), onset=MOTIF_ONSET + 192)
    own = Query(line, np.stack([line.onset, line.duration, line.pitch]), digest=digest)
    assert [hit.is_query for hit in search(index, own).hits][:1] == [True]
    assert not search(index, query()).hits[0].is_query


def test_limits_are_kept_and_checked(index: MotifIndex) -> None:
    assert len(search(index, query(), limit=3, with_chance=False).hits) == 3
    assert all(h.score.total >= 0.9 for h in search(index, query(), least_score=0.9, with_chance=False).hits)
    for wrong in ({"limit": 0}, {"least_score": 2.0}):
        with pytest.raises(ArgumentError):
            search(index, query(), **wrong)


def test_chords_decide_between_equal_tunes() -> None:
    line = motif_line()
    below = np.array([line.onset[::3], np.full(4, 12), line.pitch[::3] - 9])
    query = Query(
        line, np.concatenate([np.stack([line.onset, line.duration, line.pitch]), below, below - [[0], [0], [5]]], 1)
    )
    assert query.is_chordal
    songs = []
    for name, chords in (("plain", ()), ("full", (-9, -14))):
        song = random_song(7 if name == "full" else 8, 12, (MOTIF_ONSET, MOTIF_PITCH))
        tune = song.parts[0].notes
        added = [make_notes(MOTIF_ONSET[::3] + 192, 12, MOTIF_PITCH[::3] + move) for move in chords]
        songs.append(
            (name, song.replace(parts=(song.parts[0].with_notes(np.concatenate([tune, *added])), song.parts[1])))
        )
    hits = search(MotifIndex.of_songs(songs), query).hits
    assert [hit.name for hit in hits[:2]] == ["full", "plain"] and [hit.rank for hit in hits[:2]] == [1, 2]
    assert hits[0].notes_found == 1 and hits[1].notes_found == pytest.approx(12 / 20)
    assert search(MotifIndex.of_songs(songs), Query(line, query.notes[:, :12])).hits[0].notes_found is None
