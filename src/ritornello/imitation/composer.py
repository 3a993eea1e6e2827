"""The writers of one song's layers together: chords, rhythm, melody.

Our design. Candidates are weighed at each layer, since a good rhythm is worth keeping when its melody is not; the score
has a term for how well the phrase's histograms match those of the seed's phrases of the same letter.
"""

from __future__ import annotations

import numpy as np

from ritornello.imitation.chords import ChordWriter
from ritornello.imitation.melody import MelodyWriter
from ritornello.imitation.model import SongModel
from ritornello.imitation.originality_guard import CopyGuard
from ritornello.imitation.rhythm import RhythmWriter
from ritornello.imitation.settings import CANDIDATES
from ritornello.imitation.style import Styles


class Composer:
    """The layers' writers at one strength.

    Args:
        model: the models.
        guard: the copy check, or None if none is wanted.
        rng: source of chance.
        candidates: candidates per layer.
    """

    def __init__(
        self, model: SongModel, guard: CopyGuard | None, rng: np.random.Generator, candidates: int = CANDIDATES
    ) -> None:
        self.model, self.guard, self.rng, self.candidates = model, guard, rng, candidates
        grid = model.events.grid
        self.steps_per_bar, self.steps_per_beat = grid.steps_per_bar, grid.steps_per_beat
        self.beats, self.size = grid.beats_per_bar, grid.segment_steps
        self.styles = Styles(model.events)
        self.chords = ChordWriter(model, self.styles, rng, candidates)
        self.rhythm = RhythmWriter(model, self.styles, rng, candidates)
        self.melody = MelodyWriter(model, self.styles, guard, rng)
