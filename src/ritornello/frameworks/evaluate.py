"""The networks measured: one-step accuracy, true history given, beside the floors of the same songs.

MusicFrameworks, sections 7 and 9: basic melody, rhythm given complexities, rhythm given the full form, melody pitch;
songs in one major key in 4/4 for the main figures, minor songs and other metres on their own. Ours: the same with the
earlier phrases of the song in sight, beside floors that see them too; intervals are 95 % bootstraps over songs, and
differences are paired by song.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ritornello.errors import ArgumentError
from ritornello.evaluation.statistics import Estimate, ratio_estimate
from ritornello.frameworks.data import SongPhrases, SongSet, belongs, load_songs
from ritornello.frameworks.evaluate_songs import LEARNED_FROM, evaluate_control, evaluate_songs, makers
from ritornello.frameworks.examples import Form, examples_of
from ritornello.frameworks.features import TASKS, TaskName
from ritornello.frameworks.floors import FLOORS, counted_songs, floor_hits
from ritornello.frameworks.measuring import Hits, network_hits
from ritornello.frameworks.pretrained import NAME, FrameworkNetworks, load_networks
from ritornello.frameworks.tables import TABLES_FILE, build_tables, load_tables
from ritornello.nn.weights import resolve

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Figure:
    """A figure and the floor that it is judged against.

    Attributes:
        name: its name in the result.
        task: whose accuracy.
        form: what the rhythm's network is told of the rhythm form.
        with_song: whether the song's earlier phrases are in sight.
        floor: name of the floor that sees as much.
    """

    name: str
    task: TaskName
    form: Form
    with_song: bool
    floor: str


FIGURES: tuple[Figure, ...] = (
    Figure("basic_melody_accuracy", "basic", "none", False, "basic: previous + chord"),
    Figure("rhythm_accuracy", "rhythm", "complexity", False, "rhythm: complexity + previous"),
    Figure(
        "rhythm_accuracy_full_form", "rhythm", "full", False,
        "rhythm: same label and complexity, else complexity + previous",
    ),
    Figure("melody_accuracy", "melody", "none", False, "melody: basic pitch"),
    Figure("rhythm_accuracy_free", "rhythm", "none", False, "rhythm: previous"),
    Figure(
        "basic_melody_accuracy_with_song", "basic", "none", True, "basic: same place of the last phrase of the letter"
    ),
    Figure(
        "rhythm_accuracy_with_song", "rhythm", "complexity", True,
        "rhythm: same place of the last phrase of the letter if as complex, else complexity + previous",
    ),
    Figure(
        "rhythm_accuracy_full_form_with_song", "rhythm", "full", True,
        "rhythm: same place of the last phrase of the letter if as complex, else same label and complexity",
    ),
    Figure(
        "melody_accuracy_with_song", "melody", "none", True,
        "melody: same onset of the last phrase of the letter, else basic pitch",
    ),
)  # fmt: skip
"""What is measured; the first four are the paper's tasks."""


def evaluate_frameworks(
    dataset: Any,
    split: str,
    checkpoint: str | os.PathLike[str] = NAME,
    progress: Progress | None = None,
    *,
    songs: int | None = None,
    learned_from: int = LEARNED_FROM,
) -> dict[str, Any]:
    """Measure the networks, and the songs that are composed with them, on a data set.

    Args:
        dataset: a data set like `datasets.pop909.Pop909`; floors are counted on its training split.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        checkpoint: see `pretrained.load_networks`.
        progress: called with songs read and songs in all, then with songs composed and songs in all.
        songs: how many human songs in one major key in 4/4 are composed along, the first of the split; by default all,
            with 0 composing is not measured.
        learned_from: how many training songs the classifiers learn from.

    Returns:
        Plain values: the figures of `FIGURES` by name, each with ``…_interval`` and ``…_difference`` (network minus its
        floor, ``[value, low, high]``), and ``floors`` by name, for songs in one major key in 4/4; the same under
        ``minor`` and ``other_metre`` for songs that are not (floors of their own kind). Accuracies are 0..1. Of
        composed songs the figures of `evaluate_songs.evaluate_control`, `measured_songs.song_figures` and
        ``recognition``; under ``human``, ``ngram`` and ``unguided`` the same of what they are measured beside.

    Raises:
        ArgumentError: if the split is unknown or has no song in one major key in 4/4, or weights are not found.
        ReadError: if weights are damaged.
    """
    networks = load_networks(checkpoint)
    ids = dict.fromkeys((*dataset.split("train"), *dataset.split(split)))
    read = {entry.id: (entry, song) for entry, song in load_songs(dataset, ids, progress)}

    def chosen(songs: SongSet, of: str) -> list[SongPhrases]:
        found = (read[id] for id in dataset.split(of) if id in read)
        return [song for entry, song in found if belongs(entry, songs)]

    main = chosen("one-key", split)
    if not main:
        raise ArgumentError(f"the {split} split has no song in one major key in 4/4; try --split all")
    result: dict[str, Any] = {
        "system": "frameworks", "checkpoint": os.fspath(checkpoint), "split": split, "set": "one major key, 4/4",
        **accuracies(networks, main, chosen("one-key", "train")),
    }  # fmt: skip
    kinds: tuple[SongSet, ...] = ("minor", "other-metre")
    for kind in kinds:
        own, training = chosen(kind, split), chosen(kind, "train")
        if own:
            result[kind.replace("-", "_")] = accuracies(networks, own, training)
    if songs == 0:
        return result
    human = {song.id: read[song.id][0].song for song in main[:songs]}
    training_songs = {song.id: read[song.id][0].song for song in chosen("one-key", "train")}
    path = resolve(checkpoint) / TABLES_FILE
    known = (read[id][0].song for id in dataset.split("train") if id in read)
    tables = load_tables(path) if path.is_file() else build_tables(known)  # a run has none of its own
    made = makers(networks, tables, chosen("one-key", "train"))
    found = evaluate_songs(made, human, training_songs, learned_from, progress)
    return {
        **result,
        "composed_songs": len(human),
        **found.pop("composed"),
        **evaluate_control(human, networks, tables),
        **found,
    }


def accuracies(
    networks: FrameworkNetworks, songs: Sequence[SongPhrases], training: Sequence[SongPhrases]
) -> dict[str, Any]:
    """Return the figures of songs and the floors that training songs give; see `evaluate_frameworks`."""
    counted, known = counted_songs(songs), counted_songs(training)
    floors = {name: floor_hits(floor, known, counted) for name, floor in FLOORS.items()}
    result: dict[str, Any] = {"songs": len(songs), "phrases": sum(len(song.phrases) for song in songs)}
    figures: dict[str, Any] = {}
    for task in TASKS:
        examples = examples_of(task, songs)
        if len(examples) != len(songs):
            raise ArgumentError("a song has no note in any of its phrases; leave it out")
        for figure in (figure for figure in FIGURES if figure.task == task):
            hits = network_hits(networks.of(task), [song[figure.form] for song in examples], figure.with_song)
            figures[figure.name] = _report(figure, hits, floors[figure.floor])
        result[{"basic": "segments", "rhythm": "units", "melody": "notes"}[task]] = int(hits.asked.sum())
    for figure in FIGURES:
        result |= figures[figure.name]
    result["floors"] = {name: round(hits.accuracy, 4) for name, hits in floors.items()}
    return result


def _report(figure: Figure, hits: Hits, floor: Hits) -> dict[str, Any]:
    own = ratio_estimate(hits.right, hits.asked)
    difference = ratio_estimate(hits.right - floor.right, hits.asked)
    return {
        figure.name: round(own.value, 4),
        f"{figure.name}_interval": _rounded(own)[1:],
        f"{figure.name}_difference": _rounded(difference),
        f"{figure.name}_nats": round(hits.nats_per_token, 4),
    }


def _rounded(estimate: Estimate) -> list[float]:
    return [round(value, 4) for value in (estimate.value, estimate.low, estimate.high)]
