from __future__ import annotations

import numpy as np
import pytest
import torch

from ritornello.datasets.pop909 import Pop909
from ritornello.frameworks.baselines import LEAST_SEEN, NGrams, NGramSampler, UnguidedNetworks
from ritornello.frameworks.config import NetworkConfig
from ritornello.frameworks.data import song_phrases
from ritornello.frameworks.evaluate_songs import evaluate_songs, makers
from ritornello.frameworks.features import TASKS
from ritornello.frameworks.measured_songs import Case, case_of, drawn_song, measured_phrases, song_figures
from ritornello.frameworks.model import FrameworkNetwork
from ritornello.frameworks.pretrained import FrameworkNetworks
from ritornello.frameworks.recognised import phrases_of
from ritornello.frameworks.recognition_network import (
    COLUMNS,
    fit_recognition,
    note_rows,
    recognition_scores,
    without_column,
)
from ritornello.frameworks.tables import build_tables
from ritornello.score import Song

from .invented import write_pack

BASELINES = ("ngram", "unguided")
KINDS = ("composed", *BASELINES)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Song]:
    dataset = Pop909(write_pack(tmp_path_factory.mktemp("pack")))
    return {id: dataset.load(id).song for id in ("001", "002", "003", "004")}


@pytest.fixture(scope="module")
def networks() -> FrameworkNetworks:
    torch.manual_seed(0)
    sizes = {"width": 16, "heads": 2, "feed_forward": 16, "hidden": 8}
    return FrameworkNetworks(*(FrameworkNetwork(NetworkConfig(task, **sizes)).eval() for task in TASKS))  # type: ignore[arg-type]


def make(kind: str, case: Case, seed: int, songs: dict[str, Song], networks: FrameworkNetworks) -> Song:
    return makers(networks, build_tables(songs.values()), [song_phrases(song) for song in songs.values()])[kind](
        case, seed
    )


def test_counts_give_way_to_shorter_contexts() -> None:
    counts, rng = NGrams(), np.random.default_rng(0)
    for item in [7] * LEAST_SEEN + [8]:
        counts.add([("often", item), ()], item)
    counts.add([("rare",), ()], 9)
    assert counts.draw([("often", 7), ()], rng) == 7
    assert {counts.draw([("rare",), ()], rng) for _ in range(100)} == {7, 8, 9}
    assert {counts.draw([("never",), ()], rng, below=8) for _ in range(20)} == {7}
    with pytest.raises(KeyError):
        counts.draw([()], rng, below=7)


def test_a_case_is_the_song_on_a_regular_grid(songs: dict[str, Song]) -> None:
    case = case_of(songs["001"], "001")
    one, other = song_phrases(songs["001"]), song_phrases(case.song)
    for a, b in zip(one.phrases, other.phrases, strict=True):
        assert a.plan == b.plan and (a.onsets == b.onsets).all() and (a.pitches == b.pitches).all()
    assert str(case.plan().form) == "A2A2B2" and case.plan().key == case.framework.key
    assert case.plan().phrases[0].chords is None and case.plan().phrases[0].notes is None


@pytest.mark.parametrize("kind", BASELINES)
def test_baselines_fill_the_form_and_a_seed_gives_the_same(
    kind: str, songs: dict[str, Song], networks: FrameworkNetworks
) -> None:
    case = case_of(songs["003"], "003")
    made = make(kind, case, 3, songs, networks)
    assert made.form == case.song.form and made.chords == case.song.chords and made.keys == case.song.keys
    notes = made.parts[0].notes
    assert len(notes) and (np.diff(notes["onset"]) >= notes["duration"][:-1]).all()
    assert notes["onset"].max() + notes["duration"][-1] <= case.song.bar_lines[-1]
    assert (make(kind, case, 3, songs, networks).parts[0].notes == notes).all()
    other = make(kind, case, 4, songs, networks).parts[0].notes
    assert len(other) != len(notes) or (other != notes).any()


def test_a_sampler_draws_only_what_it_has_counted(songs: dict[str, Song]) -> None:
    case = case_of(songs["001"], "001")
    known = song_phrases(case.song)
    made = song_phrases(drawn_song(case, NGramSampler.fit([known]).drawer(), 0))
    assert {p for phrase in made.phrases for p in phrase.pitches} <= {p for f in known.phrases for p in f.pitches}


def test_baselines_move_with_the_key(songs: dict[str, Song]) -> None:
    case, higher = case_of(songs["001"]), case_of(songs["001"].transpose(3))
    sampler = NGramSampler.fit([song_phrases(songs["002"])])
    one, other = (drawn_song(c, sampler.drawer(), 5).parts[0].notes["pitch"].astype(int) for c in (case, higher))
    assert (other - one == 3).all()


def test_networks_remember_the_phrases_before(songs: dict[str, Song], networks: FrameworkNetworks) -> None:
    case = case_of(songs["003"])
    drawer = UnguidedNetworks(networks, NGramSampler.fit([song_phrases(case.song)]))
    drawn_song(case, drawer, 0)
    assert [len(drawer.done[task]) for task in TASKS] == [3, 3, 3]
    assert [features.letter for features, _ in drawer.done["basic"]] == ["A", "A", "B"]


def test_a_copied_song_is_found_out(songs: dict[str, Song]) -> None:
    case = case_of(songs["001"], "001")
    notes = len(case.song.parts[0].notes)
    copied = song_figures([case], [[case.song.transpose(2)]], [songs["002"], case.song])
    assert copied["copied_run"] == copied["copied_run_worst"] == notes and copied["copied_run_over_limit"] == 1
    assert song_figures([case], [[case.song]], [songs["002"]])["copied_run"] < notes
    assert copied["same_letter_agreement"] == 1 and copied["same_letter_agreement_cases"] == 1


def test_notes_are_seen_alike_in_every_key(songs: dict[str, Song]) -> None:
    one, other = case_of(songs["001"]), case_of(songs["001"].transpose(-2))
    for a, b in zip(measured_phrases(one.grid()), measured_phrases(other.grid()), strict=True):
        rows = note_rows(one.grid(), a)
        assert (rows == note_rows(other.grid(), b)).all()
        assert rows.min() >= 1 and (rows < np.array(list(COLUMNS.values()))).all()


def test_a_network_finds_what_differs_and_needs_that_column() -> None:
    rng = np.random.default_rng(0)
    phrases = [rng.integers(1, 9, (12, len(COLUMNS))) for _ in range(120)]
    kind = np.arange(120) % 2 == 0
    for rows, generated in zip(phrases, kind, strict=True):
        rows[:, 1] = rng.integers(1, 4, 12) if generated else rng.integers(6, 9, 12)
    network = fit_recognition(phrases[:80], kind[:80])
    right = (recognition_scores(network, phrases[80:]) > 0) == kind[80:]
    assert right.mean() > 0.9
    blind = (recognition_scores(network, without_column(phrases[80:], 1)) > 0) == kind[80:]
    assert blind.mean() < 0.8 < right.mean()
    again = recognition_scores(fit_recognition(phrases[:80], kind[:80]), phrases[80:])
    assert (again == recognition_scores(network, phrases[80:])).all()


def test_phrases_belong_to_their_songs(songs: dict[str, Song]) -> None:
    cases = [case_of(songs[id], id) for id in ("001", "002")]
    found = phrases_of(cases, [[case.song, case.song] for case in cases])
    assert found.case.tolist() == [0] * 6 + [1] * 6
    assert found.melody.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert len(found.notes) == len(found.features) == 12


def test_songs_are_measured_side_by_side(songs: dict[str, Song], networks: FrameworkNetworks) -> None:
    training = {id: songs[id] for id in ("001", "002")}
    made = makers(networks, build_tables(training.values()), [song_phrases(song) for song in training.values()])
    calls: list[tuple[int, int]] = []
    result = evaluate_songs(made, {"003": songs["003"]}, training, 1, lambda *at: calls.append(at))
    assert tuple(result) == ("human", *KINDS) and calls == [(n, 6) for n in range(1, 7)]
    for name in KINDS:
        told = result[name]["recognition"]
        assert told["features"]["human"] == told["features"]["generated"] == 3
        assert told["features"]["songs"]["cases"] == 1
        assert {column for column, _ in told["network"]["keys_on"]} == set(COLUMNS)
        assert told["network_without_lengths"]["human"] == told["network"]["human"]
    assert "recognition" not in evaluate_songs(made, {"003": songs["003"]}, {}, 1)["ngram"]
