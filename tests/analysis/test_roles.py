"""Roles without names, and roles that are stated."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ritornello.analysis.roles import FEATURES, melody_probabilities, part_features, with_roles
from ritornello.score import Part, Song, make_notes
from ritornello.score.song import Original

from .songs import band


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_melody_and_bass_are_found_whatever_the_order(order: tuple[int, ...]) -> None:
    song = band()
    song, confidence = with_roles(song.replace(parts=tuple(song.parts[index] for index in order)))
    roles = {index: part.role for index, part in zip(order, song.parts, strict=True)}
    assert roles[0] == "melody"
    assert roles[1] == "bass"
    assert confidence > 0.8


def test_block_chords_accompany_and_drums_drum() -> None:
    song = band()
    onset = np.repeat(np.arange(0, 48 * 64, 12), 3)
    chords = Part("", make_notes(onset, [12] * len(onset), np.tile([55, 60, 64], len(onset) // 3)))
    kit = Part("", make_notes(range(0, 48 * 64, 12), [3] * 256, [36] * 256), is_drums=True)
    song, _ = with_roles(song.replace(parts=(*song.parts[:2], chords, kit)))
    assert [part.role for part in song.parts] == ["melody", "bass", "chords", "drums"]


def test_the_top_voice_of_four_has_the_tune() -> None:
    tops = [67, 69, 71, 72, 71, 69, 67, 66, 67, 67, 69, 71, 72, 74, 72, 71, 69, 69, 67, 67] * 3
    voices = []
    for drop, wobble in ((0, 0), (4, 1), (9, 2), (21, 5)):
        pitch = [top - drop - (index * wobble) % 3 for index, top in enumerate(tops)]
        voices.append(Part("", make_notes(range(0, 12 * len(tops), 12), [12] * len(tops), pitch)))
    song, _ = with_roles(Song(parts=tuple(voices[::-1])))
    assert [part.role == "melody" for part in song.parts] == [False, False, False, True]
    assert song.parts[0].role == "bass"


def test_stated_roles_stay() -> None:
    song = band()
    parts = [
        dataclasses.replace(part, role=role) for part, role in zip(song.parts, ("other", None, "melody"), strict=True)
    ]
    song, confidence = with_roles(song.replace(parts=tuple(parts)))
    assert [part.role for part in song.parts] == ["other", "bass", "melody"]
    assert confidence == 1.0


def test_of_several_stated_melodies_one_stays() -> None:
    song = band()
    song, _ = with_roles(song.replace(parts=tuple(dataclasses.replace(part, role="melody") for part in song.parts)))
    assert [part.role for part in song.parts].count("melody") == 1
    assert song.parts[0].role == "melody"


@pytest.mark.parametrize("notes", [2, 40])
def test_a_name_alone_wins_only_if_the_part_plays_in_enough_of_the_song(notes: int) -> None:
    song = band()
    sparse = Part("Melody", make_notes(np.arange(notes) * 6, [6] * notes, [72] * notes), role="melody")
    heard, _ = with_roles(song.replace(parts=(sparse, *song.parts)))
    assert [part.role == "melody" for part in heard.parts] == [False, True, False, False]
    low = dataclasses.replace(song.parts[1], name="Melody", role="melody")
    heard, confidence = with_roles(song.replace(parts=(song.parts[0], low, song.parts[2])))
    assert heard.parts[1].role == "melody"
    assert confidence < 1


def test_what_our_own_file_or_a_person_states_needs_no_coverage() -> None:
    song = band()
    sparse = Part("Melody", make_notes([0, 12], [6, 6], [72, 74]), role="melody")
    ours = song.replace(parts=(sparse, *song.parts), original=Original("ours.mid", b"MThd...Ritornello..."))
    elsewhere = song.replace(parts=(dataclasses.replace(sparse, name="Violin"), *song.parts))
    for stated in (ours, elsewhere, ours.replace(original=None)):
        heard, confidence = with_roles(stated)
        assert heard.parts[0].role == "melody"
        assert confidence == 1.0


def test_a_short_solo_does_not_outdo_the_tune_of_the_choruses() -> None:
    song = band()
    tune, bass, chords = song.parts
    end = 48 * 64
    playing = np.isin(tune.notes["onset"] // (48 * 16), (0, 2))  # two of four rounds
    lively = make_notes(
        end // 2 - 48 * 8 + np.arange(64) * 6, [6] * 64, np.tile([72, 74, 76, 77, 79, 77, 76, 74], 8), 110
    )
    parts = (tune.with_notes(tune.notes[playing]), bass, chords, Part("", lively))
    likely = melody_probabilities(part_features(parts))
    assert likely[0] > 3 * likely[3]
    assert with_roles(song.replace(parts=parts))[0].parts[0].role == "melody"


def test_features_and_probabilities() -> None:
    song = band()
    few = Part("few", make_notes([0, 12], [12, 12], [60, 62]))
    features = part_features((*song.parts, few))
    assert features.shape == (4, len(FEATURES))
    assert np.isnan(features[3]).all()
    likely = melody_probabilities(features)
    assert likely.sum() == pytest.approx(1)
    assert likely[3] == 0
    assert not melody_probabilities(features[3:]).any()
