from __future__ import annotations

from pathlib import Path

import pytest

from ritornello.datasets import Pop909
from ritornello.datasets.pop909_check import check, near_duplicates, shared_melody
from ritornello.score import Part, Song, make_notes


def melody(*pitches: int) -> Song:
    return Song(parts=(Part("m", make_notes(range(len(pitches)), [1] * len(pitches), pitches), role="melody"),))


def test_shared_melody_ignores_transposition_and_repeated_notes() -> None:
    tune = [60, 62, 64, 65, 60, 67, 65, 64, 62, 64, 60, 59, 60, 62, 67, 66, 61]
    assert shared_melody(melody(*tune), melody(*[p + 5 for p in tune])) == 1
    assert shared_melody(melody(*[60] * 40), melody(*[60] * 40)) == 0
    assert shared_melody(melody(*tune), melody(*tune[::-1])) == 0
    assert shared_melody(melody(60), melody(*tune)) == 0
    # 17 notes give 5 strings of 12 intervals; the first 14 notes share 2 of them, which are all of the shorter song.
    assert shared_melody(melody(*tune), melody(*tune[:14], 90, 40, 91)) == pytest.approx(2 / 5)


def test_problems_are_listed_and_other_songs_still_counted(tiny: Path) -> None:
    (tiny / "structure" / "013" / "melody.txt").unlink()
    report = check(Pop909(tiny))
    assert report["songs"] == 1
    assert any("013/melody.txt" in line for line in report["problems"])


def test_counts_of_the_pack(pack: Pop909) -> None:
    report = check(pack)
    problems = report.pop("problems")
    assert report == {
        "songs": 818, "one_major_key": 410, "one_minor_key": 298, "several_keys": 110, "triple_metre": 25,
        "equal_labels": 98, "quadruple_all_major": 476, "quadruple_all_major_phrases": 3790,
        "quadruple_one_major": 401, "quadruple_one_major_phrases": 3189, "melody_notes": 277739,
        "split": {"train": 633, "validation": 92, "test": 92},
    }  # fmt: skip
    assert len(problems) == 55
    assert {line[:3] for line in problems} >= {"278", "470"}


def test_near_duplicates_of_the_pack(pack: Pop909) -> None:
    ids = {*pack.split("test"), *pack.split("validation"), "103", "492", "666", "289", "892", "805", "018"}
    found = near_duplicates((id, pack.load(id).song) for id in sorted(ids))
    assert [(a, b, round(share, 2)) for a, b, share in found] == [
        ("492", "666", 0.65), ("262", "805", 0.51), ("101", "103", 0.31),
    ]  # fmt: skip
