"""Discovery of repeated patterns: what was planted is found, exactly and varied, in semitones and in steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.motifs.discovery import DiscoverySettings, find_patterns
from ritornello.motifs.discovery_points import PointSet, points_of_song
from ritornello.motifs.discovery_siatec import Translations, compactness, translatable_patterns
from ritornello.score import Part, Song, make_notes

THEME = np.array([(0, 60), (12, 64), (18, 67), (24, 65), (36, 62), (42, 64), (48, 60), (60, 72)])
"""Ticks, 12 a beat, and pitches."""


def point_set(*blocks: np.ndarray) -> PointSet:
    notes = np.concatenate(blocks)
    return PointSet.of(notes[:, 0], notes[:, 1], notes[:, 1] * 7 // 12)


def moved(ticks: int, semitones: int = 0, notes: np.ndarray = THEME) -> np.ndarray:
    return notes + np.array([ticks, semitones])


def noise(start: int, seed: int, count: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([start + np.arange(count) * 6 + rng.integers(0, 4, count), rng.integers(40, 90, count)], axis=1)


def find(points: PointSet, **settings: object) -> list:
    return find_patterns(points, DiscoverySettings(**settings), ticks_per_beat=12)


def test_points_are_told_once_in_order() -> None:
    points = PointSet.of([4, 0, 4, 0], [60, 64, 60, 62], [35, 37, 35, 36])
    assert points.onset.tolist() == [0, 0, 4] and points.pitch.tolist() == [62, 64, 60]
    assert points.note.tolist() == [3, 1, 0] and points.ends.tolist() == [2, 2, 3]


def test_all_translations_of_a_pattern_are_found() -> None:
    points = point_set(THEME, noise(100, 1), moved(240, 5), noise(340, 2), moved(480, -3))
    theme = np.flatnonzero(points.onset <= 60)
    found = Translations(points, morphetic=False).occurrences(theme)
    assert points.onset[found[:, 0]].tolist() == [0, 240, 480]
    assert (points.pitch[found] - points.pitch[found[:1]] == np.array([[0], [5], [-3]])).all()


@given(st.integers(0, 1000), st.integers(1, 30))
def test_maximal_patterns_are_those_of_the_definition(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    points = PointSet.of(rng.integers(0, 30, size), rng.integers(60, 66, size), np.zeros(size, int))
    everywhere = 10_000
    found = {tuple(pattern.tolist()) for pattern in translatable_patterns(points, False, everywhere)}
    at = set(zip(points.onset.tolist(), points.pitch.tolist(), strict=True))
    expected = set()
    for lag in range(1, 31):
        for rise in range(-6, 7):
            pattern = [
                index
                for index, (onset, pitch) in enumerate(zip(points.onset.tolist(), points.pitch.tolist(), strict=True))
                if (onset + lag, pitch + rise) in at
            ]
            if len(pattern) > 2:
                expected.add(tuple(pattern))
    assert found == expected


def test_patterns_are_cut_where_they_pause() -> None:
    points = point_set(THEME, moved(200), moved(1000), moved(1200))
    longest = max(len(pattern) for pattern in translatable_patterns(points, False, 12))
    assert longest == len(THEME)
    assert max(len(pattern) for pattern in translatable_patterns(points, False, 10_000)) == 2 * len(THEME)


def test_compactness_counts_what_lies_between() -> None:
    points = point_set(THEME, np.array([(13, 61), (14, 90)]))
    theme = np.flatnonzero(np.isin(points.onset, THEME[:, 0]))
    assert compactness(points, theme) == pytest.approx(8 / 9)  # the high note lies outside its range


def test_a_planted_theme_is_the_first_pattern() -> None:
    points = point_set(THEME, noise(100, 1), moved(240, 5), noise(340, 2), moved(480, -3), noise(600, 3))
    first = find(points)[0]
    assert [int(points.onset[notes[0]]) for notes in first.occurrences] == [0, 240, 480]
    assert all(len(notes) == len(THEME) for notes in first.occurrences) and all(first.exact)


def test_a_varied_occurrence_is_told_unless_exact_ones_are_wanted() -> None:
    varied = moved(480).copy()
    varied[3, 1] += 11
    points = point_set(THEME, noise(100, 1), moved(240), noise(340, 2), varied)
    loose, strict = find(points)[0], find(points, varied_share=1.0)[0]
    assert [int(points.onset[notes[0]]) for notes in loose.occurrences] == [0, 240, 480]
    assert loose.exact == (True, True, False) and len(loose.occurrences[2]) == len(THEME) - 1
    assert len(strict.occurrences) == 2


def test_a_sequence_in_the_scale_is_found_in_steps() -> None:
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    steps = np.array([0, 1, 2, 4, 3, 1, 0])
    onset, step = [], []
    for number, shift in enumerate((0, 1, 3)):
        onset += (number * 120 + np.arange(7) * 6).tolist()
        step += (steps + 35 + shift).tolist()
    step = np.array(step)
    points = PointSet.of(onset, 12 * (step // 7) + scale[step % 7], step)
    first = find(points, varied_share=1.0)[0]
    assert first.morphetic and len(first.occurrences) == 3


def test_segments_take_all_notes_of_their_time() -> None:
    accompaniment = np.stack([np.arange(0, 61, 20) + 1, np.full(4, 40)], axis=1)
    points = point_set(THEME, accompaniment, moved(240), moved(243, 0, accompaniment), noise(400, 5))
    plain, whole = (find(points, segment=segment)[0] for segment in (False, True))
    assert len(whole.occurrences[0]) > len(plain.occurrences[0])


def test_long_repeats_are_cut_at_bar_lines() -> None:
    half = [THEME, moved(96, 2), moved(192, -4), moved(288, 7)]
    points = point_set(*half, *(moved(384, 0, block) for block in half))
    for pattern in find(points, max_beats=8.0):
        for notes in pattern.occurrences:
            assert points.onset[notes[-1]] - points.onset[notes[0]] <= 96
    assert any(len(pattern.occurrences[0]) == 4 * len(THEME) for pattern in find(points))


def test_nothing_comes_back_in_noise_or_in_little() -> None:
    rng = np.random.default_rng(0)
    onset = np.cumsum(rng.integers(3, 60, 40))
    assert find(PointSet.of(onset, rng.integers(30, 100, 40), rng.integers(20, 60, 40)), min_notes=5) == []
    assert find(point_set(THEME[:3])) == []


@settings(max_examples=20)
@given(st.integers(-24, 24), st.integers(0, 2000))
def test_moving_the_piece_moves_its_patterns(semitones: int, ticks: int) -> None:
    blocks = (THEME, noise(100, 1), moved(240, 5), noise(340, 2), moved(480, -3))
    here = PointSet.of(*np.concatenate(blocks).T, np.concatenate(blocks)[:, 1])
    there_notes = moved(ticks, semitones, np.concatenate(blocks))
    there = PointSet.of(*there_notes.T, there_notes[:, 1])
    for one, other in zip(find(here), find(there), strict=True):
        assert [notes.tolist() for notes in one.occurrences] == [notes.tolist() for notes in other.occurrences]


def test_songs_become_points_with_steps_and_without_drums() -> None:
    tune = make_notes([0, 12, 24, 36], [12] * 4, [60, 62, 64, 66])
    song = Song((Part("drums", make_notes([0], [1], [36]), is_drums=True), Part("tune", tune), Part("again", tune)))
    points, source = points_of_song(song)
    assert len(points) == 4 and np.diff(points.step).tolist() == [1, 1, 1]
    assert source[points.note][:, 0].tolist() == [1] * 4  # equal notes of the second part are told once
    with pytest.raises(UnsuitableSongError, match="no notes with pitch"):
        points_of_song(Song((song.parts[0],)))


@pytest.mark.parametrize(
    "wrong", [{"min_compactness": 2}, {"varied_share": 0.1}, {"min_notes": 1}, {"gaps_beats": ()}, {"max_beats": 0}]
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ArgumentError):
        DiscoverySettings(**wrong)


def test_figures_are_short_and_themes_are_long() -> None:
    figure = THEME[:4]
    blocks = [moved(at, rise) for at, rise in ((0, 0), (240, 5))] + [moved(at, 2, figure) for at in range(480, 900, 60)]
    points = point_set(*blocks)
    themes, figures = (find(points, size_power=power, varied_share=1.0)[0] for power in (1.0, 0.0))
    assert len(themes.occurrences[0]) >= len(THEME) > len(figures.occurrences[0])
