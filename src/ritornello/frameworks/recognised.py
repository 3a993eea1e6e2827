"""The independent check of quality: classifiers learn to tell generated from human phrases on training songs' forms.

Ours; see `evaluation.recognition`. Two of them: a logistic regression on named features, and a small network on the
notes. Each is asked for single phrases and, by the mean of a song's phrases, for whole songs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.evaluation.recognition import (
    FEATURES,
    FloatArray,
    LogisticRegression,
    by_song,
    phrase_features,
    recognition,
)
from ritornello.frameworks.measured_songs import Case, measured_phrases
from ritornello.frameworks.recognition_network import (
    COLUMNS,
    fit_recognition,
    hidden_column,
    note_rows,
    recognition_scores,
    without_column,
)
from ritornello.score import Song

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Phrases:
    """The phrases of some songs as the classifiers see them; those with fewer than two notes are left out.

    Attributes:
        features: ``(n, len(FEATURES))``.
        notes: ``n`` arrays of `recognition_network.note_rows`.
        case: ``(n,)`` index of the human song that each was made along, or that it is of.
        melody: ``(n,)`` number of the whole melody that each is of.
    """

    features: FloatArray
    notes: list[IntArray]
    case: IntArray
    melody: IntArray


def phrases_of(cases: Sequence[Case], songs: Sequence[Sequence[Song]]) -> Phrases:
    """Read songs that were made along cases, some for each case, or the cases' own."""
    features, notes, owner, melody = [], [], [], []
    number = 0
    for index, (case, row) in enumerate(zip(cases, songs, strict=True)):
        for song in row:
            grid = case.grid(song)
            for phrase in measured_phrases(grid):
                rows = note_rows(grid, phrase)
                if len(rows) >= 2:
                    features.append(phrase_features(grid, phrase))
                    notes.append(rows)
                    owner.append(index)
                    melody.append(number)
            number += 1
    return Phrases(np.array(features).reshape(-1, len(FEATURES)), notes, np.array(owner), np.array(melody))


def recognised(human: Phrases, generated: Phrases, human_test: Phrases, generated_test: Phrases) -> dict[str, Any]:
    """Train both classifiers on training songs and report how well they tell held-out ones.

    Args:
        human: phrases of training songs.
        generated: phrases made along training songs.
        human_test: phrases of held-out songs.
        generated_test: phrases made along them.

    Returns:
        For ``features`` and ``network``: accuracy, AUC, 95 % intervals over songs and counts for single phrases, the
        same under ``songs`` for whole songs, and ``keys_on``: of the features the largest weights (log-odds of
        "generated" a standard deviation), of the network how much AUC is lost when a column is dealt anew. The same
        without ``keys_on`` for ``network_without_lengths``, which neither learns nor sees how long notes sound: those
        of people are performed, while what is composed is written as in a score.

    Raises:
        ArgumentError: if one of the four is empty.
    """
    rows, kind = np.concatenate([human.features, generated.features]), _kinds(human, generated)
    test_kind = _kinds(human_test, generated_test)
    test_case = np.concatenate([human_test.case, generated_test.case])
    melodies = len(human_test.melody) and int(human_test.melody.max()) + 1
    test_melody = np.concatenate([human_test.melody, generated_test.melody + melodies])

    def judged(scores: FloatArray) -> dict[str, Any]:
        means, song_kind, numbers = by_song(scores, test_kind, test_melody)
        case = np.array([test_case[np.flatnonzero(test_melody == number)[0]] for number in numbers])
        return {
            **recognition(scores, test_kind, test_case).as_dict(),
            "songs": recognition(means, song_kind, case).as_dict(),
        }

    regression = LogisticRegression.fit(rows, kind)
    by_features = judged(regression.scores(np.concatenate([human_test.features, generated_test.features])))
    by_features["keys_on"] = [list(pair) for pair in regression.strongest(FEATURES)]
    network = fit_recognition([*human.notes, *generated.notes], kind)
    test_notes = [*human_test.notes, *generated_test.notes]
    by_notes = judged(recognition_scores(network, test_notes))
    losses = []
    for column, name in enumerate(COLUMNS):
        scores = recognition_scores(network, without_column(test_notes, column))
        found = recognition(scores, test_kind, test_case, resamples=1)
        losses.append([name, round(by_notes["auc"] - found.auc.value, 3)])
    by_notes["keys_on"] = sorted(losses, key=lambda pair: -float(pair[1]))
    unseen = list(COLUMNS).index("length")
    network = fit_recognition(hidden_column([*human.notes, *generated.notes], unseen), kind)
    by_onsets = judged(recognition_scores(network, hidden_column(test_notes, unseen)))
    return {"features": by_features, "network": by_notes, "network_without_lengths": by_onsets}


def _kinds(human: Phrases, generated: Phrases) -> NDArray[np.bool_]:
    return np.arange(len(human.case) + len(generated.case)) >= len(human.case)
