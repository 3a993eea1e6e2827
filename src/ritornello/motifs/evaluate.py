"""`evaluate motifs`: retrieval of motifs on POP909 and on BPS-Motif, ours beside ablations and training-free baselines.

POP909, the protocol of Wu et al. (arXiv 2309.10597): bars of the accompaniment that belong to a motif of their song.
Which bars those are depends on how the file is cut, see `datasets.pop909_motifs`. BPS-Motif: marked occurrences of any
length, looked for among those of their movement, and of a fold of movements. Equal distances must favour nobody, so
items stand in a random order, the same for every system.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.bps_motif import FOLDS, BpsMotif
from ritornello.datasets.pop909_motifs import Build, Pop909Motifs, Split
from ritornello.errors import ArgumentError
from ritornello.evaluation.retrieval import Retrieval, euclidean, relative_gain, report, retrieve
from ritornello.motifs import descriptors, melodic
from ritornello.motifs.ablations import load_ablations
from ritornello.motifs.data import labelled_examples, windows_of
from ritornello.motifs.descriptors import Vectors, best_shift_similarity
from ritornello.motifs.joined import deviations, fit_whitening
from ritornello.motifs.pretrained import Embedder, NetworkEmbedder
from ritornello.motifs.windows import BAR_FRAMES, Roll, Window, heard_onsets, sounding

Progress = Callable[[int, int], None]

MELODIC_WEIGHTS = {"network": 6.0, "contour": 1.0, "rhythm": 3.0, "length_and_count": 0.5}
"""Of the parts of ours for occurrences of any length. Chosen in a grid on four folds of BPS-Motif for the fifth, in
turn: the folds' choices differ in the rhythm's weight only (3 or 4)."""

OURS_NETWORK, OURS_SEEDS = "ours_network", "ours_seeds"
"""Our network by five random seeds, alone and with what ours joins to it."""

_ORDER_SEED = 0


def evaluate_pop909(
    dataset: Pop909Motifs,
    embedder: Embedder,
    *,
    build: Build = "bar",
    split: Split = "validation",
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure retrieval of labelled bars.

    Args:
        dataset: labels and music.
        embedder: what is measured as ours.
        build: how bars are cut.
        split: whose songs.
        seed: of intervals and of the random system.
        progress: called with (systems done, systems in all).

    Returns:
        The figures of ours with their intervals; ``systems``: the same of each baseline and ablation, of several random
        seeds their mean and each; ``gains``: relative differences in AUPRC; ``songs``, ``motifs``, ``items``,
        ``queries``.

    Raises:
        ArgumentError: if the split has no song or no motif with two bars.
        ReadError: if a file is missing or damaged.
    """
    ids = dataset.split(split)
    if not ids:
        raise ArgumentError(f"the data set has no labelled song in the split '{split}'; try --split all")
    bars = dataset.labelled(ids, build)
    order = np.random.default_rng(_ORDER_SEED).permutation(len(bars))
    bars = [bars[index] for index in order]
    songs, motifs = [bar.song for bar in bars], [bar.motif for bar in bars]

    def judge(distances: NDArray[Any]) -> Retrieval:
        return retrieve(distances, songs, motifs)

    found: dict[str, list[Retrieval]] = {}
    windows = windows_of(bars)
    rolls = descriptors.bar_rolls(windows)
    baselines = _baselines(dataset, rolls, build, seed)
    ablations = load_ablations()
    total = len(baselines) + sum(map(len, ablations.values())) + 1
    for name, distances in baselines.items():
        found[name] = [judge(distances())]
        _tell(progress, len(found), total)
    ours = [judge(euclidean(embedder.embed(windows)))]
    done = len(found) + 1
    for name, networks in ablations.items():
        found[name] = []
        for network in networks:
            vectors = network.embed(windows)
            found[name].append(judge(euclidean(vectors)))
            if name == OURS_NETWORK and isinstance(embedder, NetworkEmbedder) and embedder.whitening is not None:
                joined = np.concatenate((vectors, embedder.joined(windows)), axis=1)
                found.setdefault(OURS_SEEDS, []).append(judge(euclidean(joined)))
            done += 1
            _tell(progress, done, total)
    counts = {"songs": len(set(songs)), "motifs": len(set(zip(songs, motifs, strict=True))), "items": len(bars)}
    gains = {
        f"{first}_over_{second}": _gain(found.get(first, []), found.get(second, []))
        for first, second in (
            ("vicreg_contrastive", "vicreg"), ("vicreg_contrastive", "contrastive"), (OURS_SEEDS, "vicreg_contrastive"),
            (OURS_SEEDS, "combined_whitened"), (OURS_SEEDS, "log_onsets"),
        )
        if first in found and second in found
    }  # fmt: skip
    gains["ours_over_combined_whitened"] = _gain(ours, found["combined_whitened"])
    return {
        "task": "pop909", "build": build, "split": split, "model": embedder.name, **report(ours, seed), **counts,
        "queries": len(ours[0].song), "systems": {name: report(own, seed) for name, own in found.items()},
        "gains_in_auprc": gains,
    }  # fmt: skip


def _gain(ours: Sequence[Retrieval], other: Sequence[Retrieval]) -> dict[str, Any]:
    estimate = relative_gain(ours, other, "auprc")
    return {"value": round(estimate.value, 4), "interval": [round(estimate.low, 4), round(estimate.high, 4)]}


def _baselines(dataset: Pop909Motifs, rolls: Roll, build: Build, seed: int) -> dict[str, Callable[[], NDArray[Any]]]:
    """Return what gives the distances of each training-free system."""
    training = labelled_examples(dataset.labelled(dataset.split("train"), build)) if dataset.split("train") else None
    systems: dict[str, Callable[[], NDArray[Any]]] = {
        "random": lambda: np.random.default_rng(seed).random((len(rolls), len(rolls)))
    }
    for name, vectors in descriptors.VECTORS.items():
        systems[name] = functools.partial(_distances, vectors, rolls)
    systems["roll_best_shift"] = lambda: 1 - best_shift_similarity(rolls)
    systems["onset_roll_best_shift"] = lambda: 1 - best_shift_similarity(heard_onsets(rolls))
    combined = descriptors.combined(rolls)
    known = combined if training is None else descriptors.combined(sounding(training.notes, BAR_FRAMES))
    systems["combined"] = lambda: euclidean(combined / deviations(known, by_curve=False))
    if training is not None:
        for name, by_curve in (("combined_whitened", False), ("combined_whitened_by_curve", True)):
            systems[name] = functools.partial(_distances, fit_whitening(known, training.group, by_curve), rolls)
    return systems


def _distances(vectors: Callable[[Roll], Vectors], rolls: Roll) -> NDArray[np.float64]:
    return euclidean(vectors(rolls))


def evaluate_bps(
    dataset: BpsMotif,
    embedder: Embedder,
    *,
    notes: Literal["motif", "all"] = "motif",
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure retrieval of marked occurrences in Beethoven's sonatas.

    Args:
        dataset: BPS-Motif.
        embedder: what is measured as ours, its network's vector beside the parts of the melodic descriptor.
        notes: whether windows hold the motif's notes only or all that sounds.
        seed: of intervals and of the random system.
        progress: called with (systems done, systems in all).

    Returns:
        The figures of ours; ``in_song_map`` is the in-movement mAP, the others are of the fold's gallery, means over
        folds weighted by queries; ``systems``: the same of each baseline and of ours without the melodic descriptor.

    Raises:
        ReadError: if a file is missing or damaged.
    """
    windows, movements, types = _occurrences(dataset, notes)
    order = np.random.default_rng(_ORDER_SEED).permutation(len(windows))
    windows = [windows[index] for index in order]
    movement, type_ = np.array(movements)[order], np.array(types)[order]
    fold = np.array([dataset.fold(id) for id in movement])
    known = melodic.melodic(windows)
    vectors = embedder.embed(windows)
    network = vectors[:, : embedder.encoder.config.dimensions] if isinstance(embedder, NetworkEmbedder) else vectors
    random = np.random.default_rng(seed).normal(size=(len(windows), 8)).astype(np.float32)
    systems: dict[str, Vectors] = {
        "random": random,
        "length_and_count": melodic.length_and_count(windows),
        "onset_histogram": melodic.onset_histogram(windows),
        "melodic": known,
        "network": network,
        "ours": _weighted(network, windows),
    }
    reports = {}
    for done, (name, own) in enumerate(systems.items(), start=1):
        reports[name] = _bps_report(own, movement, type_, fold, seed)
        _tell(progress, done, len(systems))
    ours = reports.pop("ours")
    return {
        "task": "bps", "notes": notes, "model": embedder.name, **ours, "movements": len(set(movements)),
        "motifs": len(set(zip(movements, types, strict=True))), "items": len(windows), "systems": reports,
    }  # fmt: skip


def _weighted(network: Vectors, windows: Sequence[Window]) -> Vectors:
    parts = {
        "network": network, "contour": melodic.contour_roll(windows), "rhythm": melodic.onset_histogram(windows),
        "length_and_count": melodic.length_and_count(windows),
    }  # fmt: skip
    return np.concatenate([weight * parts[name] for name, weight in MELODIC_WEIGHTS.items()], axis=1)


def _occurrences(dataset: BpsMotif, notes: str) -> tuple[list[Window], list[str], list[str]]:
    windows: list[Window] = []
    movements: list[str] = []
    types: list[str] = []
    for id in dataset.ids:
        source = dataset.motif_notes(id) if notes == "motif" else dataset.notes(id)
        for one in dataset.occurrences(id):
            start, end = (one.start_midi, one.end_midi) if notes == "motif" else (one.start, one.end)
            inside = source.between(start, end, one.track if notes == "motif" else None)
            length = end - start
            onset = np.minimum(inside.onset, np.nextafter(length, 0))
            windows.append(Window(onset, inside.duration, inside.pitch, length))
            movements.append(id)
            types.append(one.type)
    return windows, movements, types


def _bps_report(
    vectors: Vectors, movement: NDArray[Any], types: NDArray[Any], fold: NDArray[np.int64], seed: int
) -> dict[str, Any]:
    """Report a system: each fold is a gallery of its own, figures are means over all queries."""
    parts = []
    for index in range(len(FOLDS)):
        own = np.flatnonzero(fold == index)
        if len(own):
            parts.append(retrieve(euclidean(vectors[own]), movement[own].tolist(), types[own].tolist()))
    offset = np.cumsum([0] + [part.songs for part in parts])
    whole = Retrieval(
        np.concatenate([part.song + start for part, start in zip(parts, offset[:-1], strict=True)]),
        *(np.concatenate([getattr(part, name) for part in parts])
          for name in ("average_precision", "in_song", "precision", "recall")),
    )  # fmt: skip
    return report([whole], seed)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
