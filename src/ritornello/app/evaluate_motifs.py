"""`ritornello evaluate motifs`: how well motifs are found again, in songs, sonatas and collections."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, as_table, progress_bar
from ritornello.app.inputs import require_networks
from ritornello.errors import ArgumentError


def motifs(
    *,
    data: Path,
    task: Literal["pop909", "bps", "jku", "bps-patterns", "search"] = "pop909",
    music: Path | None = None,
    checkpoint: str = "motifs-pop909",
    build: Literal["bar", "paper", "grid"] | None = None,
    split: Literal["validation", "train", "held_out", "all"] | None = None,
    notes: Literal["motif", "all"] | None = None,
    seed: Whole = 0,
    common: Common = DEFAULTS,
) -> Outcome:
    """Measure how well motifs are found again, ours beside ablations and training-free baselines.

    Examples:
      ritornello evaluate motifs --data pop909-motif-labels.zip --music pop909.zip --task pop909 --json
      ritornello evaluate motifs --data bps-motif.zip --task bps --json
      ritornello evaluate motifs --data jku-pdd.zip --task jku --json
      ritornello evaluate motifs --data songs.index --task search --json

    Args:
        data: Of pop909 the folder or zip of motif labels, or a folder that holds labels and music; of bps the folder or
            zip of BPS-Motif; of jku that of JKU-PDD; of search an index of at least 60 songs.
        task: pop909: bars of pop songs' accompaniments; bps: marked motifs of Beethoven's sonatas; jku and
            bps-patterns: repeated patterns found in pieces of JKU-PDD and in those sonatas; search: planted variations,
            chance level and time of "ritornello motifs search".
        music: Of pop909, the POP909 pack; looked for inside and beside --data if not given.
        checkpoint: The name of a model, or the folder of its weights; "combined" is a training-free one.
        build: Of pop909, how bars are cut: bar (the default) by four beats from the first, paper as the paper's program
            does, grid from true downbeats.
        split: Of pop909, whose songs: the paper's validation (the default) or training songs, those held out of the
            latter, or all.
        notes: Of bps, what is seen: the notes of the motif (the default) or all that sound meanwhile.
        seed: Of intervals and of the random baseline.
    """
    if seed < 0:
        raise ArgumentError(f"--seed {seed} is out of range; give a whole number from 0 on")
    for flag, given, owner in (
        ("--music", music, "pop909"), ("--build", build, "pop909"), ("--split", split, "pop909"),
        ("--notes", notes, "bps"),
    ):  # fmt: skip
        if given is not None and task != owner:
            raise ArgumentError(f"{flag} belongs to --task {owner}; leave it out with --task {task}")
    if task in ("jku", "bps-patterns", "search"):
        return _motifs_without_network(data, task, seed, common)
    if checkpoint != "combined":
        require_networks()
    from ritornello.motifs.evaluate import evaluate_bps, evaluate_pop909
    from ritornello.motifs.pretrained import load_embedder

    embedder = load_embedder(checkpoint)
    with progress_bar("Comparing", common) as progress:
        if task == "bps":
            from ritornello.datasets.bps_motif import BpsMotif

            result = evaluate_bps(BpsMotif(data), embedder, notes=notes or "motif", seed=seed, progress=progress)
        else:
            from ritornello.datasets.pop909_motifs import Pop909Motifs

            result = evaluate_pop909(
                Pop909Motifs(data, music), embedder, build=build or "bar", split=split or "validation", seed=seed,
                progress=progress,
            )  # fmt: skip
    return Outcome(as_table(result), result)


def _motifs_without_network(data: Path, task: str, seed: int, common: Common) -> Outcome:
    """Measure discovery and search, which run no network."""
    with progress_bar("Searching", common) as progress:
        if task == "search":
            from ritornello.motifs.evaluate_search import evaluate_search
            from ritornello.motifs.index import MotifIndex

            result = {"task": task, **evaluate_search(MotifIndex.load(data), seed=seed, progress=progress)}
        elif task == "jku":
            from ritornello.datasets.jku_pdd import JkuPdd
            from ritornello.motifs.evaluate_discovery import evaluate_jku

            result = evaluate_jku(JkuPdd(data), progress=progress)
        else:
            from ritornello.datasets.bps_motif import BpsMotif
            from ritornello.motifs.evaluate_discovery import evaluate_bps_patterns

            result = evaluate_bps_patterns(BpsMotif(data), progress=progress)
    return Outcome(as_table(result), result)
