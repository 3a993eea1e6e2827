"""Alignment: the best one is found, its score is recomputed, and what happened is put in words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ArgumentError
from ritornello.motifs.align import STEPS, Alignments, Weights, score_pairs
from ritornello.motifs.align_transform import describe

from .tunes import MOTIF_ONSET, MOTIF_PITCH

tune = st.lists(st.tuples(st.integers(1, 24), st.integers(55, 72)), min_size=3, max_size=6)


def columns(notes: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum([step for step, _ in notes]).astype(float), np.array([pitch for _, pitch in notes], float)


def align(query: tuple, target: tuple, weights: Weights) -> tuple[float, tuple]:
    rows = [np.asarray(column, float)[None] for column in (*query, *target)]
    found = Alignments(*rows, np.ones((1, len(target[0])), bool), weights)
    return float(found.totals[0]), found.pairs(0)


@settings(max_examples=60)
@given(tune, tune, st.tuples(*[st.floats(0, 2)] * 3).filter(lambda w: sum(w) > 0.1))
def test_no_alignment_is_better_than_the_one_found(query_notes: list, target_notes: list, shares: tuple) -> None:
    query, target, weights = columns(query_notes), columns(target_notes), Weights(*shares)
    total, pairs = align(query, target, weights)
    allowed = set(STEPS)
    best = 0.0
    for size in range(2, min(len(query[0]), len(target[0])) + 1):
        for notes in itertools.combinations(range(len(query[0])), size):
            for places in itertools.combinations(range(len(target[0])), size):
                steps = set(zip(np.diff(notes).tolist(), np.diff(places).tolist(), strict=True))
                if steps <= allowed:
                    score = score_pairs(*query, *target, tuple(zip(notes, places, strict=True)), weights)
                    best = max(best, score.total if min(score.pitch, score.rhythm, score.contour) > 0 else 0.0)
    assert total >= best - 1e-5
    assert score_pairs(*query, *target, pairs, weights).total >= total - 1e-5


@given(tune, st.integers(-12, 12), st.integers(0, 500))
def test_a_transposed_copy_is_perfect(notes: list, semitones: int, ticks: int) -> None:
    onset, pitch = columns(notes)
    total, pairs = align((onset, pitch), (onset + ticks, pitch + semitones), Weights())
    assert total == pytest.approx(1, abs=1e-6)
    assert pairs == tuple((note, note) for note in range(len(notes)))


def test_padding_is_never_paired() -> None:
    query = [MOTIF_ONSET[None].astype(float), MOTIF_PITCH[None].astype(float)]
    target = [np.pad(MOTIF_ONSET[:6], (0, 6), mode="edge")[None].astype(float), np.full((1, 12), 60.0)]
    found = Alignments(*query, *target, np.arange(12)[None] < 6, Weights())
    assert max(place for _, place in found.pairs(0)) < 6


def test_edits_cost_little_and_in_this_order() -> None:
    query = (MOTIF_ONSET, MOTIF_PITCH)
    added = (np.insert(MOTIF_ONSET, 7, 39), np.insert(MOTIF_PITCH, 7, 66))
    without = (np.delete(MOTIF_ONSET, 5), np.delete(MOTIF_PITCH, 5))
    changed = (MOTIF_ONSET, np.where(np.arange(12) == 6, 70, MOTIF_PITCH))
    scores = [align(query, target, Weights())[0] for target in (added, without, changed)]
    assert all(0.85 < score < 1 for score in scores) and scores[0] > scores[1]
    assert align(query, added, Weights())[1] == tuple((note, note + (note > 6)) for note in range(12))


def test_weights_say_what_counts() -> None:
    query = (MOTIF_ONSET, MOTIF_PITCH)
    other_pitches = (MOTIF_ONSET, np.random.default_rng(1).permutation(MOTIF_PITCH) + 3)
    other_rhythm = (np.cumsum(np.random.default_rng(2).choice([4, 9, 17, 30], 12)), MOTIF_PITCH)
    assert align(query, other_pitches, Weights(0, 1, 0))[0] == pytest.approx(1)
    assert align(query, other_rhythm, Weights(1, 0, 1))[0] == pytest.approx(1)
    assert align(query, other_pitches, Weights())[0] < 0.8 > align(query, other_rhythm, Weights(1, 1, 0))[0]


def test_weights_are_read_and_refused() -> None:
    assert Weights.parse("pitch=1, rhythm=.5") == Weights(1, 0.5, 0)
    for text in ("", "pitch", "pitch=x", "tempo=1", "pitch=-1", "pitch=0", "pitch=nan"):
        with pytest.raises(ArgumentError):
            Weights.parse(text)


def words(query: np.ndarray, target: np.ndarray, pairs: list | None = None, **form: object) -> tuple:
    pairs = pairs or [(note, note) for note in range(len(query))]
    onsets = 6.0 * np.arange(max(len(query), len(target)))
    turned = -query if form.get("inverted") else query
    score = score_pairs(onsets[: len(query)], turned, onsets[: len(target)], target, tuple(pairs), Weights())
    told = describe(query, target, tuple(pairs), score, **form)
    return told.kinds, told.text


def test_what_happened_is_put_in_words() -> None:
    motif = MOTIF_PITCH
    assert words(motif, motif) == (("exact",), "the same")
    assert words(motif, motif + 5) == (("transposed",), "up 5 semitones")
    assert words(motif, motif - 12, stretch=2.0)[1] == "down 1 octave, twice as slow"
    assert words(motif, 2 * motif[0] - motif, inverted=True) == (("inverted",), "upside down")
    assert words(motif, np.where(np.arange(12) == 4, motif + 6, motif + 1))[1] == "up 1 semitone, 1 changed note"
    assert words(motif, np.insert(motif, 3, 50), [(n, n + (n > 2)) for n in range(12)])[1] == "1 note added"
    assert words(motif, motif[2:], [(n + 2, n) for n in range(10)])[1] == "without the first 2"
    in_scale = np.array([64, 65, 67, 69, 71, 64, 60, 72, 71, 67, 65, 64])
    assert words(motif, in_scale)[0] == ("diatonic",)


def test_pairs_must_rise() -> None:
    with pytest.raises(ArgumentError, match="rise"):
        score_pairs([0, 6], [60, 62], [0, 6], [60, 62], ((0, 1), (1, 0)), Weights())
    assert score_pairs([0, 6], [60, 62], [0, 6], [60, 62], ((0, 1),), Weights()).total == 0
