from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ritornello.datasets import Pop909
from ritornello.datasets.pop909_alignment import Alignment, align
from ritornello.evaluation.structure import (
    PlacedForm,
    boundary_scores,
    evaluate_structure,
    exact_match,
    label_agreement,
    place_form,
    score_form,
)
from ritornello.score import Form


def test_exact_match_by_hand() -> None:
    labels = (Form.parse("i4A8B8o3"), Form.parse("i4A8B4B4X3"))
    assert exact_match(Form.parse("i4A8B8o3"), labels, one_bar_rule=False)
    assert not exact_match(Form.parse("i4A8B8o4"), labels, one_bar_rule=False)
    assert exact_match(Form.parse("i4A8B8o4"), labels)
    assert not exact_match(Form.parse("i4A8B8o5"), labels)
    assert not exact_match(Form.parse("i4A9B8o3"), labels)
    assert exact_match(Form.parse("i4A8B8o3X1"), labels)  # a last segment of one bar is dropped
    assert exact_match(Form.parse("i4A8B4B4X4"), labels)


@pytest.mark.parametrize("seed", range(20))
def test_boundary_scores_are_those_of_mir_eval(seed: int) -> None:
    segment = pytest.importorskip("mir_eval.segment")
    rng = np.random.default_rng(seed)
    rows = [np.sort(rng.choice(np.arange(1, 60), size=rng.integers(2, 15), replace=False)) for _ in range(2)]
    intervals = [np.array(list(pairwise([0, *row.tolist(), 60])), dtype=float) for row in rows]
    expected = segment.detection(intervals[1], intervals[0], window=0.01, trim=True)
    assert boundary_scores(rows[0], rows[1]) == pytest.approx(expected, abs=1e-12)


def test_boundary_scores_by_hand() -> None:
    assert boundary_scores([4, 8, 16], [4, 12, 16, 20]) == (2 / 3, 2 / 4, pytest.approx(4 / 7))
    assert boundary_scores([], []) == (1, 1, 1)
    assert boundary_scores([4], []) == boundary_scores([], [4]) == (0, 0, 0)
    assert boundary_scores([4.05, 8.2], [4, 8], tolerance=0.1) == (0.5, 0.5, 0.5)
    assert boundary_scores([4, 4], [4]) == (0.5, 1, pytest.approx(2 / 3))  # each boundary counts once


def test_label_agreement_by_hand() -> None:
    # Pairs: (0,1) same in both, (0,2) same in one, (1,2) same in one.
    assert label_agreement(list("AAA"), list("AAB")) == pytest.approx(1 / 3)
    assert label_agreement(list("AAB"), list("CCD")) == 1
    assert label_agreement(list("A"), list("B")) == 1


def test_a_form_is_scored_against_the_better_label() -> None:
    labels = (Form.parse("A8B8"), Form.parse("A4B4C8"))
    scores = score_form(Form.parse("A4B4C9"), labels)
    assert scores["exact_match"] == 1
    assert scores["exact_match_strict"] == 0
    assert scores["boundary_f1"] == scores["boundary_precision"] == scores["boundary_recall"] == 1


def tiny_alignment(*changes: tuple[int, int], notes: int = 64) -> Alignment:
    onsets = np.arange(notes) * 4
    offsets = np.zeros(notes, dtype=np.int64)
    for start, offset in changes:
        offsets[onsets >= start] = offset
    return Alignment(onsets, offsets, int(offsets[0]), 1.0, 1.0)


@pytest.fixture
def one_song(tmp_path: Path) -> Pop909:
    folder = tmp_path / "structure" / "005"
    folder.mkdir(parents=True)
    (tmp_path / "POP909" / "005").mkdir(parents=True)
    (tmp_path / "POP909" / "005" / "005.mid").write_bytes(b"no MIDI file")
    (folder / "melody.txt").write_text("".join(f"{60 + 7 * i % 13} 4\n" for i in range(64)))
    (folder / "finalized_chord.txt").write_text("C:maj [0, 4, 7] 0 4\n" * 16)
    (folder / "analyzed_key.txt").write_text("C:maj\n")
    (folder / "tempo.txt").write_text("90")
    (folder / "human_label1.txt").write_text("A8A8\n")
    (folder / "human_label2.txt").write_text("A4B4A4B4\n")
    return Pop909(tmp_path)


def test_a_form_on_midi_bars_is_placed_on_the_structure_grid(one_song: Pop909) -> None:
    song = one_song.load("005")
    same = place_form(Form.parse("A4B4C8"), song.song, song, tiny_alignment())
    assert str(same.form) == "A4B4C8"
    # One bar of silence before the structure grid starts.
    late = place_form(Form.parse("i1A4B4C8"), song.song, song, tiny_alignment((0, 16)))
    assert str(late.form) == "A4B4C8"
    # Half a bar before: bar lines of the file stand in the middle of bars, so nothing can match.
    half = place_form(Form.parse("A4B4C8"), song.song, song, tiny_alignment((0, 8)))
    assert half.form is None
    assert half.edges_bars[1:-1] == (3.5, 7.5)
    assert score_form(half, song.labels)["boundary_f1"] == 0
    # Two bars that stand in the file after bar 8 were left out of the structure version.
    cut = place_form(Form.parse("A8x2B8"), song.song, song, tiny_alignment((128, 32)))
    assert str(cut.form) == "A8B8"


def test_protocol_counts_failures_as_wrong_and_leaves_out_what_has_no_reference(one_song: Pop909) -> None:
    def fail(_: object) -> Form:
        raise one_song_error

    from ritornello.errors import UnsuitableSongError

    one_song_error = UnsuitableSongError("no melody")
    report = evaluate_structure(one_song, ["005"], analyse=fail)
    assert report["songs"] == 1
    assert report["exact_match"] == report["boundary_f1"] == 0
    assert report["failed"] == ["005: no melody"]
    assert evaluate_structure(one_song, ["005"], analyse=lambda _: None)["left_out"] == ["005"]
    seen: list[tuple[int, int]] = []
    report = evaluate_structure(
        one_song, ["005"], analyse=lambda _: Form.parse("A8A9"), progress=lambda *step: seen.append(step), rows=True
    )
    assert report["exact_match"] == report["boundary_f1"] == 1
    assert report["exact_match_strict"] == 0
    assert report["rows"][0]["form"] == "A8A9"
    assert seen == [(1, 1)]
    assert 0 <= report["exact_match_interval"][0] <= 1


def test_pack_labels_against_each_other_and_against_rulers(pack: Pop909) -> None:
    equal, between, rulers = 0, [], {4: [], 8: []}
    for id in pack.ids:
        first, second = pack.load(id).labels
        equal += first is not second and first == second
        between.append(boundary_scores(first.starts[1:], second.starts[1:])[2])
        for step, values in rulers.items():
            ruler = range(step, max(first.bars, second.bars), step)
            values.append(max(boundary_scores(ruler, label.starts[1:])[2] for label in (first, second)))
    assert equal == 98
    assert np.mean(between) == pytest.approx(0.819, abs=0.002)
    assert np.mean(rulers[4]) == pytest.approx(0.39, abs=0.01)
    assert np.mean(rulers[8]) == pytest.approx(0.31, abs=0.01)


def test_pack_annotated_songs_reach_their_labels(pack: Pop909) -> None:
    ids = pack.split("train")[:16]
    report = evaluate_structure(pack, ids)
    assert report["songs"] == len(ids)
    assert not report["failed"]
    assert report["exact_match"] >= 0.75  # 16 songs: whole splits are measured by `ritornello evaluate structure`
    assert report["boundary_f1"] >= 0.85


def test_pack_perfect_midi_analysis_would_be_placed_right(pack: Pop909) -> None:
    """An oracle that knows the label on the MIDI file's own bars comes back to the label on the structure grid."""
    placed = 0
    for id in ("001", "002", "003", "624"):
        song = pack.load(id)
        alignment = align(song)
        if not alignment.is_reliable:
            continue
        offset = alignment.constant_offset
        if offset % 16 == 0 and len(alignment.changes) == 1:
            label = song.labels[0]
            shifted = Form.parse(f"i{offset // 16 + label.segments[0].bars}" + "".join(map(str, label.segments[1:])))
            found = place_form(shifted, song.song, song, alignment)
            assert found.form == label or label.segments[0].letter != "i"
            placed += 1
    assert placed


def test_placed_form_of_a_form() -> None:
    assert PlacedForm.of(Form.parse("i4A8")).edges_bars == (0, 4, 12)
