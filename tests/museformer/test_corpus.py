from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ritornello.datasets import BandMidi
from ritornello.datasets.band_midi import split_of
from ritornello.errors import UnsuitableSongError
from ritornello.museformer.corpus import CorpusFile, LeftOut, tokenize, tokenize_file
from ritornello.museformer.tokens.encoding import TokenSong, encode
from ritornello.museformer.tokens.vocabulary import SIZE, VOCABULARY_NAME
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.song import Song
from ritornello.score.timeline import Meter
from ritornello.training.shards import TokenShards

from .band_songs import band


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty songs of different lengths, one in 3/4, one damaged, and a copy under another title in another split."""
    folder = tmp_path_factory.mktemp("songs")
    for bars in range(1, 31):
        (folder / f"{bars:02}.mid").write_bytes(midi_bytes(band(bars).transpose(bars % 5)))
    (folder / "waltz.mid").write_bytes(midi_bytes(band().replace(meters=(Meter(0, 3, 4),))))
    (folder / "damaged.mid").write_bytes(midi_bytes(band())[:200])
    (folder / "copy-of-test.mid").write_bytes(_titled(band(40), "test"))
    (folder / "copy-of-train.mid").write_bytes(_titled(band(40), "train"))
    return folder


def _titled(song: Song, split: str) -> bytes:
    """The song under a title that puts the file into a split."""
    import hashlib

    for number in range(1000):
        data = midi_bytes(song.replace(title=f"{split} {number}"))
        if split_of(hashlib.sha1(data).hexdigest()) == split:
            return data
    raise AssertionError


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_one_and_two_workers_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        tokenize(BandMidi(folder), tmp_path / str(workers), workers=workers, shard_tokens=3000)
    assert files(tmp_path / "1") == files(tmp_path / "2")
    assert len(files(tmp_path / "1")) > 3


def test_a_record_is_the_song_that_was_encoded(folder: Path, tmp_path: Path) -> None:
    dataset = BandMidi(folder)
    tokenize(dataset, tmp_path / "out")
    shards = TokenShards(tmp_path / "out", VOCABULARY_NAME)
    assert shards.manifest["vocabulary"]["size"] == SIZE
    for index, id in enumerate(shards.ids):
        tokens, record = encode(dataset.load(id)), shards[index]
        assert np.array_equal(np.concatenate(tokens.bars), record.tokens)
        assert record.metadata == {"pitch_shift": tokens.pitch_shift, "leading_bars": tokens.leading_bars}
        assert record.split == split_of(dataset.hashes(id)[0])
        assert len(TokenSong(record.bars)) == len(tokens)


def test_what_is_left_out_is_listed_with_its_reason(folder: Path, tmp_path: Path) -> None:
    manifest = tokenize(BandMidi(folder), tmp_path / "out")
    reasons = {entry["id"]: entry["reason"] for entry in manifest["left_out"]}
    assert set(reasons) == {"waltz", "damaged", "copy-of-train"}
    assert "3/4" in reasons["waltz"] and "truncated" in reasons["damaged"]
    assert reasons["copy-of-train"] == "a duplicate of copy-of-test (test)"
    assert "copy-of-test" in TokenShards(tmp_path / "out").ids


def test_the_papers_selection_is_smaller(folder: Path, tmp_path: Path) -> None:
    song = band().replace(parts=(band().parts[2],))
    assert isinstance(tokenize_file(CorpusFile("x", "train", midi_bytes(song)), "paper"), LeftOut)
    assert not isinstance(tokenize_file(CorpusFile("x", "train", midi_bytes(song))), LeftOut)


def test_files_that_must_not_be_trained_on_are_kept_out(folder: Path, tmp_path: Path) -> None:
    dataset = BandMidi(folder)
    id = dataset.split("train")[0]
    manifest = tokenize(dataset, tmp_path / "out", keep_out=frozenset({dataset.hashes(id)[1]}))
    assert id not in TokenShards(tmp_path / "out").ids
    assert manifest["settings"]["kept_out"] == 1
    assert {"id": id, "reason": "kept out: held out in the official split"} in manifest["left_out"]


def test_a_folder_of_unusable_files_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "waltz.mid").write_bytes(midi_bytes(band().replace(meters=(Meter(0, 3, 4),))))
    with pytest.raises(UnsuitableSongError, match="3/4"):
        tokenize(BandMidi(tmp_path / "in"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
