"""Whole songs measured: human ones, what is made along their forms, and how well the two can be told apart.

Ours; MusicFrameworks, specification sections 7 and 9. The human songs are the held-out ones; classifiers learn on songs
of the training split and on what is made along them. Intervals are 95 % bootstraps over the human songs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ritornello.errors import UnsuitableSongError
from ritornello.frameworks.baselines import NGramSampler, UnguidedNetworks
from ritornello.frameworks.compose import compose
from ritornello.frameworks.data import SongPhrases
from ritornello.frameworks.measured_control import contour_figures, lock_figures, time_figures
from ritornello.frameworks.measured_songs import Case, Make, case_of, drawn_song, song_figures
from ritornello.frameworks.pretrained import FrameworkNetworks
from ritornello.frameworks.recognised import phrases_of, recognised
from ritornello.frameworks.tables import Tables
from ritornello.score import Song
from ritornello.score.framework import Framework

Progress = Callable[[int, int], None]

LEARNED_FROM = 100
"""Training songs that classifiers learn from, drawn by chance."""


def makers(networks: FrameworkNetworks, tables: Tables, known: Sequence[SongPhrases]) -> dict[str, Make]:
    """Return what makes songs, by name.

    Args:
        networks: the networks.
        tables: what composing draws from where a plan is open.
        known: training songs that the baselines count.

    Returns:
        ``composed``: `compose` with the form, key, tempo and metre of a human song alone; ``ngram`` and ``unguided``,
        the baselines, which are given its chords as well; see `baselines`.
    """
    sampler = NGramSampler.fit(known)
    return {
        "composed": lambda case, seed: compose(case.plan(), seed=seed, networks=networks, tables=tables)[0].song,
        "ngram": lambda case, seed: drawn_song(case, sampler.drawer(), seed),
        "unguided": lambda case, seed: drawn_song(case, UnguidedNetworks(networks, sampler), seed),
    }


def evaluate_control(held_out: Mapping[str, Song], networks: FrameworkNetworks, tables: Tables) -> dict[str, Any]:
    """Measure curves, locks and time of composing along the forms of human songs; see `measured_control`."""

    def fill(plan: Framework, seed: int) -> Framework:
        return compose(plan, seed=seed, networks=networks, tables=tables)[0].framework

    plans = [case.plan() for case in cases_of(held_out)]
    return {
        **contour_figures(plans, fill),
        **lock_figures(plans, fill),
        **time_figures(lambda plan, n: compose(plan, seed=0, n=n, networks=networks, tables=tables)),
    }


def evaluate_songs(
    made: Mapping[str, Make],
    held_out: Mapping[str, Song],
    training: Mapping[str, Song],
    learned_from: int = LEARNED_FROM,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make a song along each human one and measure both.

    Args:
        made: what makes songs, by name; see `measured_songs.Make`. Random seeds are 0, 1, 2, … in the order of songs.
        held_out: human songs by id, with form, melody and chords.
        training: songs that nothing should be copied from; classifiers learn from some of them.
        learned_from: how many.
        progress: called with songs made and songs in all.

    Returns:
        ``human`` and each name of ``made``: what `measured_songs.song_figures` gives; of those made also
        ``recognition``, what `recognised.recognised` gives, unless no phrase can be learned from or tested.
    """
    cases, known = cases_of(held_out), cases_of(training)
    order = np.random.default_rng(0).permutation(len(known))
    learned = [known[i] for i in sorted(order[:learned_from])]
    references = list(training.values())
    own, own_learned = _own(cases), _own(learned)
    human, human_learned = phrases_of(cases, own), phrases_of(learned, own_learned)
    result: dict[str, Any] = {"human": song_figures(cases, own, references)}
    total, done = len(made) * (len(cases) + len(learned)), 0
    for name, make in made.items():
        rows: dict[str, list[list[Song]]] = {"held out": [], "learned": []}
        for kind, chosen in (("held out", cases), ("learned", learned)):
            for seed, case in enumerate(chosen):
                rows[kind].append([make(case, seed)])
                done += 1
                if progress is not None:
                    progress(done, total)
        result[name] = song_figures(cases, rows["held out"], references)
        seen = phrases_of(learned, rows["learned"]), phrases_of(cases, rows["held out"])
        if all(len(phrases.notes) for phrases in (human, human_learned, *seen)):
            result[name]["recognition"] = recognised(human_learned, seen[0], human, seen[1])
    return result


def cases_of(songs: Mapping[str, Song]) -> list[Case]:
    """Read songs; those without a regular grid are left out, for nothing can be compared on one."""
    found = []
    for id, song in songs.items():
        try:
            found.append(case_of(song, id))
        except UnsuitableSongError:
            continue
    return found


def _own(cases: Sequence[Case]) -> list[list[Song]]:
    return [[case.song] for case in cases]
