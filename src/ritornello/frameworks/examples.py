"""Phrases with their notes as examples: what a network learns from and is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from ritornello.frameworks.batches import Example
from ritornello.frameworks.data import PhraseNotes, SongPhrases
from ritornello.frameworks.features import TaskName, features_of, targets_of
from ritornello.frameworks.masks import rhythm_mask

Form = Literal["none", "complexity", "full"]

FORMS: Mapping[TaskName, tuple[Form, ...]] = {
    "basic": ("none",), "rhythm": ("none", "complexity", "full"), "melody": ("none",),
}  # fmt: skip
"""What each network may be told of the rhythm form; the rhythm's learns and is measured with each."""

SongExamples = Mapping[Form, tuple[Example, ...]]
"""The phrases of a song, for each form."""


def song_examples(task: TaskName, song: SongPhrases) -> SongExamples:
    """Return the examples of a song for a network; phrases without a token are left out."""
    return {form: tuple(_example(task, phrase, form) for phrase in _usable(task, song)) for form in FORMS[task]}


def examples_of(task: TaskName, songs: Iterable[SongPhrases]) -> list[SongExamples]:
    """Return the examples of songs; those without any are left out."""
    found = [song_examples(task, song) for song in songs]
    return [examples for examples in found if examples[FORMS[task][0]]]


def _usable(task: TaskName, song: SongPhrases) -> Sequence[PhraseNotes]:
    return [phrase for phrase in song.phrases if task != "melody" or len(phrase.onsets)]


def _example(task: TaskName, phrase: PhraseNotes, form: Form) -> Example:
    features = features_of(task, phrase, form)
    tokens = np.asarray(targets_of(task, phrase), np.int64)
    sounding = np.flatnonzero(tokens)
    first = int(sounding[0]) if task != "melody" and len(sounding) else 0
    allowed = np.packbits(rhythm_mask(features, tokens), axis=1) if task == "rhythm" else None
    return Example(features, tokens, first, allowed)
