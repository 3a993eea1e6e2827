"""Figures that can be checked by hand, and pieces that are kept: on invented songs and networks of random weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.evaluation.perplexity import perplexity_at
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import make_sequence
from ritornello.museformer.config import SIZES
from ritornello.museformer.evaluate import EvaluationSettings, evaluate_museformer
from ritornello.museformer.measuring.likelihood import song_nll, songs_nll, validation
from ritornello.museformer.measuring.measures import (
    Reference,
    copied_report,
    count_grammar_errors,
    count_midi_errors,
    metrics_report,
    plan_report,
    similarity_report,
)
from ritornello.museformer.measuring.pieces import (
    PieceSettings,
    make_pieces,
    open_folder,
    read_piece,
    read_pieces,
    save_piece,
    write_pieces,
)
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.pretrained import save_network
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import TokenSong, decode
from ritornello.museformer.tokens.note_bars import TokenBars, note_bars, open_tokens, songs_of
from ritornello.museformer.writing.plan import Plan
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.song import Song
from ritornello.training.shards import Record, write_shards

from .token_songs import bar, random_bars

TINY = SIZES["tiny"]


def network(seed: int = 0, variant: str = "museformer") -> MuseformerNetwork:
    torch.manual_seed(seed)
    return MuseformerNetwork(TINY.as_variant(variant)).eval()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two networks of random weights in one folder each."""
    folder = tmp_path_factory.mktemp("weights")
    for seed in range(2):
        save_network(network(seed), folder / f"tiny-{seed}", half=False)
    return [str(folder / f"tiny-{seed}") for seed in range(2)]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five songs to train on and three to test on."""
    folder = tmp_path_factory.mktemp("tokens")
    rng = np.random.default_rng(1)
    records = []
    for number in range(8):
        bars = random_bars(rng, 4 + number) * 9  # so that bars come back
        split = "train" if number < 5 else "test"
        lengths = np.array([len(tokens) for tokens in bars], np.int32)
        records.append(Record(f"song {number}", split, np.concatenate(bars).astype(np.int16), lengths))
    write_shards(folder, records, vocabulary=v.VOCABULARY_NAME, vocabulary_size=v.SIZE)
    return folder


def test_a_network_that_knows_nothing_has_the_perplexity_of_the_vocabulary() -> None:
    ignorant = network()
    torch.nn.init.zeros_(ignorant.output.weight)
    songs = [random_bars(np.random.default_rng(seed), 30) for seed in range(3)]
    nlls = [song_nll(ignorant, TINY, bars) for bars in songs]
    assert [len(nll) for nll in nlls] == [sum(map(len, bars)) + 1 for bars in songs]  # every token, and </s>
    found = perplexity_at(nlls, (100, 10_240))
    for length in (100, 10_240):
        assert found[length].value == pytest.approx(560, rel=1e-6)
    measured = validation(songs, TINY, lengths=(100,), precision="fp32")(ignorant)
    assert measured["perplexity_100"] == pytest.approx(560, rel=1e-6)
    assert ignorant.training  # it goes on learning


@pytest.mark.parametrize("variant", ["museformer", "no_coarse", "no_selection", "full"])
def test_likelihoods_are_those_of_the_reference_pass_in_the_order_of_the_tokens(variant: str) -> None:
    model = network(3, variant)
    bars = random_bars(np.random.default_rng(2), 12)
    sequence = make_sequence(bars, offsets=model.config.offsets)
    with torch.no_grad():
        logits = model(Packed((sequence,), model.config.has_summaries), path="dense")
    tokens = [*np.concatenate(bars).tolist(), v.END]
    expected = [-torch.log_softmax(row, 0)[token].item() for row, token in zip(logits, tokens, strict=True)]
    np.testing.assert_allclose(song_nll(model, model.config, bars), expected, rtol=1e-4, atol=1e-4)


def test_what_comes_after_the_last_predicted_token_does_not_count() -> None:
    model = network()
    bars = random_bars(np.random.default_rng(4), 20)
    whole = song_nll(model, TINY, bars)
    for length in (1, 2, 50, len(whole) - 1, len(whole), 10_000):
        cut = song_nll(model, TINY, bars, length)
        assert len(cut) == min(length, len(whole))
        np.testing.assert_allclose(cut, whole[:length], rtol=1e-4, atol=1e-5)


def test_one_worker_and_two_measure_the_same(checkpoints: list[str]) -> None:
    songs = [random_bars(np.random.default_rng(seed), 6) for seed in range(9)]
    alone = songs_nll(checkpoints[0], songs)
    together = songs_nll(checkpoints[0], songs, workers=2)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_notes_stand_in_the_bars_of_their_tokens() -> None:
    empty = bar()
    piece = [bar((0, 60, 12)), empty, bar((12, 64, 48), (12, 60, 3)), empty]  # d-48 rings on for bars
    notes = note_bars(piece)
    assert [len(each) for each in notes] == [1, 0, 2, 0]
    assert notes[0].tolist() == [[0, 60, 12, 4]]  # the piano
    assert note_bars([]) == []


def test_similarity_of_songs_to_themselves_is_without_error() -> None:
    songs = [note_bars(random_bars(np.random.default_rng(seed), 60)) for seed in range(6)]
    reference = Reference.of(songs, "invented")
    report = similarity_report(songs[:5], reference)
    assert report["similarity_error_all_low"] == 0  # chance alone explains it
    assert report["similarity_error_all"] <= report["similarity_error_all_high"]
    assert similarity_report(songs, reference)["similarity_error_all"] == 0
    assert similarity_report(songs, reference)["noise_floor_all"] is None  # no other songs are left to compare with
    assert report["similarity_error"] is None  # nobody plays a melody


def test_short_pieces_have_no_similarity_error() -> None:
    reference = Reference.of([note_bars(random_bars(np.random.default_rng(9), 60))] * 3, "invented")
    report = similarity_report([note_bars(random_bars(np.random.default_rng(3), 40))], reference)
    assert report["similarity_error_all"] is None
    assert report["similarity_pieces_of_all_distances"] == 0


def test_a_reference_comes_back_from_its_file(tmp_path: Path) -> None:
    reference = Reference.of([note_bars(random_bars(np.random.default_rng(n), 50)) for n in range(3)], "invented")
    reference.save(tmp_path / "reference.npz")
    again = Reference.read(tmp_path / "reference.npz")
    assert (again.songs, again.source) == (3, "invented")
    np.testing.assert_allclose(again.totals["all"].similarity, reference.totals["all"].similarity, rtol=1e-6)
    np.testing.assert_array_equal(again.totals["all"].pairs, reference.totals["all"].pairs)
    (tmp_path / "other.npz").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(ReadError, match=r"other\.npz"):
        Reference.read(tmp_path / "other.npz")


def test_the_stored_reference_has_the_published_curves() -> None:
    reference = Reference.read()
    lags = np.array([1, 2, 3, 4, 8, 16, 32]) - 1
    for tracks, published in (
        ("melody", [7.2, 10.4, 4.9, 13.8, 12.9, 11.8, 12.7]),
        ("all", [22.8, 25.6, 19.2, 27.8, 25.2, 22.8, 23.0]),
    ):
        curve = 100 * reference.totals[tracks].curve()[lags]  # type: ignore[index]
        np.testing.assert_allclose(curve, published, atol=0.3)


def test_plan_following_is_what_planned_bars_share_beyond_unplanned_ones() -> None:
    theme, other = bar((0, 60, 12), (24, 64, 12)), bar((0, 60, 12), (24, 65, 12))
    follows, does_not = [theme, other, theme, other], [theme, other, other, theme]
    report = plan_report([note_bars(follows)] * 3, [note_bars(does_not)] * 3, Plan.parse("A2 A2"))
    assert report is not None
    # Planned: 1 and 1; unplanned: one note of three in both pairs.
    np.testing.assert_allclose(report["planned"], [1, 1, 1])
    np.testing.assert_allclose(report["unplanned"], [1 / 3] * 3)
    np.testing.assert_allclose(report["difference"], [2 / 3] * 3)
    assert plan_report([note_bars([theme])], [note_bars(follows)], Plan.parse("A2 A2")) is None  # too short


def test_copied_runs_and_figures_stand_beside_those_of_real_songs() -> None:
    def tune(seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        bars = [bar(*[(onset, int(rng.integers(50, 80)), 6) for onset in range(0, 48, 6)]) for _ in range(8)]
        return [np.where(tokens == v.INSTRUMENT0, v.FAMILY_TOKENS[0], tokens) for tokens in bars]

    training, held_out = [note_bars(tune(n)) for n in range(3)], [note_bars(tune(7))]
    report = copied_report([training[1], note_bars(tune(8))], held_out, training)
    assert report["generated_max"] == 64  # every note of the copied tune
    assert report["real_max"] < 8
    figures = metrics_report([training[0]], held_out)
    assert figures["notes_per_bar"]["generated"][0] == figures["notes_per_bar"]["real"][0] == 8
    assert figures["melody_bars"]["generated"] == [1, 1, 1]


def test_errors_are_counted_and_midi_gives_the_tokens_back() -> None:
    good = random_bars(np.random.default_rng(0), 10)
    broken = [np.delete(good[0], 0), *good[1:]]
    assert count_grammar_errors([good]) == 0
    assert count_grammar_errors([good, broken]) == 1
    assert count_midi_errors([good, [bar()]]) == 0


def test_a_midi_file_that_lost_a_note_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(song: Song) -> bytes:
        parts = (part.with_notes(part.notes[:-1]) for part in song.parts)
        return midi_bytes(song.replace(parts=tuple(parts)))

    monkeypatch.setattr("ritornello.museformer.measuring.measures.midi_bytes", forgetful)
    piece = [bar((0, 60, 12), (12, 64, 12)), bar((0, 62, 24))]
    assert count_midi_errors([piece, [bar()]]) == 1


def test_pieces_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    asked: list[list[int]] = []

    def make(numbers: Sequence[int]) -> Iterator[tuple[int, TokenBars]]:
        asked.append(list(numbers))
        for number in numbers:
            if len(asked) == 1 and number == 2:
                raise KeyboardInterrupt
            yield number, (bar((number, 60, 12)).astype(np.int16),)

    with pytest.raises(KeyboardInterrupt):
        make_pieces(4, make, tmp_path)
    pieces = make_pieces(4, make, tmp_path)
    assert asked == [[0, 1, 2, 3], [2, 3]]
    assert [int(bars[0][1]) - v.ONSET0 for bars in pieces] == [0, 1, 2, 3]
    assert [[tokens.tolist() for tokens in bars] for bars in read_pieces(tmp_path, 2)] == [
        [tokens.tolist() for tokens in bars] for bars in pieces[:2]
    ]
    assert make_pieces(2, make, tmp_path, "planned")[1][0].tolist() == pieces[1][0].tolist()


def test_a_folder_of_pieces_has_one_kind_of_settings(tmp_path: Path) -> None:
    settings = PieceSettings("model", "abc", 0, 500, 100, "A8 A8")
    open_folder(tmp_path / "pieces", settings)
    open_folder(tmp_path / "pieces", PieceSettings("the same", "abc", 0, 500, 100, "A8 A8"))
    with pytest.raises(ArgumentError, match="seed 0, not 1"):
        open_folder(tmp_path / "pieces", PieceSettings("model", "abc", 1, 500, 100, "A8 A8"))
    with pytest.raises(ArgumentError, match=r"made with temperature 1\.0, not 0\.9"):
        open_folder(tmp_path / "pieces", dataclasses.replace(settings, temperature=0.9))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(WriteError, match="no folder of pieces"):
        open_folder(tmp_path / "other", settings)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_piece_comes_back_from_its_file(tmp_path: Path, count: int) -> None:
    bars = [bar((n, 60, 12)).astype(np.int16) for n in range(count)]
    save_piece(tmp_path / "piece-0000.npz", bars)
    assert [tokens.tolist() for tokens in read_piece(tmp_path / "piece-0000.npz")] == [each.tolist() for each in bars]
    (tmp_path / "piece-0000.npz").write_bytes(b"cut")
    with pytest.raises(ReadError, match="damaged"):
        read_piece(tmp_path / "piece-0000.npz")


def test_midi_files_are_pieces(tmp_path: Path) -> None:
    bars = [bar((0, 60, 12), (12, 64, 12)), bar((0, 62, 24))]
    for name in ("b", "a"):
        song = decode(TokenSong(tuple(tokens.astype(np.int16) for tokens in bars)))
        (tmp_path / f"{name}.mid").write_bytes(midi_bytes(song))
    pieces = read_pieces(tmp_path)
    assert [[len(tokens) for tokens in piece] for piece in pieces] == [[len(tokens) for tokens in bars]] * 2


def test_written_pieces_keep_to_their_limits_and_do_not_depend_on_each_other(checkpoints: list[str]) -> None:
    settings = PieceSettings(checkpoints[0], "", 5, 300, 100, "A2 A2")
    together = dict(write_pieces(settings, "piece", 1, [0, 1, 2]))
    (alone,) = [bars for _, bars in write_pieces(settings, "piece", 1, [1])]
    assert [tokens.tolist() for tokens in together[1]] == [tokens.tolist() for tokens in alone]
    assert together[0][0].tolist() != together[1][0].tolist()
    assert count_grammar_errors(list(together.values())) == 0
    assert all(100 <= sum(map(len, bars)) < 300 for bars in together.values())
    cold = dict(write_pieces(dataclasses.replace(settings, temperature=0.01), "piece", 1, [0, 1]))
    assert cold[0][0].tolist() != together[0][0].tolist()
    planned = dict(write_pieces(settings, "planned", 1, [0, 1]))
    assert [len(bars) for bars in planned.values()] == [4, 4]


def test_everything_is_measured_and_a_second_run_goes_on(checkpoints: list[str], shards: Path, tmp_path: Path) -> None:
    settings = EvaluationSettings(
        (checkpoints[1], checkpoints[0]), 2, 1_500, 1_000, save_pieces=tmp_path / "pieces", plan="A2 A2"
    )
    labels: list[str] = []

    def stage(label: str) -> AbstractContextManager[None]:
        labels.append(label)
        return nullcontext()

    report = evaluate_museformer(shards, "test", checkpoints[0], settings, stage)
    assert (report["songs"], report["pieces"], report["grammar_errors"], report["midi_errors"]) == (3, 2, 0, 0)
    for length, value in report["perplexity"].items():
        low, high = report["perplexity_interval"][length]
        assert low <= value <= high
    itself = report["baselines"][checkpoints[0]]
    assert itself["perplexity"] == report["perplexity"]
    assert itself["log_difference"]["10240"] == [0, 0, 0]
    other = report["baselines"][checkpoints[1]]
    difference = np.log(report["perplexity"]["10240"] / other["perplexity"]["10240"])
    assert other["log_difference"]["10240"][0] == pytest.approx(difference)
    assert report["similarity_reference"]["songs"] == 5
    assert report["noise_floor_all"] < report["noise_floor_all_high"]
    assert set(report["copied_run"]) == {"generated_mean", "generated_max", "real_mean", "real_max"}
    assert report["plan_following"]["pieces"] == 2
    assert "Making pieces" in labels
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "pieces").iterdir()}
    assert len(files) == 5
    assert evaluate_museformer(shards, "test", checkpoints[0], settings) == report
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "pieces").iterdir()} == files
    read = EvaluationSettings(pieces_from=tmp_path / "pieces", plan="A2 A2")
    assert evaluate_museformer(shards, "test", checkpoints[0], read)["metrics"] == report["metrics"]
    for pieces, found in ((1, 1), (0, None)):
        read = EvaluationSettings(pieces=pieces, pieces_from=tmp_path / "pieces", plan="A2 A2")
        assert evaluate_museformer(shards, "test", checkpoints[0], read).get("pieces") == found


def test_data_without_training_songs_is_compared_with_the_stored_reference(
    checkpoints: list[str], shards: Path, tmp_path: Path
) -> None:
    bars = random_bars(np.random.default_rng(0), 12)
    song = decode(TokenSong(tuple(tokens.astype(np.int16) for tokens in bars)))
    for number in range(40):  # the split follows from a file's bytes: one that is no training song
        data = midi_bytes(song.replace(title=f"song {number}"))
        (tmp_path / "one.mid").write_bytes(data)
        with open_tokens(tmp_path) as opened:
            (split,) = opened.manifest["splits"]
            if split != "train":
                assert [len(song) for song in songs_of(opened, opened.split(split))] == [len(bars)]
                break
    settings = EvaluationSettings(pieces=1, pieces_tokens=60, pieces_min_tokens=20, plan="")
    report = evaluate_museformer(tmp_path, split, checkpoints[0], settings)
    assert report["similarity_reference"]["songs"] > 1_000
    assert "copied_run" not in report
    with_reference = EvaluationSettings(pieces=1, pieces_tokens=60, pieces_min_tokens=20, plan="", reference=shards)
    assert evaluate_museformer(tmp_path, split, checkpoints[0], with_reference)["similarity_reference"]["songs"] == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"pieces": -1},
        {"workers": 0},
        {"limit": 0},
        {"pieces_tokens": 100},
        {"temperature": 0.0},
        {"pieces_from": Path("a"), "save_pieces": Path("b")},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        EvaluationSettings(**wrong)  # type: ignore[arg-type]
