"""From Song to performance: seconds, controllers, the default mix, played times."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.errors import ArgumentError
from ritornello.score import Part, Song, Tempo, make_notes, smf
from ritornello.score.reading import read_data
from ritornello.score.song import CONTROL_DTYPE, PITCH_BEND
from ritornello.sound.performance import (
    BEHIND_MELODY,
    BEND_RANGE,
    EVENT_DTYPE,
    PAN,
    ROLE_PAN,
    ROLE_VOLUME,
    VOLUME,
    perform,
    plain_events,
)


def part(role=None, controls=(), **options) -> Part:
    notes = make_notes([0, 24, 48], [12, 12, 24], [60, 64, 67], [80, 90, 100])
    return Part("part", notes, role=role, controls=np.array(list(controls), CONTROL_DTYPE), **options)


def events(*rows: tuple[float, int, float]) -> np.ndarray:
    return np.array(list(rows), EVENT_DTYPE)


def test_ticks_become_seconds_through_the_tempo_map() -> None:
    song = Song(parts=(part(),), tempi=(Tempo(0, 120), Tempo(24, 60)))
    (played,) = perform(song)
    assert played.notes["onset_s"].tolist() == [0.0, 1.0, 3.0]
    assert played.notes["release_s"].tolist() == [0.5, 2.0, 5.0]


def test_the_melody_stands_in_front_of_parts_that_set_no_volume() -> None:
    song = Song(parts=(part("melody"), part("chords"), part(), part("bass", [(0, 7, 33), (0, 10, 127)])))
    volumes = [played.curve(VOLUME).value(0.0) for played in perform(song)]
    assert volumes == [ROLE_VOLUME["melody"], ROLE_VOLUME["chords"], BEHIND_MELODY, 33]
    assert [played.curve(PAN).value(0.0) for played in perform(song)] == [64, ROLE_PAN["chords"], 64, 127]
    assert volumes[0] > max(volumes[1:])


def test_a_song_without_roles_is_mixed_evenly() -> None:
    assert {played.curve(VOLUME).value(0.0) for played in perform(Song(parts=(part(), part())))} == {100}


def test_controllers_keep_their_value_and_ramp_to_the_next() -> None:
    (played,) = perform(Song(parts=(part(controls=[(0, 11, 100), (24, 11, 20)]),)))
    curve = played.curve(11)
    assert curve.at(np.array([0.0, 0.999, 1.005, 1.02])) == pytest.approx([100, 100, 60, 20])
    assert curve.is_constant(0.0, 1.0)
    assert not curve.is_constant(0.5, 1.5)
    assert played.curve(1).value(0.7) == 0


def test_registered_parameters_and_resets_become_plain_events() -> None:
    told = plain_events(events((0, 101, 0), (0, 100, 0), (0, 6, 12), (0, 38, 50), (1, 100, 1), (1, 6, 64), (2, 121, 0)))
    assert (0.0, BEND_RANGE, 12.5) in told.tolist()
    assert {number for time, number, _ in told.tolist() if time == 1} == set()  # fine tuning is not the bend range
    assert {(n, v) for t, n, v in told.tolist() if t == 2} == {(PITCH_BEND, 0), (1, 0), (11, 127), (64, 0)}
    assert not np.isin(plain_events(events((0, 6, 3)))["number"], (6,)).any()


def midi(onset_ticks: int) -> bytes:
    body = [
        (0, bytes((0xB0, 64, 127))),
        (onset_ticks, bytes((0x90, 60, 80))),
        (onset_ticks + 230, bytes((0x80, 60, 0))),
    ]
    body += [(onset_ticks + 500, bytes((0xB0, 64, 0)))]
    return smf.file_bytes([smf.track_bytes(body)], 480)


def test_as_played_takes_exact_times_of_notes_and_pedal() -> None:
    song = read_data(midi(491), "take.mid")
    (grid,), (played,) = perform(song), perform(song, as_played=True)
    assert grid.notes["onset_s"][0] == 0.5
    assert played.notes["onset_s"][0] == pytest.approx(491 / 960)
    assert played.notes["release_s"][0] == pytest.approx((491 + 230) / 960)
    lift = played.events[(played.events["number"] == 64) & (played.events["value"] == 0)]
    assert lift["time_s"][0] == pytest.approx(991 / 960)


def test_as_played_needs_an_unchanged_midi_file() -> None:
    with pytest.raises(ArgumentError, match="MIDI"):
        perform(Song(parts=(part(),)), as_played=True)
    song = read_data(midi(480), "take.mid")
    changed = song.replace(parts=(song.parts[0].transpose(1),))
    with pytest.raises(ArgumentError, match=r"take\.mid"):
        perform(changed, as_played=True)
