"""The law of the MusicXML writer and reader: a song on the grid that is written and read is unchanged."""

from __future__ import annotations

import dataclasses

from hypothesis import HealthCheck, given, settings
from musicxml_songs import songs

from ritornello.score import Song
from ritornello.score.musicxml_reader import read_musicxml
from ritornello.score.musicxml_writer import lead_part, musicxml_bytes


def _difference(one: Song, other: Song) -> list[str]:
    names = [field.name for field in dataclasses.fields(Song) if field.name != "original"]
    return [
        f"{name}: {getattr(one, name)} / {getattr(other, name)}"
        for name in names
        if getattr(one, name) != getattr(other, name)
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(songs())
def test_a_whole_score_comes_back_unchanged(song: Song) -> None:
    again = read_musicxml(musicxml_bytes(song, "all"), "song.musicxml")
    assert _difference(song, again) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(songs())
def test_a_lead_sheet_comes_back_with_its_top_line(song: Song) -> None:
    again = read_musicxml(musicxml_bytes(song, "lead"), "song.musicxml")
    assert _difference(song.replace(parts=(lead_part(song),)), again) == []
