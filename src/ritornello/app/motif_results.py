"""The result folders of `ritornello motifs`: pages to see and to play, data, pictures, MIDI excerpts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ritornello import __version__
from ritornello.app.console import Progress
from ritornello.files import write_bytes, write_json
from ritornello.motifs.excerpts import hit_excerpt, query_excerpt
from ritornello.motifs.maps import Motif, bar_vectors, motif_distances, motif_of_bars, motif_space
from ritornello.motifs.motif_report import mirex_text, place_text
from ritornello.motifs.search import Hit, SearchResult
from ritornello.motifs.search_report import chance_text, csv_text, query_dict, result_dict
from ritornello.motifs.search_report import place_text as hit_place
from ritornello.score import Part, Song
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.timeline import TICKS_PER_QUARTER
from ritornello.show.alignment_sheet import write_alignment_sheet
from ritornello.show.motif_maps import (
    ShownMotif,
    write_distance_map,
    write_motif_roll,
    write_motif_space,
    write_motif_timeline,
)  # fmt: skip
from ritornello.show.snippet_page import Group, Notes, Row, Snippet, SnippetPage, snippet_page


def write_search(result: SearchResult, folder: Path, *, audio: bool = False, progress: Progress | None = None) -> None:
    """Write `page.html`, `hits.json`, `hits.csv`, `hits.png`, `query.*`, and for each hit a MIDI file (and WAV)."""
    write_json(folder / "hits.json", {"ritornello": __version__, **result_dict(result)})
    write_json(folder / "query.json", query_dict(result))
    write_bytes(folder / "hits.csv", csv_text(result).encode(errors="backslashreplace"))
    page = _search_page(result)
    write_bytes(folder / "page.html", snippet_page(page))
    write_alignment_sheet(page.groups[1].rows, folder / "hits.png", page.title)
    write_bytes(folder / "query.mid", midi_bytes(query_excerpt(result.query)))
    for hit in result.hits:
        excerpt = hit_excerpt(result.index, hit)
        write_bytes(folder / f"hit-{hit.rank:02}.mid", midi_bytes(excerpt))
        if audio:
            from ritornello.sound import render

            render(excerpt).audio.write(folder / f"hit-{hit.rank:02}.wav")
        if progress is not None:
            progress(hit.rank, len(result.hits))


def write_motifs(
    song: Song, motifs: list[Motif], folder: Path, data: dict[str, Any], *, name: str, seed: int = 0
) -> None:
    """Write `motifs.json`, `patterns.txt`, four pictures, `page.html` and one MIDI file for each motif."""
    titled = song if song.title else song.replace(title=name)
    shown = [_shown(motif) for motif in motifs]
    names = [motif.name for motif in motifs]
    owner = motif_of_bars(song, motifs)
    vectors = bar_vectors(song)
    write_json(folder / "motifs.json", {"ritornello": __version__, **data})
    write_bytes(folder / "patterns.txt", mirex_text(song, motifs).encode())
    write_motif_roll(titled, shown, folder / "motif-roll.png")
    write_motif_timeline(titled, shown, folder / "timeline.png")
    distances = motif_distances(vectors, owner, len(motifs))
    write_distance_map(distances, names, folder / "distance-map.png", f"{titled.title}: distance of bars to motifs")
    write_motif_space(
        motif_space(vectors, seed), owner.tolist(), names, folder / "motif-space.png",
        f"{titled.title}: bars near each other are alike",
    )  # fmt: skip
    pictures = {
        "Notes of motifs in their colours": (folder / "motif-roll.png").read_bytes(),
        "Where each motif occurs; varied occurrences are paler": (folder / "timeline.png").read_bytes(),
        "Every dot is a bar": (folder / "motif-space.png").read_bytes(),
    }
    write_bytes(folder / "page.html", snippet_page(_motif_page(titled, motifs, pictures)))
    for motif in motifs:
        write_bytes(folder / f"motif-{motif.name}.mid", midi_bytes(_occurrence_song(titled, motif)))


def _shown(motif: Motif) -> ShownMotif:
    notes = frozenset((part, note) for place in motif.occurrences for part, note in place.notes.tolist())
    return ShownMotif(
        motif.name, [place.span for place in motif.occurrences], notes, [place.exact for place in motif.occurrences]
    )


def _occurrence_song(song: Song, motif: Motif) -> Song:
    """Return the first occurrence of a motif, from tick 0 on, its parts kept apart."""
    place = motif.occurrences[0]
    parts = []
    for index in sorted({part for part, _ in place.notes.tolist()}):
        chosen = [note for part, note in place.notes.tolist() if part == index]
        notes = song.parts[index].notes[chosen].copy()
        notes["onset"] -= place.span[0]
        parts.append(Part(song.parts[index].name, notes, song.parts[index].program))
    tempo = [tempo for tempo in song.tempi if tempo.tick <= place.span[0]][-1]
    return Song(tuple(parts), tempi=(type(tempo)(0, tempo.qpm),), title=f"{song.title}: motif {motif.name}")


def _motif_page(song: Song, motifs: Sequence[Motif], pictures: dict[str, bytes]) -> SnippetPage:
    qpm = song.tempi[0].qpm
    groups = []
    for number, motif in enumerate(motifs):
        rows = []
        for place in motif.occurrences:
            notes = sorted(_quarters(song, part, note) for part, note in place.notes.tolist())
            facts = [] if place.exact else ["varied"]
            rows.append(Row(Snippet(f"bar {place_text(place)}", notes, qpm), facts=facts))
        counted = f"{len(motif.occurrences[0].notes)} notes, {len(motif.occurrences)} times"
        groups.append(Group(f"Motif {motif.name}", rows, number, counted))
    lead = (
        f"{len(motifs)} motifs in {song.bars} bars. Bars and beats count from 1; in brackets the semitones it moved by."
    )
    return SnippetPage(f"Motifs of {song.title}", lead, groups, pictures)


def _quarters(song: Song, part: int, note: int) -> tuple[float, float, int]:
    row = song.parts[part].notes[note]
    return int(row["onset"]) / TICKS_PER_QUARTER, int(row["duration"]) / TICKS_PER_QUARTER, int(row["pitch"])


def _search_page(result: SearchResult) -> SnippetPage:
    query = result.query
    bars = "bars" if "-" in query.bars else "bar"
    where = f"{bars} {query.bars} of {query.source}" if query.bars else query.source
    rows = [_hit_row(result, hit) for hit in result.hits]
    lead = f"{len(result.hits)} places in {result.songs} songs. {chance_text(result)}."
    groups = [Group("What was looked for", [Row(Snippet(where, _line_notes(query.line)))], 2)]
    return SnippetPage(f"Where the motif returns: {where}", lead, [*groups, Group("Hits", rows, 0)])


def _hit_row(result: SearchResult, hit: Hit) -> Row:
    line = result.query.line
    notes = len(line)
    pairs = [((notes - 1 - note) if hit.form.retrograde else note, place) for note, place in hit.pairs]
    entry = result.index.songs[hit.song]
    qpm = [qpm for tick, qpm in entry.tempi if tick <= int(hit.line.onset[0])][-1]
    label = f"{hit.rank}. {hit.title or hit.name}, {hit.part}, bars {hit_place(hit)}"
    facts = [
        f"score {hit.score.total:.3f}", f"pitch {hit.score.pitch:.2f}", f"rhythm {hit.score.rhythm:.2f}",
        f"contour {hit.score.contour:.2f}",
    ]  # fmt: skip
    if hit.notes_found is not None:
        facts.append(f"{100 * hit.notes_found:.0f} % of all notes")
    if hit.p is not None:
        facts.append(f"p {hit.p:.2g}")
    if hit.is_query:
        facts.append("the query itself")
    upper = Snippet("query", _line_notes(line), qpm)
    return Row(Snippet(label, _line_notes(hit.line), qpm, hit.transformation.text), upper, pairs, facts)


def _line_notes(line: Any) -> Notes:
    columns = (line.onset / TICKS_PER_QUARTER, line.duration / TICKS_PER_QUARTER, line.pitch)
    return [(float(on), float(length), int(pitch)) for on, length, pitch in zip(*columns, strict=True)]
