"""`ritornello data`: check a data set, or make it into the token shards that training reads."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, as_table, progress_bar
from ritornello.errors import ArgumentError

app = cyclopts.App(name="data", help="Check a data set and count what is in it, or make it into tokens.")


@app.default
def check(path: Path, /, *, common: Common = DEFAULTS) -> Outcome:
    """Check a data set in the layout of the POP909 pack and count what is in it.

    Examples:
      ritornello data pop909.zip

    Args:
        path: Folder or zip of the data set.
    """
    from ritornello.datasets import Pop909
    from ritornello.datasets.pop909_check import check as count

    dataset = Pop909(path)
    with progress_bar("Reading", common) as progress:
        counts = count(dataset, progress)
    problems = [f"problem  {line}" for line in counts["problems"]]
    return Outcome("\n".join([as_table({**counts, "problems": len(problems)}), *problems]), counts)


@app.command
def tokenize(
    path: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    workers: Whole | None = None,
    engine: Literal["local", "ray"] = "local",
    mode: Literal["ours", "paper"] = "ours",
    official_split: Path | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Make a folder or zip of MIDI files into the token shards that Museformer trains on.

    Every song in 4/4 is arranged for melody, drums, bass, guitar, piano and strings and moved to C major or A minor.
    The split into train, validation and test follows from each file's bytes. The shards are the same bytes for any
    number of workers.

    Examples:
      ritornello data tokenize band-midi.zip -o tokens --workers 4
      ritornello data tokenize band-midi.zip -o tokens --mode paper --official-split museformer-official-split.tsv

    Args:
        path: Folder or zip of MIDI files.
        out: Folder to write the shards and their manifest.json into.
        workers: Number of processes; as many as there are cores if not given.
        engine: local processes, or Ray Data on a cluster (needs the extra `ray`).
        mode: ours takes every song in 4/4; paper applies the filters of the Museformer paper.
        official_split: Table of the paper's own split (columns md5 and split); its validation and test files are kept
            out of training.
        force: Replace the files of an existing folder.
    """
    from ritornello.datasets.band_midi import BandMidi, official_held_out
    from ritornello.museformer.corpus import tokenize as write

    dataset = BandMidi(path)
    keep_out = official_held_out(official_split) if official_split is not None else frozenset()
    count = workers if workers is not None else os.cpu_count() or 1
    with progress_bar("Reading", common) as progress:
        manifest = write(
            dataset, out, workers=count, engine=engine, mode=mode, keep_out=keep_out, force=force, progress=progress
        )
    found = {key: manifest[key] for key in ("vocabulary", "settings", "splits", "left_out")}
    return Outcome(_summary(out, manifest), {"out": str(out), "shards": len(manifest["shards"]), **found})


@app.command(name="compressor-pairs")
def compressor_pairs(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    minutes: float = 20.0,
    seconds: float = 20.0,
    songs: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="")] = (),
    seed: Whole = 0,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Write training pairs of the simulated levelling amplifier, in the layout of SignalTrain.

    Examples:
      ritornello data compressor-pairs -o pairs --minutes 60
      ritornello data compressor-pairs -o pairs --minutes 60 --songs song.wav out/song.wav

    Args:
        out: Folder to write Train, Val and Test into.
        minutes: Audio in all.
        seconds: Length of a pair.
        songs: Recordings or rendered songs at 44.1 kHz to cut half of the excerpts from.
        seed: Of sounds and settings.
        force: Replace the files of an existing folder.
    """
    if not 0.1 <= minutes <= 10_000 or not 1 <= seconds <= 1800 or seed < 0:
        raise ArgumentError("--minutes goes from 0.1 to 10000, --seconds from 1 to 1800, --seed from 0 on")
    from ritornello.compressor.data import write_pairs
    from ritornello.sound import read_audio

    given = [read_audio(song) for song in songs]
    with progress_bar("Simulating", common) as progress:
        counts = write_pairs(out, minutes, seconds, seed, given, force, progress)
    text = ", ".join(f"{count} {split}" for split, count in counts.items())
    return Outcome(f"{out}: {text} pairs of {seconds:g} s", {"out": str(out), "pairs": counts, "seconds": seconds})


def _summary(out: Path, manifest: dict[str, Any]) -> str:
    lines = [f"{out}: {len(manifest['records'])} songs"]
    for split, sums in manifest["splits"].items():
        lines.append(f"{split:<12}{sums['records']:>8,} songs{sums['bars']:>11,} bars{sums['tokens']:>13,} tokens")
    # A reason begins with its file's name, or ends with the song it is a copy of.
    reasons = Counter(_without_names(entry) for entry in manifest["left_out"])
    lines += [f"left out {count:>5,}  {reason}" for reason, count in reasons.most_common()]
    return "\n".join(lines)


def _without_names(entry: dict[str, str]) -> str:
    if entry["reason"].startswith("a duplicate of"):
        return "a duplicate of another song"
    return entry["reason"].removeprefix(entry["id"]).lstrip(": ")
