from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ritornello.datasets.pop909 import Pop909
from ritornello.errors import ReadError
from ritornello.imitation.evaluate import choose_seeds, evaluate_imitation
from ritornello.imitation.train import build_prior, build_prior_from_songs, load_prior
from ritornello.score import Song


def test_shipped_prior_is_small_names_its_data_and_knows_both_modes() -> None:
    prior = load_prior()
    assert prior.songs == 633
    assert "POP909" in prior.note
    assert len(prior.to_bytes()) < 2_000_000
    assert {context[0] for context in prior.tables["chord"].counts if context} == {"major", "minor"}


def test_prior_survives_its_file(seed_song: Song, tmp_path: Path) -> None:
    prior = build_prior_from_songs([seed_song] * 4)
    path = tmp_path / "prior.json.gz"
    path.write_bytes(prior.to_bytes())
    back = load_prior(path)
    assert back.to_bytes() == prior.to_bytes()
    assert back.songs == 4


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "prior.json.gz"
    damaged = bytearray(load_prior().to_bytes())
    damaged[100:200] = bytes(100)
    bomb = gzip.compress(bytes(100_000_000))
    wrong = (b"no prior", gzip.compress(b"[1]"), gzip.compress(b'{"format": 99}'), bytes(damaged), damaged[:500], bomb)
    for data in wrong:
        path.write_bytes(data)
        with pytest.raises(ReadError, match="prior"):
            load_prior(path)


def test_seeds_of_the_test_split_are_the_first_five_of_each_mode(pack: Pop909) -> None:
    seeds = choose_seeds(pack, pack.split("test"), 10)
    assert seeds == ["003", "063", "093", "113", "123", "013", "023", "033", "043", "053"]


def test_prior_learns_from_the_given_songs_alone(pack: Pop909) -> None:
    one, two = build_prior(pack, ["001"]), build_prior(pack, ["001", "002"])
    assert (one.songs, two.songs) == (1, 2)
    assert sum(one.tables["interval"].counts[()].values()) < sum(two.tables["interval"].counts[()].values())


def test_evaluation_finds_the_seed_and_stays_within_the_limits(pack: Pop909) -> None:
    done: list[tuple[int, int]] = []
    result = evaluate_imitation(
        pack, ["005", "015", "045", "065"], seeds_per_draw=4, outputs_per_seed=1,
        progress=lambda number, total: done.append((number, total)),
    )  # fmt: skip
    assert result["seeds"] == ["005", "015", "045", "065"]
    assert result["retrieval_top1"] == 1.0
    assert result["distance_to_seed"] < result["distance_within_song"] < result["distance_to_others"]
    assert result["longest_shared_run"]["worst"] <= 8
    assert result["longest_shared_melodic_run"]["worst"] <= 12
    assert result["other_letter_agreement"] < 0.25
    assert done[-1] == (4, 4)
