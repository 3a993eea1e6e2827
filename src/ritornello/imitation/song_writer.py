"""A whole song from a form: first phrases of each letter, their repeats, endings, pickups.

Our design (CARD.md). A repeat copies an earlier phrase of its letter and is then varied like human repeats are: its
ending first, then single half bars over the same basic melody, while its agreement stays above a goal drawn for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ritornello.analysis.phrase_grid import Phrase
from ritornello.analysis.segments import basic_pitches
from ritornello.imitation.composer import Composer
from ritornello.imitation.contexts import Place, ends_section, last_section_end, place_of
from ritornello.imitation.data import ChordSymbol, IntArray, PhraseEvents
from ritornello.imitation.kept import Kept, chord_emission, pitches_on_rhythm
from ritornello.imitation.originality_guard import LIKENESS_LIMIT
from ritornello.imitation.phrase import Line, NewPhrase, phrase_as_read, rolls_agree, same_melody
from ritornello.imitation.phrase_cost import PhraseCost, overlong_repetitions
from ritornello.imitation.pickups import add_pickups
from ritornello.imitation.settings import NOTE_REFINEMENTS
from ritornello.imitation.variation import PhraseEditor

EXACT_SHARE = 0.5
"""Share of repeats that copy their source note for note (human pairs: 27 %, counted over all pairs)."""

GOAL_RANGE = (0.7, 0.9)
"""Range of the agreement goals of the other repeats."""

MOST_OTHER_AGREEMENT = 0.25
"""Phrases of different letters that agree more than this are drawn again."""

LIKENESS_TRIES = 5
"""Variations of a repeat, and new phrases, tried to stay below the limit of likeness."""

EXACT_CHORDS_SHARE = 0.35
"""Share of repeats that keep their source's chords as they are (human pairs: 41 %)."""

CHORD_VARIANTS = 8
"""Variants of a repeat's chords to choose from."""

REDRAWS = 50
"""Most rejections of a phrase; the last half of them is drawn at a strength lowered by 0.2."""


class SongWriter:
    """Writes all phrases of one song.

    Args:
        composers: composers for falling strengths, the wanted one first.
        phrases: the segments of the form to fill.
        kept: what is taken over; other than structure it needs the seed's own form.
        bass_of_beat: kept bass as pitch classes above the tonic, one per beat (-1 for none), or None.
    """

    def __init__(
        self,
        composers: Callable[[int], Composer],
        phrases: tuple[Phrase, ...],
        kept: Kept,
        bass_of_beat: IntArray | None = None,
    ) -> None:
        self.composer_at = composers
        self.composer = composers(0)
        self.model = self.composer.model
        self.rng = self.composer.rng
        self.phrases = phrases
        self.kept = kept
        self.bass_of_beat = bass_of_beat
        self.seed_phrases = self.model.events.phrases
        self.cost = PhraseCost(self.composer)
        self.written: list[NewPhrase] = []
        self.line = Line()
        self.editor = PhraseEditor(self.composer)
        self.warnings: list[str] = []

    @property
    def _steps_per_bar(self) -> int:
        return self.composer.steps_per_bar

    def write(self) -> list[NewPhrase]:
        """Return one new phrase per segment, in order."""
        last_section = last_section_end(self.phrases)
        for phrase in self.phrases:
            closes = self._closes(phrase)
            last = phrase.index == len(self.phrases) - 1
            place: Place = "song_end" if closes else place_of(phrase, last_section)
            new = self._phrase(phrase, place, closes, last)
            self.written.append(new)
            self.line = self.line.plus(phrase.start_bar * self._steps_per_bar, new)
        if not (self.kept.melody or self.kept.rhythm):
            add_pickups(self.composer, self.phrases, self.written)
        if not self.kept.melody:
            self._repair()
        return self.written

    def _closes(self, phrase: Phrase) -> bool:
        """Return whether the song ends with a melodic phrase: nothing but a bar at most comes after it."""
        after = self.phrases[phrase.index + 1 :]
        return phrase.is_melodic and not any(p.is_melodic for p in after) and sum(p.bars for p in after) < 2

    def _repair(self) -> None:
        """Redraw half bars until no run of the whole melody, pickups included, is over a limit."""
        guard = self.composer.guard
        for attempt in range(REDRAWS):
            line = Line()
            bounds: list[tuple[int, int]] = []
            for phrase, new in zip(self.phrases, self.written, strict=True):
                bounds.append((len(line.onsets), phrase.index))
                line = line.plus(phrase.start_bar * self._steps_per_bar, new)
            wrong = guard.violations(line.onsets, line.pitches) if guard is not None else []
            wrong = wrong or overlong_repetitions(line.pitches, self.model.longest_repetition)
            if not wrong:
                return
            first, index = max(bound for bound in bounds if bound[0] <= wrong[0])
            new, start = self.written[index], self.phrases[index].start_bar * self._steps_per_bar
            at = int(new.onsets[wrong[0] - first]) // self.composer.size * self.composer.size
            editor = self.editor if attempt < REDRAWS // 2 else PhraseEditor(self.composer_at(1))
            before = Line(line.onsets[:first], line.pitches[:first])
            closes = self._closes(self.phrases[index])
            tries = [
                editor.redrawn(new, at, at + self.composer.size, before, start, closes, rhythm=not self.kept.rhythm)
                for _ in range(LIKENESS_TRIES)
            ]
            best = min(tries, key=self.cost.likeness)
            alike = [index]
            if self.kept.structure:  # exact repeats stay exact
                alike = [i for i, other in enumerate(self.written) if same_melody(other, new)]
            for i in alike:
                self.written[i] = dataclasses.replace(
                    self.written[i],
                    onsets=best.onsets,
                    durations=best.durations,
                    pitches=best.pitches,
                    basics=best.basics,
                )
        self.warnings.append("a run over a limit could not be drawn anew; see originality in this report")

    def _phrase(self, phrase: Phrase, place: Place, closes: bool, last: bool) -> NewPhrase:
        seed = self._seed_of(phrase)
        source = self._source(phrase)
        if self.kept.melody or self.kept.rhythm:
            assert seed is not None
            return self._on_kept(phrase, place, closes or last, seed, source)
        if source is not None:
            return self._repeat(phrase, place, closes, last, source)
        if not phrase.is_melodic:
            chords = self._chords(phrase, place, last)
            empty = np.zeros(0, np.int64)
            return NewPhrase(phrase.letter, phrase.bars, place, chords, empty, empty, empty)
        return self._new(phrase, place, closes)

    def _seed_of(self, phrase: Phrase) -> PhraseEvents | None:
        """Return the seed's phrase at this place, if the form is the seed's."""
        if phrase.index < len(self.seed_phrases):
            events = self.seed_phrases[phrase.index]
            if (events.phrase.letter, events.phrase.bars) == (phrase.letter, phrase.bars):
                return events
        return None

    # --- chords -----------------------------------------------------------------------------------------------------

    def _chords(self, phrase: Phrase, place: Place, closes: bool) -> tuple[ChordSymbol, ...]:
        seed = self._seed_of(phrase)
        if self.kept.chords and seed is not None:
            return seed.chords
        emission = None
        if seed is not None:
            emission = chord_emission(self.composer, seed, self.kept, self.bass_of_beat)
        return self.composer.chords.draw(phrase.letter, phrase.bars, place, closes, emission)[0]

    # --- first phrases ----------------------------------------------------------------------------------------------

    def _new(self, phrase: Phrase, place: Place, closes: bool) -> NewPhrase:
        others = [
            written
            for written in self.written
            if len(written.onsets) and (written.letter != phrase.letter or phrase.letter == "X")
        ]
        best: NewPhrase | None = None
        for attempt in range(LIKENESS_TRIES):
            new = self._candidate(phrase, place, closes, self.composer_at(attempt // 3))
            other = max((rolls_agree(new, old, self._steps_per_bar) for old in others), default=0.0)
            if best is None or new.score > best.score:
                best = new
            if other <= MOST_OTHER_AGREEMENT and self.cost.likeness(new) <= LIKENESS_LIMIT:
                return new
        assert best is not None
        return best

    def _candidate(self, phrase: Phrase, place: Place, closes: bool, composer: Composer) -> NewPhrase:
        chords = self._chords(phrase, place, closes)
        patterns, relations, _ = composer.rhythm.draw(phrase.letter, phrase.bars, place)
        onsets = composer.rhythm.onsets_of(patterns)
        start, steps = phrase.start_bar * self._steps_per_bar, phrase.bars * self._steps_per_bar
        best: NewPhrase | None = None
        degree = composer.melody.draw_final_degree(
            place, chords[min(int(onsets[-1]) // composer.steps_per_beat, len(chords) - 1)], closes
        )
        for _ in range(composer.candidates):
            basics, basic_score = composer.melody.draw_basics(phrase.letter, chords, patterns, place)
            pitches, pitch_score = composer.melody.draw_pitches(
                phrase.letter, onsets, chords, basics, self.line, start, final_degree=degree, relations=relations
            )
            durations = composer.rhythm.draw_durations(phrase.letter, onsets, steps, place, closes)
            new = NewPhrase(
                phrase.letter, phrase.bars, place, chords, onsets, durations, pitches,
                tuple(basic_pitches(onsets, durations, pitches, steps, composer.size)),
            )  # fmt: skip
            composer.melody.adapt(phrase.letter, onsets, pitches, chords)
            score = basic_score + pitch_score - self.cost.of(new, self.line, start)
            if best is None or score > best.score:
                best = dataclasses.replace(new, score=score)
        assert best is not None
        return self._refined(phrase, best, closes)

    def _refined(self, phrase: Phrase, new: NewPhrase, closes: bool) -> NewPhrase:
        """Redraw the notes of single half bars while that lowers the cost."""
        start = phrase.start_bar * self._steps_per_bar
        segments = phrase.bars * self._steps_per_bar // self.composer.size
        cost = self.cost.of(new, self.line, start)
        for _ in range(round(NOTE_REFINEMENTS * self.model.strength)):
            at = int(self.rng.integers(segments)) * self.composer.size
            changed = self.editor.redrawn(new, at, at + self.composer.size, self.line, start, closes, rhythm=False)
            lower = self.cost.of(changed, self.line, start)
            if lower < cost:
                new, cost = changed, lower
        return new

    # --- repeats ----------------------------------------------------------------------------------------------------

    def _source(self, phrase: Phrase) -> int | None:
        """Return the index of the phrase that this one repeats: the one with the most alike neighbour before it."""
        if phrase.letter in "Xxio":
            return None
        earlier = [p.index for p in self.phrases[: phrase.index] if p.letter == phrase.letter]
        if not earlier:
            return None
        before = self.phrases[phrase.index - 1].letter if phrase.index else ""
        matching = [
            index
            for index in earlier
            if (self.phrases[index - 1].letter if index else "") == before and self.phrases[index].bars == phrase.bars
        ]
        same_length = [index for index in earlier if self.phrases[index].bars >= phrase.bars]
        return (matching or same_length or earlier)[0]

    def _goal(self, phrase: Phrase, source: int) -> float:
        if self.kept.structure:
            mine, other = self._seed_of(phrase), self._seed_of(self.phrases[source])
            if mine is not None and other is not None:
                return rolls_agree(phrase_as_read(mine), phrase_as_read(other), self._steps_per_bar)
        if self.rng.random() < EXACT_SHARE:
            return 1.0
        return float(self.rng.uniform(*GOAL_RANGE))

    def _repeat(self, phrase: Phrase, place: Place, closes: bool, last: bool, source: int) -> NewPhrase:
        old = self.written[source]
        chords = self._repeated_chords(phrase, place, closes or last, old)
        new = dataclasses.replace(old, place=place, source=source, chords=chords)
        if not phrase.is_melodic:
            return dataclasses.replace(new, bars=phrase.bars)
        start = phrase.start_bar * self._steps_per_bar
        goal = self._goal(phrase, source)
        whole = self.editor.with_length(new, phrase.bars, self.line, start, closes)
        for _ in range(LIKENESS_TRIES):
            new = whole
            if goal < 1.0:
                new = self.editor.varied(whole, old, goal, self.line, start, closes)
            elif not self.kept.structure and (closes or place != old.place):
                new = self.editor.with_ending(whole, self.line, start, closes)
            if self.cost.likeness(new) <= LIKENESS_LIMIT:
                break
        if self.kept.structure and goal == 1.0:
            return new  # the repair of the whole melody keeps exact repeats exact
        return self._without_copies(start, new, closes)

    def _repeated_chords(self, phrase: Phrase, place: Place, closes: bool, old: NewPhrase) -> tuple[ChordSymbol, ...]:
        seed = self._seed_of(phrase)
        if self.kept.chords and seed is not None:
            return seed.chords
        if self.kept.bass or self.kept.melody:
            return self._chords(phrase, place, closes)
        beats = phrase.bars * self.composer.beats
        chords = list(old.chords[:beats])
        if len(chords) < beats:
            more = self.composer.chords.draw(phrase.letter, phrase.bars, place, closes)[0]
            chords += more[len(chords) :]
        if closes or (ends_section(place) and not ends_section(old.place)):
            self.composer.chords.end(
                chords,
                phrase.letter,
                phrase.bars,
                place if place != "free" else "song_end",
                closes,
                self.rng.random(),
            )
        elif place != "free" and self.rng.random() >= EXACT_CHORDS_SHARE:
            chords = self._varied_chords(phrase.letter, chords)
        return tuple(chords)

    def _varied_chords(self, letter: str, chords: list[ChordSymbol]) -> list[ChordSymbol]:
        """Return the chords with one or two drawn anew: of several variants what the letter's histograms lack."""
        so_far = [written.chords for written in self.written if written.letter == letter]
        best: tuple[float, list[ChordSymbol]] | None = None
        for number in range(CHORD_VARIANTS):
            variant = self.composer.chords.with_other_chord(letter, chords, alike=False)
            if number % 2:
                variant = self.composer.chords.with_other_chord(letter, variant, alike=False)
            distance = self.composer.styles.chord_distance(letter, *so_far, variant)
            if best is None or distance < best[0]:
                best = (distance, variant)
        assert best is not None
        return best[1]

    def _without_copies(self, start: int, new: NewPhrase, closes: bool) -> NewPhrase:
        """Draw anew where the repeat, after its new neighbour, would share too long a run with the seed."""
        for attempt in range(REDRAWS):
            wrong = self.cost.violations(new, self.line, start)
            if not wrong:
                break
            at = int(new.onsets[wrong[0]]) // self.composer.size * self.composer.size
            editor = self.editor if attempt < REDRAWS // 2 else PhraseEditor(self.composer_at(1))
            new = editor.redrawn(new, at, at + self.composer.size, self.line, start, closes)
        return new

    # --- kept melody or rhythm, pickups -----------------------------------------------------------------------------

    def _on_kept(self, phrase: Phrase, place: Place, closes: bool, seed: PhraseEvents, source: int | None) -> NewPhrase:
        old = self.written[source] if source is not None else None
        if old is not None and not self.kept.melody:
            chords = self._repeated_chords(phrase, place, closes, old)
        else:
            chords = self._chords(phrase, place, closes)
        steps = phrase.bars * self._steps_per_bar
        pitches = seed.pitches
        if not self.kept.melody and len(seed.onsets):
            pitches = pitches_on_rhythm(self.composer, seed, chords, place, closes, old, self.line)
        basics = basic_pitches(seed.onsets, seed.durations, pitches, steps, self.composer.size)
        return NewPhrase(
            phrase.letter, phrase.bars, place, chords, seed.onsets, seed.durations, pitches, tuple(basics), 0.0, source
        )
