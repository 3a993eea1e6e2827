from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ritornello.datasets import Pop909
from ritornello.datasets.pop909 import SPLITS, split_of
from ritornello.errors import ArgumentError, ReadError
from ritornello.score import Chord, Key

from .conftest import write_song


def test_a_song_stands_on_the_structure_grid(tiny: Path) -> None:
    data = Pop909(tiny)
    assert data.ids == ("001", "013")
    loaded = data.load("001")
    song = loaded.song
    melody = song.part("melody")
    assert melody is not None
    assert melody.notes["onset"][:4].tolist() == [48, 60, 72, 96]  # a whole bar of rest, then 4, 4, 6 + 2 sixteenths
    assert melody.notes["pitch"][:4].tolist() == [60, 64, 67, 65]
    assert str(song.form) == "i1A2A2"
    assert str(loaded.labels[1]) == "i1A4"
    assert song.tempi[0].qpm == 90
    assert song.meters[0].numerator == loaded.beats_per_bar == 4
    assert loaded.is_one_key_major
    # Equal neighbours are joined; the bass is the number; without a chord there is a gap; of three numbers two count.
    assert [(s.onset, s.duration, s.chord) for s in song.chords] == [
        (0, 72, Chord(0)), (72, 24, Chord(7, "maj7", 11)), (132, 108, Chord(5, "maj", 0)),
    ]  # fmt: skip
    assert len(loaded.chord_tones) == 4 + 2 + 2 + 3 + 9
    assert loaded.chord_tones[6] == {2, 5, 7, 11}  # as the file lists them, not as the name says
    assert loaded.chord_tones[8] == set()


def test_several_keys_get_regions_in_their_order(tiny: Path) -> None:
    loaded = Pop909(tiny).load("013")
    assert not loaded.is_one_key
    assert loaded.is_all_major
    assert [region.key for region in loaded.song.keys] == [Key(0), Key(2)]
    assert loaded.song.keys[1].tick % 48 == 0


def test_key_regions_stand_where_the_music_changes(tmp_path: Path) -> None:
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    bars = [scale] * 6 + [[pitch + 2 for pitch in scale]] * 6
    melody = "".join(f"{pitch} 2\n" for bar in bars for pitch in bar)
    write_song(tmp_path, "001", melody=melody, finalized_chord="N []  48\n", analyzed_key="C:maj\nD:maj\n")
    assert Pop909(tmp_path).load("001").song.keys[1].tick == 6 * 48


def test_metre_follows_the_chord_lengths(tmp_path: Path) -> None:
    write_song(tmp_path, "001", finalized_chord="C:maj [0, 4, 7] 0 3\nG:maj [2, 7, 11] 7 3\nC:maj [0, 4, 7] 0 2\n")
    assert Pop909(tmp_path).load("001").beats_per_bar == 3


def test_split_rule() -> None:
    assert [split_of(id) for id in ("003", "005", "004", "910")] == ["test", "validation", "train", "train"]
    assert [split_of(id) for id in ("262", "101", "492", "666", "018")] == [
        "validation", "test", "train", "train", "none",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "texts",
    [
        {"melody": "60\n"}, {"melody": "200 4\n"}, {"melody": "60 0\n"}, {"melody": "\n"}, {"melody": "60 999999\n"},
        {"finalized_chord": "C:maj 0 4\n"}, {"finalized_chord": "H:maj [0] 0 4\n"}, {"finalized_chord": "\n"},
        {"finalized_chord": "C:maj [0, x] 0 4\n"}, {"finalized_chord": "C:maj [0, 44] 0 4\n"},
        {"analyzed_key": "H:maj\n"}, {"analyzed_key": "\n"}, {"tempo": "fast"}, {"tempo": "nan"},
        {"human_label1": "A8 or so"},
    ],
)  # fmt: skip
def test_a_bad_file_is_named_in_one_line(texts: dict[str, str], tmp_path: Path) -> None:
    write_song(tmp_path, "001", **texts)
    with pytest.raises(ReadError) as caught:
        Pop909(tmp_path).load("001")
    assert f"structure/001/{next(iter(texts))}.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_song_and_split_are_refused(tiny: Path) -> None:
    data = Pop909(tiny)
    with pytest.raises(ArgumentError, match="002"):
        data.load("002")
    with pytest.raises(ArgumentError, match="tset"):
        data.split("tset")
    (tiny / "structure" / "001" / "tempo.txt").unlink()
    with pytest.raises(ReadError, match=r"tempo\.txt"):
        data.load("001")
    (tiny / "structure" / "013" / "melody.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReadError, match=r"melody\.txt"):
        data.load("013")


def test_pack_traps(pack: Pop909) -> None:
    assert str(pack.load("062").labels[0]).count("C8") >= 1
    assert "C86" not in str(pack.load("062").labels[0])
    assert pack.load("328").labels[0] == pack.load("328").labels[1]
    assert pack.load("328").beats_per_bar == 3
    assert pack.load("843").beats_per_bar == 4
    for id, off in (("803", 1), ("240", 2), ("278", 7)):
        loaded = pack.load(id)
        bars = -(-len(loaded.chord_tones) // 4)
        assert abs(bars - loaded.labels[0].bars) == off
    first = pack.load("001")
    differing = [line for line in first.file_chords if line.chord and line.chord.pitch_classes != line.tones]
    assert differing  # B:maj7 [3, 6, 9, 11]
    assert np.all(np.diff(first.song.part("melody").notes["onset"]) > 0)  # type: ignore[union-attr]


def test_pack_splits_are_disjoint_and_complete(pack: Pop909) -> None:
    sizes = {name: len(pack.split(name)) for name in SPLITS}
    assert sizes == {"train": 633, "validation": 92, "test": 92, "all": 818}
    assert set(pack.ids) - {id for name in SPLITS[:3] for id in pack.split(name)} == {"018"}
