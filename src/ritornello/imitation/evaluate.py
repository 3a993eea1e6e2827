"""Imitation measured: retrieval, distances, adherence, cadences, copying, time. Our protocol; figures are in CARD.md.

Ten seeds from a split, ten outputs a seed. Every interval is a 95 % bootstrap over seeds: the outputs of one seed are
not independent of each other. What the generator counts itself favours the first retrieval, so a second one uses
features of the melody that it does not count.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritornello.analysis.phrase_grid import PhraseGrid, phrase_grid
from ritornello.errors import ArgumentError, ReadError
from ritornello.evaluation.imitation import (
    STYLE_PARTS,
    StyleHistograms,
    cadences,
    half_to_half_distance,
    melody_shape,
    phrase_agreements,
    style_distance,
    style_histograms,
)
from ritornello.evaluation.statistics import clustered_interval
from ritornello.imitation.imitate import imitate
from ritornello.imitation.originality_guard import LIKENESS_LIMIT, CopyLimits
from ritornello.imitation.train import load_prior
from ritornello.score import Song

SWEEP = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Strengths of the sweep."""


@dataclass(frozen=True)
class _Seed:
    id: str
    song: Song
    grid: PhraseGrid
    histograms: StyleHistograms
    within: float
    mode: str


def choose_seeds(dataset: Any, ids: Sequence[str], number: int) -> list[str]:
    """Return seeds by a fixed rule: half of them major, half minor, the first of each among the ids.

    Eligible songs are in 4/4, in one key, and have at least two melodic letters, each heard at least twice. Where one
    mode has too few, the other fills up; the result may be shorter than ``number``.
    """
    found: dict[str, list[str]] = {"major": [], "minor": []}
    for id in ids:
        entry = dataset.load(id)
        letters = Counter(s.letter for s in entry.song.form if s.is_melodic and s.letter != "X")
        repeated = len(letters) >= 2 and min(letters.values()) >= 2
        if entry.beats_per_bar == 4 and entry.is_one_key and repeated:
            found[entry.keys[0].mode].append(id)
        if all(len(chosen) >= number for chosen in found.values()):
            break
    major = min(len(found["major"]), max((number + 1) // 2, number - len(found["minor"])))
    return found["major"][:major] + found["minor"][: number - major]


def evaluate_imitation(
    dataset: Any,
    split: str | Sequence[str],
    *,
    seeds_per_draw: int = 10,
    outputs_per_seed: int = 10,
    strength: float = 0.8,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Imitate seeds of a data set and measure the results.

    Args:
        dataset: a data set like `datasets.pop909.Pop909`.
        split: name of a split, or the ids to choose seeds from.
        seeds_per_draw: seeds, and so the number to choose from in retrieval.
        outputs_per_seed: outputs a seed, with random seeds 0, 1, 2, …
        strength: λ.
        progress: called with outputs done and outputs in all.

    Returns:
        Plain values named like the rows of CARD.md; ``…_interval`` is a 95 % bootstrap over seeds,
        ``…_cases`` the number of values. Seconds are processor time, so that other work on the machine does not count.

    Raises:
        ArgumentError: if fewer than two songs are fit to be seeds.
    """
    ids = dataset.split(split) if isinstance(split, str) else tuple(split)
    chosen = choose_seeds(dataset, ids, seeds_per_draw)
    if len(chosen) < 2:
        raise ArgumentError(
            f"{len(chosen)} of {len(ids)} songs are fit to be seeds (4/4, one key, two letters each heard twice); "
            "retrieval needs at least 2"
        )
    seeds = [_seed(dataset, id) for id in chosen]
    shapes = [melody_shape(seed.grid) for seed in seeds]
    prior = load_prior()
    rows: list[dict[str, Any]] = []
    for place, seed in enumerate(seeds):
        for number in range(outputs_per_seed):
            start = time.process_time()
            result = imitate(seed.song, strength=strength, random_seed=number, prior=prior)[0]
            elapsed = time.process_time() - start
            row = _measured(result.song, result.report, seeds, shapes, place)
            rows.append({"seed": place, "seconds": elapsed, **row})
            if progress is not None:
                progress(len(rows), len(seeds) * outputs_per_seed)
    return _summary(split if isinstance(split, str) else "given", seeds, rows, outputs_per_seed, strength)


def sweep_strengths(
    dataset: Any, split: str | Sequence[str], *, outputs_per_seed: int = 3, seeds_per_draw: int = 10
) -> list[dict[str, Any]]:
    """Return the measurements at each strength of `SWEEP`."""
    return [
        evaluate_imitation(
            dataset, split, seeds_per_draw=seeds_per_draw, outputs_per_seed=outputs_per_seed, strength=strength
        )
        for strength in SWEEP
    ]


def _seed(dataset: Any, id: str) -> _Seed:
    song = dataset.load(id).song
    with contextlib.suppress(ReadError):
        song = dataset.aligned(id)[0]  # with its accompaniment, so that the time is that of a full song
    grid = phrase_grid(song)
    key = song.key_at(0)
    mode = key.mode if key is not None else "major"
    return _Seed(id, song, grid, style_histograms(grid), half_to_half_distance(grid).mean, mode)


def _measured(
    song: Song, report: dict[str, Any], seeds: Sequence[_Seed], shapes: Sequence[np.ndarray], place: int
) -> dict[str, Any]:
    grid = phrase_grid(song)
    histograms = style_histograms(grid)
    distances = [style_distance(histograms, seed.histograms) for seed in seeds]
    means = [distance.mean for distance in distances]
    shape = melody_shape(grid)
    shape_distances = [float(np.abs(shape - other).sum()) for other in shapes]
    agreements = phrase_agreements(grid)
    endings = cadences(grid)
    return {
        "hit": float(int(np.argmin(means)) == place),
        "shape_hit": float(int(np.argmin(shape_distances)) == place),
        "parts": distances[place].parts,
        "distance": means[place],
        "others": float(np.mean([value for index, value in enumerate(means) if index != place])),
        "same": agreements.all_same,
        "other": agreements.other,
        "v_to": endings.v_to,
        "degrees": endings.final_degrees,
        "rhythmic_run": report["originality"]["rhythmic_run"]["notes"],
        "melodic_run": report["originality"]["melodic_run"]["notes"],
        "likeness": (report["originality"]["nearest_seed_phrase"] or {"agreement": 0.0})["agreement"],
    }


def _summary(
    split: str, seeds: Sequence[_Seed], rows: Sequence[dict[str, Any]], outputs: int, strength: float
) -> dict[str, Any]:
    of_seed = [[row for row in rows if row["seed"] == place] for place in range(len(seeds))]

    def pooled(name: str) -> list[list[float]]:
        """Values of one measure, by seed."""
        return [[float(v) for row in group for v in _as_list(row[name])] for group in of_seed]

    within = [seed.within for seed in seeds]
    distance = [float(np.mean(values)) for values in pooled("distance")]
    result: dict[str, Any] = {
        "split": split,
        "seeds": [seed.id for seed in seeds],
        "seeds_per_draw": len(seeds),
        "outputs": len(rows),
        "outputs_per_seed": outputs,
        "strength": strength,
        "chance": 1 / len(seeds),
        **_figure("retrieval_top1", pooled("hit")),
        **_figure("retrieval_top1_uncounted_features", pooled("shape_hit")),
        **_figure("distance_to_seed", pooled("distance")),
        **_figure("distance_within_song", [[value] for value in within]),
        **_figure("distance_to_others", pooled("others")),
        "distance_parts": dict(zip(STYLE_PARTS, np.mean([row["parts"] for row in rows], axis=0).tolist(), strict=True)),
        "seeds_nearer_than_own_half": sum(a <= b for a, b in zip(distance, within, strict=True)),
        **_figure("same_letter_agreement", pooled("same")),
        "same_letter_exact": _mean([float(v == 1.0) for values in pooled("same") for v in values]),
        **_figure("other_letter_agreement", pooled("other")),
    }
    for mode in ("major", "minor"):
        chosen = [group for group, seed in zip(of_seed, seeds, strict=True) if seed.mode == mode]
        own = [cadences(seed.grid) for seed in seeds if seed.mode == mode]
        suffix = "" if mode == "major" else "_minor"
        v_to: list[list[float]] = [[float(v) for row in group for v in row["v_to"]["section_end"]] for group in chosen]
        tonic = [[float(d == 0) for row in group for d in row["degrees"]["section_end"]] for group in chosen]
        result |= _figure("cadence_v_i" + suffix, v_to) | _figure("tonic_final" + suffix, tonic)
        own_v_to = [[float(v) for v in c.v_to["section_end"]] for c in own]
        own_tonic = [[float(d == 0) for d in c.final_degrees["section_end"]] for c in own]
        result |= _figure("seed_cadence_v_i" + suffix, own_v_to) | _figure("seed_tonic_final" + suffix, own_tonic)
    limits = CopyLimits()
    for name, key, limit in (
        ("longest_shared_run", "rhythmic_run", limits.rhythmic),
        ("longest_shared_melodic_run", "melodic_run", limits.melodic),
        ("nearest_seed_phrase", "likeness", LIKENESS_LIMIT),
    ):
        values = [row[key] for row in rows]
        result[name] = {"mean": float(np.mean(values)), "worst": max(values), "limit": limit}
    seconds = [row["seconds"] for row in rows]
    result |= {"seconds_per_song": float(np.mean(seconds)), "seconds_per_song_worst": max(seconds)}
    result["by_seed"] = [
        {
            "seed": seed.id, "mode": seed.mode, "distance_to_seed": mine, "distance_within_song": seed.within,
            "retrieved": float(np.mean([row["hit"] for row in group])),
            "same_letter_agreement": _mean([v for row in group for v in row["same"]]),
        }
        for seed, mine, group in zip(seeds, distance, of_seed, strict=True)
    ]  # fmt: skip
    return result


def _figure(name: str, by_seed: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return a measure's mean over all values, a bootstrap interval over seeds and the number of values, by name."""
    values = [value for group in by_seed for value in group]
    if not values:
        return {name: None, f"{name}_interval": None, f"{name}_cases": 0}
    interval = list(clustered_interval(by_seed))
    return {name: float(np.mean(values)), f"{name}_interval": interval, f"{name}_cases": len(values)}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
