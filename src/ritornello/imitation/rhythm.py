"""Rhythm of a phrase: half bar after half bar, with bars that repeat bars; and how long its notes sound.

Our design (CARD.md). Candidates are drawn, the best is taken, then single half bars are redrawn while the histogram
comes nearer to that of the seed's letter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.imitation.contexts import Place, position_of
from ritornello.imitation.data import IntArray
from ritornello.imitation.model import SongModel
from ritornello.imitation.sampling import draw
from ritornello.imitation.settings import LAYER_REFINEMENTS, STYLE_WEIGHT
from ritornello.imitation.style import Styles
from ritornello.imitation.tables import FloatArray


class RhythmWriter:
    """Draws onset patterns and durations.

    Args:
        model: the models.
        styles: the seed's histograms.
        rng: source of chance.
        candidates: how many to choose from.
    """

    def __init__(self, model: SongModel, styles: Styles, rng: np.random.Generator, candidates: int) -> None:
        self.model, self.styles, self.rng, self.candidates = model, styles, rng, candidates
        grid = model.events.grid
        self.steps_per_bar, self.size = grid.steps_per_bar, grid.segment_steps
        self._durations: dict[tuple[str, int, Place | None], FloatArray] = {}

    def draw(self, letter: str, bars: int, place: Place) -> tuple[list[int], list[tuple[str, int]], float]:
        """Draw candidates of a phrase's onset patterns; return the best, how its bars repeat others, and its score."""
        best: tuple[float, list[int], list[tuple[str, int]]] | None = None
        for _ in range(self.candidates):
            patterns, relations, log_likelihood = self._candidate(letter, bars, place)
            score = log_likelihood - STYLE_WEIGHT * self.model.strength * self.styles.rhythm_distance(letter, patterns)
            if best is None or score > best[0]:
                best = (score, patterns, relations)
        assert best is not None
        return self._refined(letter, best[1], best[2], place), best[2], best[0]

    def _refined(
        self, letter: str, patterns: list[int], relations: Sequence[tuple[str, int]], place: Place
    ) -> list[int]:
        """Redraw single patterns, and with them the bars that repeat them, while that brings the histogram nearer."""
        per_bar = self.steps_per_bar // self.size
        distance = self.styles.rhythm_distance(letter, patterns)
        free = [segment for segment in range(len(patterns)) if not relations[segment // per_bar][1]]
        for _ in range(round(LAYER_REFINEMENTS * self.model.strength)):
            segment = free[int(self.rng.integers(len(free)))]
            changed = list(patterns)
            changed[segment] = self.draw_pattern(letter, patterns, segment, place)
            for bar, (_, lag) in enumerate(relations):
                if lag:
                    source = (bar - lag) * per_bar
                    changed[bar * per_bar : (bar + 1) * per_bar] = changed[source : source + per_bar]
            nearer = self.styles.rhythm_distance(letter, changed)
            if nearer < distance and any(changed):
                patterns, distance = changed, nearer
        return patterns

    def draw_pattern(self, letter: str, patterns: Sequence[int], segment: int, place: Place) -> int:
        """Draw one onset pattern between its neighbours."""
        table = self.model.mixture("rhythm")
        position = position_of(segment, len(patterns), place)
        weights = self.model.probabilities("rhythm", letter, patterns[segment - 1] if segment else -1, position)
        if segment + 1 < len(patterns) and patterns[segment + 1] in table.index:
            following = position_of(segment + 1, len(patterns), place)
            column = table.index[patterns[segment + 1]]
            onward = np.zeros_like(weights)
            for index in np.argsort(-weights)[:24]:
                before = int(table.vocabulary[index])
                onward[index] = self.model.probabilities("rhythm", letter, before, following)[column]
            weights = weights * onward
        return int(table.vocabulary[draw(weights, self.rng)])

    def _candidate(self, letter: str, bars: int, place: Place) -> tuple[list[int], list[tuple[str, int]], float]:
        model, rng = self.model, self.rng
        table = model.mixture("rhythm")
        per_bar = self.steps_per_bar // self.size
        patterns: list[int] = []
        relations: list[tuple[str, int]] = []
        log_likelihood, drawn = 0.0, 0
        for bar in range(bars):
            relation = ("new", 0)
            reuse = model.mixture("bar_reuse")
            if bar and reuse.vocabulary:
                relation = reuse.vocabulary[draw(model.probabilities("bar_reuse", letter, bar, bars), rng)]
            if relation[1] > bar:
                relation = ("new", 0)
            relations.append(relation)
            if relation[1]:
                patterns += patterns[(bar - relation[1]) * per_bar : (bar - relation[1] + 1) * per_bar]
                continue
            for part in range(per_bar):
                segment = bar * per_bar + part
                position = position_of(segment, bars * per_bar, place)
                weights = model.probabilities("rhythm", letter, patterns[-1] if patterns else -1, position)
                choice = draw(weights, rng)
                log_likelihood += float(np.log(weights[choice]))
                drawn += 1
                patterns.append(int(table.vocabulary[choice]))
        if not any(patterns):  # a phrase without a note is no phrase
            known = max(
                self.styles.of(letter).rhythm, key=lambda p: (p != 0, self.styles.of(letter).rhythm[p]), default=1
            )
            patterns[0] = int(known) or 1  # type: ignore[call-overload]
        return patterns, relations, log_likelihood / max(1, drawn)

    def onsets_of(self, patterns: Sequence[int], first_segment: int = 0) -> IntArray:
        """Return the steps of the onsets of a row of patterns."""
        steps = [
            (first_segment + segment) * self.size + step
            for segment, pattern in enumerate(patterns)
            for step in range(self.size)
            if pattern >> step & 1
        ]
        return np.array(steps, np.int64)

    def draw_duration(self, letter: str, wait: int, place: Place | None, closes: bool) -> int:
        """Draw how long a note sounds.

        Args:
            letter: the letter.
            wait: steps to the next onset, or to the end of the phrase.
            place: where the phrase ends if this is its last note, else None.
            closes: whether the note is the last of the song: it is held.
        """
        if place is not None and closes:
            return wait
        name = (letter, wait, place)
        allowed = self._durations.get(name)
        if allowed is None:
            weights = self.model.probabilities("duration", letter, wait, place or "inside")
            vocabulary = self.model.mixture("duration").vocabulary
            allowed = self._durations[name] = weights * np.array([0 < duration <= wait for duration in vocabulary])
        if not allowed.any():
            return wait
        return int(self.model.mixture("duration").vocabulary[draw(allowed, self.rng)])

    def draw_durations(self, letter: str, onsets: IntArray, steps: int, place: Place, closes: bool) -> IntArray:
        """Draw how long each note of a phrase sounds, at most to the next onset."""
        waits = np.diff(np.append(onsets, steps)).tolist()
        last = len(waits) - 1
        return np.array(
            [self.draw_duration(letter, w, place if i == last else None, closes) for i, w in enumerate(waits)], np.int64
        )
