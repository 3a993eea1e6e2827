"""`ritornello motifs`: index a folder, search it for a motif and its variations, find the motifs of a song."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, progress_bar
from ritornello.app.inputs import check_output, check_output_file, check_seed, read_song
from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_bytes, read_json_object, result_folder
from ritornello.score.reading import SUFFIXES

if TYPE_CHECKING:
    from ritornello.motifs.align import Weights
    from ritornello.motifs.index import MotifIndex
    from ritornello.motifs.query import Query

app = cyclopts.App(name="motifs", help="Find the motifs of a song, and a motif with its variations anywhere.")

_SKIPPED_SHOWN = 5
_RESULT_FILE = re.compile(r"(query|hit-\d+|motif-\w+)\.mid|(query|hits|motifs)\.json")


@app.command
def index(
    folder: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    add: Annotated[bool, Parameter(negative="")] = False,
    workers: Whole | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Make an index of a folder of songs, to search in.

    The index holds the notes too, so hits can be heard without the files. Files that cannot be read, and copies of
    others, are skipped and named.

    Examples:
      ritornello motifs index songs -o songs.index
      ritornello motifs index more-songs -o songs.index --add

    Args:
        folder: A folder with MIDI, MusicXML and ABC files, searched at every depth.
        out: The file of the index.
        add: Add to an index that is there; what is in it already is not read again.
        workers: Number of processes; as many as there are cores if not given.
        force: Replace an index that is there.
    """
    if add and force:
        raise ArgumentError("--add and --force contradict each other; leave one out")
    if workers is not None and workers < 1:
        raise ArgumentError(f"--workers {workers} is out of range; give 1 or more")
    check_output_file(out, force or add)
    if out.suffix.lower() in SUFFIXES or _is_query_file(out):
        raise ArgumentError(f"--out {out} is named like a song or a query; name the index otherwise, as songs.index")
    from ritornello.motifs.index import MotifIndex
    from ritornello.motifs.index_store import IndexData

    before = MotifIndex.load(out) if add else MotifIndex(IndexData())
    with progress_bar("Reading", common) as progress:
        made, skipped = before.extended(folder, workers=workers or os.cpu_count() or 1, progress=progress)
    made.save(out)
    added = len(made.songs) - len(before.songs)
    windows = sum(len(anchors) for anchors in made.data.anchors)
    lines = [f"written  {out}", f"songs    {len(made.songs)}, {added} new; {windows} windows of their lines"]
    lines += [f"skipped  {file.name}: {file.reason}" for file in skipped[:_SKIPPED_SHOWN]]
    if len(skipped) > _SKIPPED_SHOWN:
        lines.append(f"skipped  {len(skipped) - _SKIPPED_SHOWN} more; --json names all")
    data = {
        "out": str(out), "songs": len(made.songs), "added": added, "windows": windows,
        "skipped": [{"file": file.name, "reason": file.reason} for file in skipped],
    }  # fmt: skip
    return Outcome("\n".join(lines), data)


@app.command
def search(
    query: Path | None = None,
    /,
    *,
    bars: str | None = None,
    part: str | None = None,
    notes: str | None = None,
    within: Annotated[Path | None, Parameter(name="--in")] = None,
    weights: str | None = None,
    limit: Whole = 20,
    least: float = 0.5,
    retrograde: Annotated[bool, Parameter(negative="")] = False,
    chance: bool = True,
    seed: Whole | None = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    audio: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Find where a motif comes back, also varied, in a song or in an index.

    Variations are: transposed, moved within the scale, inverted, faster or slower, ornamented, with notes left out or
    changed, only its rhythm, only its pitches, a fragment. Every hit has its bars, what happened to the motif, a score,
    and how often chance reaches that score in the same corpus; that needs an index of at least 50 other songs.

    Examples:
      ritornello motifs search song.mid --bars 5-6
      ritornello motifs search song.mid --bars 5.3-7.1 --part melody --in songs.index -o hits
      ritornello motifs search --notes "G4:.5 G4:.5 G4:.5 Eb4:2" --in songs.index --weights pitch=1,rhythm=1,contour=.5
      ritornello motifs search hits/query.json --in songs.index --json

    Args:
        query: The song that holds the motif, or a query.json of an earlier search, which repeats that search.
        bars: The motif's bars, as 5, 5-6 or with beats 5.3-7.1; a pick-up is bar 0. The whole file if not given.
        part: The part that has it: melody, bass, a name, a number, or skyline for the highest notes of all parts. If
            not given the melody where the file names one, else the skyline.
        notes: Typed notes instead of a file: pitch:quarter notes, r for a rest.
        within: An index, or a song; the query's own song if not given.
        weights: How much pitch, rhythm and contour count; pitch=1,rhythm=1,contour=.5 if not given. One that is not
            named does not count.
        limit: Most hits.
        least: Hits with a lower score are left out, 0 to 1.
        retrograde: Look for it backwards too.
        chance: Work out the chance level.
        seed: Of the choice of songs and shuffled motifs behind the chance level.
        out: A folder for page.html (to see and to play), hits.png, hits.json, hits.csv, query.json, and a MIDI file for
            each hit.
        audio: Also a WAV file for each hit.
        force: Replace the files of an earlier result.
    """
    check_seed(seed)
    if (query is None) == (notes is None):
        raise ArgumentError("give a file or --notes, one of the two")
    if notes is not None and (bars is not None or part is not None):
        raise ArgumentError("--notes is the motif itself; leave out --bars and --part")
    if audio and out is None:
        raise ArgumentError("--audio needs a folder to write into; add --out")
    if out is not None and query is not None:
        _check_result_folder(out, query)
    if out is not None and within is not None:
        _check_result_folder(out, within)
    from ritornello.motifs.align import Weights
    from ritornello.motifs.search import search as search_index
    from ritornello.motifs.search_report import result_dict, table_text

    wanted, given = _query(query, bars, part, notes)
    place = within if within is not None else query
    if place is None or _is_query_file(place):
        raise ArgumentError("say where to search: --in INDEX or --in SONG")
    chosen = Weights.parse(weights) if weights is not None else given.weights if given else Weights()
    songs = _index_or_song(place)
    result = search_index(
        songs, wanted, weights=chosen, limit=limit, least_score=least,
        retrograde=retrograde or bool(given and given.retrograde), with_chance=chance,
        seed=seed if seed is not None else given.seed if given else 0,
    )  # fmt: skip
    data, summary = result_dict(result), table_text(result)
    if given and given.corpus != result.corpus_hash:
        summary += "\nnote: the earlier search was in other songs, so its hits may differ"
    if out is not None:
        from ritornello.app.motif_results import write_search

        with result_folder(out, force) as folder, progress_bar("Writing", common) as progress:
            write_search(result, folder, audio=audio, progress=progress)
        summary += f"\nwritten: {out}"
    return Outcome(summary, data)


@app.command
def find(
    song: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    longest: float = 16.0,
    most: Whole = 12,
    least_notes: Whole = 4,
    figures: Annotated[bool, Parameter(negative="")] = False,
    exact: Annotated[bool, Parameter(negative="")] = False,
    segment: Annotated[bool, Parameter(negative="")] = False,
    seed: Whole = 0,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Find the motifs of a song: what comes back, with all its places, as data, pictures, a page to play, and MIDI.

    Examples:
      ritornello motifs find song.mid -o motifs
      ritornello motifs find sonata.musicxml -o sections --longest 0
      ritornello motifs find song.mid --figures --longest 4 --json

    Args:
        song: The song: MIDI, MusicXML (.xml, .musicxml, .mxl) or ABC.
        out: A folder for motifs.json, patterns.txt (as in the MIREX task), motif-roll.png, timeline.png,
            distance-map.png, motif-space.png, page.html, and a MIDI file for each motif; without it nothing is written.
        longest: Longest motif in quarter notes; 0 has no limit and finds repeated sections too.
        most: Most motifs.
        least_notes: Fewest notes of a motif.
        figures: Short figures of single parts, rather than phrases of all that sounds.
        exact: Only exact repeats and transpositions, no varied ones.
        segment: Let each occurrence grow to all notes that sound in its time.
        seed: Of the layout of motif-space.png.
        force: Replace the files of an earlier result.
    """
    check_seed(seed)
    if not 0 <= longest < float("inf"):
        raise ArgumentError(f"--longest {longest:g} is out of range; give quarter notes, or 0 for no limit")
    if out is not None:
        _check_result_folder(out, song)
    given = read_song(song)
    from ritornello.motifs.discovery import FIGURES, DiscoverySettings
    from ritornello.motifs.maps import find_motifs
    from ritornello.motifs.motif_report import motifs_dict, motifs_text

    settings = DiscoverySettings(
        max_beats=longest or None, most=most, fewest=min(3, most), min_notes=least_notes,
        varied_share=1.0 if exact else DiscoverySettings.varied_share, segment=segment,
    )  # fmt: skip
    if figures:
        settings = replace(settings, size_power=FIGURES["size_power"], least_gain=FIGURES["least_gain"])
    with progress_bar("Comparing", common) as progress:
        motifs = find_motifs(given, settings, progress, by_part=figures)
    data, summary = motifs_dict(given, motifs, song.name), motifs_text(motifs)
    if out is not None:
        from ritornello.app.motif_results import write_motifs

        with result_folder(out, force) as folder:
            write_motifs(given, motifs, folder, data, name=song.stem, seed=seed)
        summary += f"\nwritten: {out}"
    return Outcome(summary, data)


def _check_result_folder(out: Path, source: Path) -> None:
    """Refuse a result folder that would replace its own input, also a file of an earlier result."""
    check_output(out, source)
    if os.path.realpath(out) == os.path.realpath(source.parent) and _RESULT_FILE.fullmatch(source.name.lower()):
        raise ArgumentError(f"--out {out} would overwrite the input {source}; choose another place")


class _Given:
    """What an earlier search's query file says besides the query."""

    def __init__(self, weights: Weights, retrograde: bool, seed: int, corpus: str) -> None:
        self.weights, self.retrograde, self.seed, self.corpus = weights, retrograde, seed, corpus


def _is_query_file(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _query(path: Path | None, bars: str | None, part: str | None, notes: str | None) -> tuple[Query, _Given | None]:
    from ritornello.motifs.query import query_of_song, typed_query
    from ritornello.motifs.search_report import query_of_dict

    if path is None:
        return typed_query(notes or ""), None
    if _is_query_file(path):
        if bars is not None or part is not None:
            raise ArgumentError(f"{path} is a query already; leave out --bars and --part")
        value = read_json_object(path)
        query, weights, retrograde, seed = query_of_dict(value, str(path))
        return query, _Given(weights, retrograde, seed, str(value.get("corpus", "")))
    song = read_song(path)
    digest = hashlib.sha1(read_bytes(path), usedforsecurity=False).hexdigest()
    return query_of_song(song, bars, part, source=path.name, digest=digest), None


def _index_or_song(path: Path) -> MotifIndex:
    """Read an index or, from any other file, a song as an index of its own."""
    from ritornello.motifs.index import MotifIndex

    if path.suffix.lower() in SUFFIXES:
        return MotifIndex.of_songs([(path.name, read_song(path))])
    if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir fails on names that are too long
        raise ReadError(f"{path}: this is a folder; make an index of it with 'ritornello motifs index {path} -o INDEX'")
    return MotifIndex.load(path)
