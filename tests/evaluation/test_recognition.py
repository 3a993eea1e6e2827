from __future__ import annotations

import numpy as np
import pytest

from ritornello.analysis.phrase_grid import phrase_grid
from ritornello.errors import ArgumentError
from ritornello.evaluation.recognition import FEATURES, LogisticRegression, by_song, phrase_features, recognition
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Part, Song, make_notes


def make_song(pitches: list[int], lengths: list[int], form: str = "A2") -> Song:
    onsets = np.cumsum([0, *lengths[:-1]])
    return Song(
        parts=(Part("Tune", make_notes(onsets * 3, np.array(lengths) * 3, pitches), role="melody"),),
        keys=(KeyRegion(0, Key(0)),),
        chords=(ChordSpan(0, 48, Chord(0)), ChordSpan(48, 48, Chord(7))),
        form=Form.parse(form),
    )


def seen(song: Song) -> dict[str, float]:
    grid = phrase_grid(song)
    return dict(zip(FEATURES, phrase_features(grid, grid.phrases[0]).tolist(), strict=True))


def test_features_say_what_their_names_say() -> None:
    found = seen(make_song([60, 62, 64, 72, 67, 67], [4, 2, 2, 8, 8, 8]))
    assert found["notes per bar"] == 3 and found["share of rests"] == 0
    assert found["onsets on beats"] == pytest.approx(5 / 6)
    assert found["onsets on offbeat eighths"] == pytest.approx(1 / 6)
    assert found["range"] == 12 and found["repeated pitch"] == pytest.approx(1 / 5)
    assert found["steps"] == pytest.approx(2 / 5) and found["wider leaps"] == pytest.approx(1 / 5)
    assert found["chord tones"] == pytest.approx(5 / 6) and found["diatonic"] == 1
    assert found["last on chord tone"] == 1 and found["last on tonic"] == 0
    assert found["leaps not turned back"] == 0


def test_only_the_register_depends_on_the_key() -> None:
    song = make_song([60, 62, 64, 72, 67, 67], [4, 2, 2, 8, 8, 8])
    one, other = seen(song), seen(song.transpose(5))
    assert other.pop("mean pitch") == pytest.approx(one.pop("mean pitch") + 5)
    assert one == pytest.approx(other)


def test_a_phrase_without_shape_is_refused() -> None:
    grid = phrase_grid(make_song([60], [16]))
    with pytest.raises(ArgumentError, match="1 notes"):
        phrase_features(grid, grid.phrases[0])


def test_what_differs_is_recognised_and_named() -> None:
    rng = np.random.default_rng(0)
    rows, kind = rng.normal(size=(300, 4)), np.arange(300) % 3 == 0
    rows[kind, 2] -= 3
    classifier = LogisticRegression.fit(rows[:200], kind[:200])
    found = recognition(classifier.scores(rows[200:]), kind[200:], np.arange(100) // 10)
    assert found.auc.value > 0.95 and found.accuracy.low > 0.8
    name, weight = classifier.strongest(["a", "b", "c", "d"])[0]
    assert name == "c" and weight < 0
    assert found.human + found.generated == 100 and found.songs == 10


def test_what_does_not_differ_is_not_recognised() -> None:
    rng = np.random.default_rng(1)
    rows, kind = rng.normal(size=(800, 4)), rng.random(800) < 0.3
    classifier = LogisticRegression.fit(rows[:400], kind[:400])
    found = recognition(classifier.scores(rows[400:]), kind[400:], np.arange(400) // 10)
    assert found.auc.low < 0.5 < found.auc.high
    assert found.accuracy.low < 0.5 < found.accuracy.high


def test_the_fit_does_not_depend_on_scale_or_on_how_many_there_are_of_each() -> None:
    rng = np.random.default_rng(2)
    rows, kind = rng.normal(size=(90, 3)), np.arange(90) < 30
    rows[kind] += 0.7
    one = LogisticRegression.fit(rows, kind).scores(rows)
    stretched = rows * np.array([1, 100, 0.01]) + 7
    assert LogisticRegression.fit(stretched, kind).scores(stretched) == pytest.approx(one, abs=1e-3)
    swapped = LogisticRegression.fit(rows, ~kind).scores(rows)
    assert swapped == pytest.approx(-one, abs=1e-3)


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    scores, kind = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert recognition(scores, kind, np.arange(4)).auc.value == 0.75
    assert recognition(np.zeros(4), kind, np.arange(4)).auc.value == 0.5
    assert recognition(np.zeros(4), kind, np.arange(4)).accuracy.value == 0.5


def test_one_kind_alone_is_refused() -> None:
    with pytest.raises(ArgumentError, match="both"):
        LogisticRegression.fit(np.zeros((3, 1)), np.ones(3, np.bool_))
    with pytest.raises(ArgumentError, match="both"):
        recognition(np.zeros(3), np.zeros(3, np.bool_), np.arange(3))


def test_phrases_judge_together() -> None:
    means, kind, melodies = by_song(np.array([1.0, 3.0, -2.0]), np.array([True, True, False]), np.array([7, 7, 4]))
    assert means.tolist() == [-2.0, 2.0] and kind.tolist() == [False, True] and melodies.tolist() == [4, 7]
