"""The measurements of discovery and of search: their parts on data that a test can hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ritornello.datasets.bps_motif import BpsMotif
from ritornello.datasets.jku_pdd import PIECES, JkuPdd
from ritornello.errors import UnsuitableSongError
from ritornello.motifs.evaluate_discovery import ABLATIONS, evaluate_bps_patterns, evaluate_jku
from ritornello.motifs.evaluate_search import KINDS, evaluate_search, plant, song_of, vary
from ritornello.motifs.index import MotifIndex

from .motif_pack import write_bps
from .tunes import motif_line, random_song

THEME = [(0.0, 60, 60), (1.0, 64, 62), (1.5, 67, 64), (2.0, 65, 63), (3.0, 62, 61), (3.5, 64, 62)]


def test_what_is_marked_and_found_scores_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for piece in PIECES:
        places = [(0.0, 0), (16.0, 0), (40.0, 0)]
        notes = [(on + at, pitch, step, 0.5, 0) for at, _ in places for on, pitch, step in THEME]
        notes += [(8 + 3.3 * k, int(rng.integers(30, 50)), int(rng.integers(20, 40)), 1, 1) for k in range(8)]
        (tmp_path / piece / "polyphonic" / "csv").mkdir(parents=True)
        rows = "\n".join(", ".join(map(str, row)) for row in notes)
        (tmp_path / piece / "polyphonic" / "csv" / "piece.csv").write_text(rows)
        folder = tmp_path / piece / "polyphonic" / "repeatedPatterns" / "people" / "A" / "occurrences" / "csv"
        folder.mkdir(parents=True)
        for number, (at, _) in enumerate(places):
            text = "\n".join(f"{on + at}, {pitch}" for on, pitch, _ in THEME)
            (folder / f"occ{number}.csv").write_text(text)
    result = evaluate_jku(JkuPdd(tmp_path))
    assert result["establishment_f1"] == pytest.approx(1) and result["three_layer_f1"] == pytest.approx(1)
    assert set(result["systems"]) == set(ABLATIONS) and set(result["per_piece"]) == set(PIECES)
    assert result["chosen_on_the_other_four"]["occurrence_f1_75"] == pytest.approx(1)


def test_motifs_of_sonatas_are_compared_in_the_time_of_the_notes(tmp_path: Path) -> None:
    result = evaluate_bps_patterns(BpsMotif(write_bps(tmp_path)))
    assert result["movements"] == 1 and result["establishment_f1"] > 0.4
    low, high = result["interval_95"]["establishment_f1"]
    assert low <= result["establishment_f1"] <= high


@pytest.fixture(scope="module")
def index() -> MotifIndex:
    return MotifIndex.of_songs([(f"{k}", random_song(k, 24)) for k in range(62)])


@pytest.mark.parametrize("kind", KINDS)
def test_variations_change_what_they_say(kind: str) -> None:
    motif = motif_line()
    if kind == "twice as fast":
        assert vary(motif, kind, np.random.default_rng(1)) is None  # it has odd ticks
        motif = dataclasses.replace(motif, onset=2 * motif.onset)
    onset, pitch = vary(motif, kind, np.random.default_rng(1))
    assert onset[0] == 0 and (np.diff(onset) > 0).all()
    steps, own = np.diff(pitch), np.diff(motif.pitch)
    if kind == "inverted":
        assert (steps == -own).all()
    elif kind.startswith("twice"):
        assert (steps == own).all() and onset[-1] == motif.onset[-1] * (2 if kind.endswith("slow") else 0.5)
    elif kind == "one note changed":
        assert np.count_nonzero(steps != own) == 2
    else:
        assert len(pitch) - len(motif) == (1 if kind == "one ornament" else -1)


def test_planted_variations_stand_where_it_is_said(index: MotifIndex) -> None:
    changed, made = plant(index, 6, seed=3)
    assert {one.kind for one in made} == set(KINDS)
    for one in made:
        line = changed.line(one.target, [part for _, part in changed.songs[one.target].lines].index(0))
        other = changed.line(one.target, 1)
        assert any(one.start in part.onset and one.end in part.onset for part in (line, other))
        assert one.source != one.target
    untouched = next(n for n in range(62) if n not in {one.target for one in made})
    for part, same in zip(song_of(index, untouched).parts, song_of(changed, untouched).parts, strict=True):
        assert np.array_equal(part.notes, same.notes)


def test_search_is_measured(index: MotifIndex) -> None:
    result = evaluate_search(index, planted=6, windows=6)
    assert result["planted"] == 6 and result["recall_at_10"]["value"] >= 0.8 and result["random_windows"] == 6
    assert 0 <= result["p_below_05"]["value"] <= 0.5 and result["query_cpu_seconds"] > 0
    with pytest.raises(UnsuitableSongError, match="at least 60"):
        evaluate_search(MotifIndex.of_songs([("0", random_song(0))]))
