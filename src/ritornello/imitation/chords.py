"""Chords of a phrase: bar by bar from the seed's model, loops kept as loops, the ending from the cadence table.

Our design (CARD.md). Candidates are drawn, the best is taken, then single chords are redrawn while the histograms come
nearer to those of the seed's letter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritornello.imitation.contexts import Place
from ritornello.imitation.data import NO_CHORD, ChordSymbol
from ritornello.imitation.model import SongModel, chord_mask
from ritornello.imitation.sampling import draw
from ritornello.imitation.settings import LAYER_REFINEMENTS, STYLE_WEIGHT
from ritornello.imitation.style import Styles
from ritornello.imitation.tables import FloatArray


class ChordWriter:
    """Draws chords.

    Args:
        model: the models.
        styles: the seed's histograms.
        rng: source of chance.
        candidates: how many to choose from.
    """

    def __init__(self, model: SongModel, styles: Styles, rng: np.random.Generator, candidates: int) -> None:
        self.model, self.styles, self.rng, self.candidates = model, styles, rng, candidates
        self.beats = model.events.grid.beats_per_bar
        self._onwards: dict[tuple[str, bool, ChordSymbol], FloatArray] = {}

    def draw(
        self, letter: str, bars: int, place: Place, closes: bool, emission: FloatArray | None = None
    ) -> tuple[tuple[ChordSymbol, ...], float]:
        """Draw candidates of a phrase's chords and return the best with its score.

        Args:
            letter: the letter.
            bars: length in bars.
            place: where the phrase ends.
            closes: whether the song ends here, on the tonic.
            emission: ``(beats, chords)`` how well each chord of the vocabulary fits what is kept, or None.
        """
        best: tuple[float, tuple[ChordSymbol, ...]] | None = None
        fate = self.rng.random()
        for _ in range(self.candidates):
            chords, log_likelihood = self._candidate(letter, bars, place, closes, emission, fate)
            distance = self.styles.chord_distance(letter, chords)
            score = log_likelihood - STYLE_WEIGHT * self.model.strength * distance
            if best is None or score > best[0]:
                best = (score, chords)
        assert best is not None
        chords = best[1]
        if emission is None:
            chords = tuple(self._refined(letter, list(chords)))
        return chords, best[0]

    def _refined(self, letter: str, chords: list[ChordSymbol]) -> list[ChordSymbol]:
        """Redraw single chords, or all that follow the same chord, while that brings the histograms nearer."""
        distance = self.styles.chord_distance(letter, chords)
        for _ in range(round(LAYER_REFINEMENTS * self.model.strength)):
            changed = self.with_other_chord(letter, chords, alike=self.rng.random() < 0.5)
            nearer = self.styles.chord_distance(letter, changed)
            if nearer < distance:
                chords, distance = changed, nearer
        return chords

    def with_other_chord(self, letter: str, chords: Sequence[ChordSymbol], alike: bool = True) -> list[ChordSymbol]:
        """Return the chords with one drawn anew, between its neighbours; not the first, nor those of the ending.

        Args:
            letter: the letter of the phrase.
            chords: one symbol per beat.
            alike: change it wherever the same chord follows the same chord, so that a loop stays a loop.
        """
        starts = [0] + [beat for beat in range(1, len(chords)) if chords[beat] != chords[beat - 1]]
        stops = [*starts[1:], len(chords)]
        # The last chord and the one before it are the cadence table's.
        inner = [place for place in range(1, len(starts) - 2) if stops[place] <= len(chords) - self.beats]
        result = list(chords)
        if not inner:
            return result
        place = inner[int(self.rng.integers(len(inner)))]
        start, stop = starts[place], stops[place]
        table = self.model.mixture("chord")
        weights = self.model.probabilities("chord", letter, chords[start - 1], start % self.beats == 0)
        if stop < len(chords) and chords[stop] in table.index:
            weights = weights * self._onward(letter, stop % self.beats == 0, chords[stop])
        fresh = table.vocabulary[draw(weights, self.rng)]
        before, old = chords[start - 1], chords[start]
        for other in inner if alike else [place]:
            if (chords[starts[other] - 1], chords[starts[other]]) == (before, old):
                result[starts[other] : stops[other]] = [fresh] * (stops[other] - starts[other])
        return result

    def _onward(self, letter: str, on_barline: bool, following: ChordSymbol) -> FloatArray:
        """Return ``(chords,)`` how likely each chord leads to the one that follows, on a bar line or elsewhere."""
        name = (letter, on_barline, following)
        found = self._onwards.get(name)
        if found is None:
            table = self.model.mixture("chord")
            column = table.index[following]
            rows = [
                self.model.probabilities("chord", letter, symbol, on_barline)[column] for symbol in table.vocabulary
            ]
            found = self._onwards[name] = np.array(rows)
        return found

    def _candidate(
        self, letter: str, bars: int, place: Place, closes: bool, emission: FloatArray | None, fate: float
    ) -> tuple[tuple[ChordSymbol, ...], float]:
        model, rng = self.model, self.rng
        chord_table, mask_table = model.mixture("chord"), model.mixture("chord_mask")
        if not chord_table.vocabulary:
            return (NO_CHORD,) * (bars * self.beats), 0.0
        chords: list[ChordSymbol] = []
        before, before_mask = NO_CHORD, 0
        log_likelihood, events = 0.0, 0
        for bar in range(bars):
            lag = 0
            if bar and emission is None and model.mixture("chord_reuse").vocabulary:
                reuse = model.mixture("chord_reuse")
                lag = int(reuse.vocabulary[draw(model.probabilities("chord_reuse", letter, bar, bars), rng)])
            if 0 < lag <= bar:
                copied = chords[(bar - lag) * self.beats : (bar - lag + 1) * self.beats]
                chords += copied
                before, before_mask = copied[-1], chord_mask(copied)
                continue
            masks = model.probabilities("chord_mask", letter, bar, before_mask, bar == bars - 1)
            mask = int(mask_table.vocabulary[draw(masks, rng)]) | 1
            for beat in range(self.beats):
                if mask >> beat & 1:
                    weights = model.probabilities("chord", letter, before, beat == 0)
                    if emission is not None:
                        stop = beat + 1
                        while stop < self.beats and not mask >> stop & 1:
                            stop += 1
                        weights = weights * emission[bar * self.beats + beat : bar * self.beats + stop].prod(axis=0)
                    choice = draw(weights, rng)
                    log_likelihood += float(np.log(max(weights[choice] / weights.sum(), 1e-12)))
                    events += 1
                    before = chord_table.vocabulary[choice]
                chords.append(before)
            before_mask = mask
        if place != "free" and emission is None:
            self.end(chords, letter, bars, place, closes, fate)
        elif closes and emission is None:
            self.end(chords, letter, bars, "song_end", True, fate)
        return tuple(chords), log_likelihood / max(1, events)

    def end(self, chords: list[ChordSymbol], letter: str, bars: int, place: Place, closes: bool, fate: float) -> None:
        """Give the phrase's last chord the root that the cadence table draws.

        Args:
            chords: one symbol per beat; changed in place.
            letter: the letter.
            bars: length in bars.
            place: where the phrase ends.
            closes: whether the song ends here: the root is the tonic.
            fate: a number drawn evenly from 0..1 that decides. All candidates of a phrase share it: if each drew its
                own, choosing the best of them would make the likely endings still likelier.
        """
        last = chords[-1]
        start = len(chords)
        limit = len(chords) - min(2 * self.beats, (bars - 1) * self.beats)
        while start > limit and chords[start - 1][0] == last[0]:
            start -= 1
        if start == len(chords) or start == 0:
            start = max(0, len(chords) - self.beats)
        before = chords[start - 1] if start else NO_CHORD
        vocabulary = self.model.mixture("chord").vocabulary
        weights = self.model.probabilities("chord", letter, before, start % self.beats == 0)
        roots = sorted({symbol[0] for symbol in vocabulary if symbol != NO_CHORD and symbol[0] != before[0]})
        if closes:
            roots = [0]
        elif roots:
            table = np.array([self.model.ending_ratio("ending", place, before[0], root) for root in roots])
            running = np.cumsum(table)
            roots = [roots[int(min(np.searchsorted(running, fate * running[-1], side="right"), len(roots) - 1))]]
        if not roots:
            return
        fitting = np.array([w if symbol[0] == roots[0] else 0.0 for symbol, w in zip(vocabulary, weights, strict=True)])
        if closes:
            fitting *= [symbol[2] == 0 and symbol[1] in ("maj", "min") for symbol in vocabulary]
        if fitting.any():
            chosen = vocabulary[draw(fitting, self.rng)]
        else:
            chosen = (roots[0], "maj" if self.model.events.mode == "major" else "min", 0)
        if last[0] == chosen[0] and not closes:
            return
        chords[start:] = [chosen] * (len(chords) - start)
