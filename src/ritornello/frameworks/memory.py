"""What the networks remember of a song while it is written: its finished phrases, for pointing at."""

from __future__ import annotations

from ritornello.frameworks.draft import Draft
from ritornello.frameworks.features import (
    Features,
    TaskName,
    basic_features,
    melody_features,
    rhythm_features,
    rhythm_form,
)
from ritornello.frameworks.model import Memory
from ritornello.frameworks.pretrained import FrameworkNetworks

MOST_PHRASES = 6
"""Phrases that are remembered: the first of each letter, then the latest."""


class SongMemory:
    """The networks with the finished phrases of one song.

    Args:
        networks: the networks.
    """

    def __init__(self, networks: FrameworkNetworks) -> None:
        self.networks = networks
        self.letters: list[str] = []
        self.phrases: dict[TaskName, list[tuple[Features, list[int]]]] = {"basic": [], "rhythm": [], "melody": []}
        self._known: dict[TaskName, Memory | None] = {}

    def add(self, draft: Draft) -> None:
        """Remember a phrase, all layers of which are decided; one without notes is passed over."""
        notes = draft.flat_notes()
        if not notes:
            return
        plan = draft.plan
        basics = [pitch or 0 for pitch in draft.basics]
        starts = [note.onset for note in notes]
        patterns = [
            sum(1 << onset - start for onset in starts if start <= onset < start + size) for start, size in plan.units
        ]
        labels, counts = rhythm_form(plan, patterns)
        lengths = [note.duration for note in notes]
        self.phrases["basic"].append((basic_features(plan), basics))
        self.phrases["rhythm"].append((rhythm_features(plan, labels, counts), patterns))
        self.phrases["melody"].append((melody_features(plan, starts, lengths, basics), [n.pitch for n in notes]))
        self.letters.append(plan.letter)
        self._known.clear()

    def of(self, task: TaskName) -> Memory | None:
        """Return what a network remembers, None before the first phrase."""
        if task not in self._known:
            rows = [self.phrases[task][index] for index in self._kept()]
            self._known[task] = self.networks.of(task).remember(rows) if rows else None
        return self._known[task]

    def _kept(self) -> list[int]:
        first = [self.letters.index(letter) for letter in dict.fromkeys(self.letters)]
        latest = [index for index in range(len(self.letters) - 1, -1, -1) if index not in first]
        return sorted([*first, *latest][:MOST_PHRASES])
