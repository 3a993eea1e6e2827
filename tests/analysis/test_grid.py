"""Bars: their phase and metre are found wherever they are hidden, inserted beats re-phase, performances get beats."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ritornello.analysis.beat_tracking import find_beats, is_performed, track
from ritornello.analysis.grid import best_bars, find_bar_grid, is_stated, tatum_phase
from ritornello.analysis.grid_features import FEATURES, metrical_features
from ritornello.analysis.roles import with_roles
from ritornello.score import Form, Meter, Part, Song, Tempo
from ritornello.score.song import Original

from .songs import band


def with_gap(song: Song, at_tick: int, ticks: int) -> Song:
    """The song with silence put in: everything from a tick on comes later."""
    parts = []
    for part in song.parts:
        notes = part.notes.copy()
        notes["onset"][notes["onset"] >= at_tick] += ticks
        parts.append(part.with_notes(notes))
    return song.replace(parts=tuple(parts))


@pytest.mark.parametrize("sixteenths", [0, 1, 4, 7, 8, 12, 15])
def test_bars_are_found_at_any_shift(sixteenths: int) -> None:
    grid = find_bar_grid(with_roles(band(shift_ticks=3 * sixteenths))[0])
    assert grid.song.meters == (Meter(0, 4, 4),)
    first_bar = int(grid.source_ticks(0, band(shift_ticks=3 * sixteenths)))
    assert (first_bar - 3 * sixteenths) % 48 == 0


@pytest.mark.parametrize("ticks", [1, 2, 31])
def test_sixteenths_may_lie_between_the_file_s(ticks: int) -> None:
    grid = find_bar_grid(with_roles(band(shift_ticks=ticks))[0])
    assert (grid.moved_ticks + ticks) % 48 == 0
    assert grid.song.parts[0].notes["onset"][0] == 0


def test_three_beats_are_told_from_four() -> None:
    grid = find_bar_grid(with_roles(band(meter=3, shift_ticks=12))[0])
    assert grid.song.meters == (Meter(0, 3, 4),)


def test_an_inserted_half_bar_makes_one_longer_bar_and_the_rest_keeps_its_phase() -> None:
    song = with_gap(band(shift_ticks=12), 12 + 48 * 32, 24)
    grid = find_bar_grid(with_roles(song)[0])
    lengths = np.diff(grid.song.bar_lines)
    assert sorted(set(lengths.tolist())) == [48, 72]
    assert (lengths == 72).sum() == 1
    assert 48 * 31 <= grid.song.bar_lines[int(lengths.argmax())] <= 48 * 32
    assert grid.song.bars == 64


def test_a_pickup_is_a_short_first_bar() -> None:
    song = with_gap(band(), 0, 24)
    first = song.parts[0].notes[:1].copy()
    first["onset"], first["duration"], first["pitch"] = 18, 6, 62
    song = song.replace(parts=(song.parts[0].with_notes(np.concatenate([first, song.parts[0].notes])), *song.parts[1:]))
    grid = find_bar_grid(with_roles(song)[0])
    assert grid.song.meters == (Meter(0, 1, 4), Meter(12, 4, 4))
    assert grid.song.parts[0].notes["onset"][:2].tolist() == [6, 12]


def test_a_file_that_is_right_is_left_alone() -> None:
    song = with_roles(band())[0]
    grid = find_bar_grid(song)
    assert grid.source == "file"
    assert grid.song is song


def test_stated_bars_are_believed_even_where_they_are_odd() -> None:
    odd = band(shift_ticks=30).replace(form=Form.parse("A8B8"))
    assert is_stated(odd)
    assert find_bar_grid(odd).song is odd
    assert is_stated(band().replace(original=Original("tune.abc", b"X:1")))
    assert not is_stated(band())
    assert not is_stated(band().replace(original=Original("no suffix", b"MThd")))


def test_moving_tempo_changes_with_the_notes_keeps_their_times() -> None:
    song = band(shift_ticks=30).replace(tempi=(Tempo(0, 100), Tempo(30 + 480, 80), Tempo(30 + 960, 120)))
    grid = find_bar_grid(with_roles(song)[0])
    before, after = song.seconds(song.parts[0].notes["onset"]), grid.song.seconds(grid.song.parts[0].notes["onset"])
    assert np.allclose(np.diff(before), np.diff(after))


def test_features_do_not_depend_on_transposition_and_have_their_columns() -> None:
    features = metrical_features(band().parts, 0, 256)
    assert features.shape == (256, len(FEATURES))
    assert np.allclose(features, metrical_features(band(tonic=12).parts, 0, 256))
    assert np.allclose(features.mean(axis=0), 0)


def test_best_bars_keep_their_length_unless_it_pays() -> None:
    scores = np.zeros(160)
    scores[[3, 19, 35, 59, 75, 91, 107, 123, 139]] = 10.0
    row = best_bars(scores, 16, rephase_cost=5.0)
    assert set(np.flatnonzero(scores)) <= set(row.tolist())
    assert sorted(np.diff(row).tolist()) == [8] + [16] * 9
    assert set(np.diff(best_bars(scores, 16, rephase_cost=1e9)).tolist()) == {16}


def test_tatum_phase() -> None:
    assert tatum_phase(np.arange(0, 300, 3) + 1) == (1, pytest.approx(1.0))
    assert tatum_phase(np.arange(0, 300, 3) - 1)[0] == -1
    assert tatum_phase(np.arange(0, 300))[1] < 0.05


def played(song: Song, seed: int = 0) -> Song:
    """The song as a person plays it, recorded by a program whose beat is another: 10 ms of ticks, slowly drifting."""
    rng = np.random.default_rng(seed)
    parts = []
    for part in song.parts:
        notes = part.notes.copy()
        onset_s, end_s = (song.seconds(ticks) for ticks in (notes["onset"], notes["onset"] + notes["duration"]))
        bent = [seconds + 0.4 * np.sin(seconds / 15) + 1.0 for seconds in (onset_s, end_s)]
        onset = np.rint((bent[0] + rng.normal(0, 0.01, len(notes))) * 96)
        notes["onset"] = onset
        notes["duration"] = np.maximum(bent[1] * 96 - onset, 1)
        parts.append(dataclasses.replace(part, notes=notes))
    return Song(tuple(parts), (Tempo(0, 480.0),), original=Original("played.mid", b"?"))


def test_a_performance_is_put_on_its_beats() -> None:
    song = band()
    performed = played(song)
    assert is_performed(performed)
    assert not is_performed(song)
    grid = find_bar_grid(with_roles(performed)[0])
    assert grid.source == "tracked"
    sounding = grid.source_ticks(grid.song.bar_lines[:-1], performed) / 96
    bars_s = song.seconds(song.bar_lines[:-1])
    true_bars_s = bars_s + 0.4 * np.sin(bars_s / 15) + 1.0
    hits = [np.abs(sounding - place).min() < 0.1 for place in true_bars_s]
    assert np.mean(hits) > 0.9
    assert abs(grid.song.bars - song.bars) <= 2
    assert sum(len(part.notes) for part in grid.song.parts) == sum(len(part.notes) for part in song.parts)


def test_tracked_beats_follow_a_steady_pulse() -> None:
    curve = np.zeros(2400)
    curve[25::50] = 5.0
    beats = find_beats(np.convolve(curve, [0.5, 1, 0.5], "same"))
    assert np.allclose(np.diff(beats), 0.5, atol=0.011)


def test_a_few_notes_are_not_tracked() -> None:
    notes = band().parts[0].notes[:5]
    assert track(Song(parts=(Part("short", notes),))) == []


def test_a_note_one_sixteenth_early_is_set_on_the_first_bar_line() -> None:
    song = with_gap(band(), 0, 24)
    notes = song.parts[2].notes.copy()
    notes["onset"][0] -= 3
    notes["duration"][0] += 3
    song = song.replace(parts=(*song.parts[:2], song.parts[2].with_notes(notes)))
    grid = find_bar_grid(with_roles(song)[0])
    assert grid.song.meters == (Meter(0, 4, 4),)
    assert grid.song.parts[2].notes["onset"][:3].tolist() == [0, 0, 0]
    assert grid.song.parts[2].notes["duration"][0] == 12
