"""Pages, pictures and reports: whole, safe, repeatable, and saying what was found."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from ritornello.app.motif_results import write_motifs, write_search
from ritornello.errors import ReadError
from ritornello.motifs.align import Weights, score_pairs
from ritornello.motifs.index import MotifIndex
from ritornello.motifs.maps import bar_vectors, find_motifs, motif_distances, motif_of_bars, motif_space
from ritornello.motifs.maps_projection import t_sne
from ritornello.motifs.motif_report import motifs_dict, motifs_text
from ritornello.motifs.query import Query
from ritornello.motifs.search import SearchResult, search
from ritornello.motifs.search_report import csv_text, query_dict, query_of_dict, result_dict, table_text
from ritornello.score import Song, read
from ritornello.show.snippet_page import Group, Row, Snippet, SnippetPage, snippet_page

from .tunes import MOTIF_ONSET, MOTIF_PITCH, motif_line, random_song

EVIL = "</script><script>alert(1)</script>%style%"


@pytest.fixture(scope="module")
def result() -> SearchResult:
    planted = [("here", random_song(1, 12, (MOTIF_ONSET, MOTIF_PITCH - 5))), ("there", random_song(2, 12))]
    line = motif_line()
    query = Query(line, np.stack([line.onset, line.duration, line.pitch]))
    return search(MotifIndex.of_songs(planted), query, retrograde=True)


@pytest.fixture(scope="module")
def song() -> Song:
    return read(Path(__file__).parents[2] / "examples" / "auld-lang-syne.mid")


def content_of(page: bytes) -> dict:
    found = re.search(rb'<script type="application/json" id="content">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_a_page_runs_its_own_script_and_no_other() -> None:
    page = snippet_page(SnippetPage(EVIL, EVIL, [Group(EVIL, [Row(Snippet(EVIL, [(0, 1, 60)]))])]))
    assert content_of(page)["title"] == EVIL and content_of(page)["groups"][0]["heading"] == EVIL
    assert page.count(b"<script") == 2 and b"http-equiv" in page and b"default-src 'none'" in page
    script = re.findall(rb"<script>(.*?)</script>", page, re.S)[0]
    digest = base64.b64encode(hashlib.sha256(script).digest())
    assert b"'sha256-" + digest + b"'" in page
    assert b"http:" not in page.replace(b"http://www.w3.org/2000/svg", b"")


def test_a_search_page_shows_each_hit_under_the_query(result: SearchResult, tmp_path: Path) -> None:
    write_search(result, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"page.html", "hits.json", "hits.csv", "hits.png", "query.json", "query.mid", "hit-01.mid"} <= names
    rows = content_of((tmp_path / "page.html").read_bytes())["groups"][1]["rows"]
    assert len(rows) == len(result.hits)
    first = rows[0]
    assert first["lower"]["detail"] == "down 5 semitones" and "score 1.000" in first["facts"]
    for upper, lower in first["pairs"]:
        assert first["upper"]["notes"][upper][2] - 5 == first["lower"]["notes"][lower][2]
    for row, hit in zip(rows, result.hits, strict=True):
        assert len(row["pairs"]) == len(hit.pairs)
        assert max(pair[0] for pair in row["pairs"]) < len(row["upper"]["notes"])


def test_excerpts_are_the_hits_notes(result: SearchResult, tmp_path: Path) -> None:
    write_search(result, tmp_path)
    notes = read(tmp_path / "hit-01.mid").parts[0].notes
    assert notes["pitch"].tolist() == (MOTIF_PITCH - 5).tolist()
    assert notes["onset"].tolist() == MOTIF_ONSET.tolist()


def test_scores_can_be_computed_again_from_the_json(result: SearchResult) -> None:
    query, line = result.query.line, json.loads(json.dumps(result_dict(result)))
    for hit in line["hits"]:
        onset, pitch = query.onset.astype(float), query.pitch.astype(float)
        if hit["retrograde"]:
            onset, pitch = onset[-1] - onset[::-1], pitch[::-1]
        onset, pitch = onset * hit["stretch"], -pitch if hit["inverted"] else pitch
        notes = np.array(hit["notes"])
        pairs = tuple((pair["query_note"], pair["hit_note"]) for pair in hit["pairs"])
        score = score_pairs(onset, pitch, notes[:, 0], notes[:, 2], pairs, Weights())
        assert score.total == pytest.approx(hit["score"], abs=1e-6)


def test_tables_name_every_hit(result: SearchResult) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(result))))
    assert [int(row["rank"]) for row in rows] == [hit.rank for hit in result.hits]
    assert rows[0]["song"] == "here" and rows[0]["variation"] == "down 5 semitones" and rows[0]["p"] == ""
    assert "down 5 semitones" in table_text(result) and "no chance level" in table_text(result)


def test_a_query_file_repeats_the_search(result: SearchResult) -> None:
    query, weights, retrograde, seed = query_of_dict(json.loads(json.dumps(query_dict(result))), "query.json")
    again = search(result.index, query, weights=weights, retrograde=retrograde, seed=seed)
    assert result_dict(again)["hits"] == result_dict(result)["hits"]
    for key, value in (("format", "x"), ("line", [[0], [1], [60]]), ("weights", {}), ("notes", [[0], [1], [600]])):
        with pytest.raises(ReadError, match="not a query file"):
            query_of_dict({**query_dict(result), key: value}, "query.json")


def test_motifs_are_told_shown_and_the_same_bytes(song: Song, tmp_path: Path) -> None:
    motifs = find_motifs(song)
    assert motifs[0].name == "A" and len(motifs[0].occurrences) == 3
    data = motifs_dict(song, motifs, "song.mid")
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        write_motifs(song, motifs, tmp_path / folder, data, name="song")
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name
    mirex = (tmp_path / "one" / "patterns.txt").read_text()
    assert mirex.startswith("pattern1\noccurrence1\n") and mirex.count("pattern") == len(motifs)
    page = content_of((tmp_path / "one" / "page.html").read_bytes())
    assert len(page["groups"]) == len(motifs) and len(page["pictures"]) == 3
    assert motifs_text(motifs).splitlines()[0].startswith("A ")
    excerpt = read(tmp_path / "one" / "motif-A.mid")
    assert sum(len(part.notes) for part in excerpt.parts) == len(motifs[0].occurrences[0].notes)


def test_songs_without_motifs_are_drawn_too(tmp_path: Path) -> None:
    song = random_song(5, bars=4)
    write_motifs(song, [], tmp_path, motifs_dict(song, [], "x"), name="x")
    assert (tmp_path / "timeline.png").stat().st_size > 1000
    assert "nothing comes back" in motifs_text([])


def test_bars_know_their_motif_and_are_near_it(song: Song) -> None:
    motifs = find_motifs(song)
    owner, vectors = motif_of_bars(song, motifs), bar_vectors(song)
    assert len(owner) == song.bars and owner[12] == 0 and owner[-1] == -1
    distances = motif_distances(vectors, owner, len(motifs))
    nearest = np.nanargmin(distances, axis=1)
    assert np.mean(nearest[owner >= 0] == owner[owner >= 0]) > 0.7
    assert motif_space(vectors).shape == (song.bars, 2)


def test_the_plane_keeps_groups_apart() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(3), 12)
    data = 8 * np.eye(3)[groups] @ rng.standard_normal((3, 20)) + 0.3 * rng.standard_normal((36, 20))
    plane = t_sne(data, seed=1)
    distances = np.linalg.norm(plane[:, None] - plane, axis=2) + 1e9 * np.eye(36)
    assert (groups[distances.argmin(axis=1)] == groups).all()
    assert np.array_equal(plane, t_sne(data, seed=1))
    assert t_sne(data[:2]).shape == (2, 2) and t_sne(np.zeros((0, 4))).shape == (0, 2)
