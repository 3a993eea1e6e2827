"""What is taken over from the seed unchanged, and how the rest is made to fit it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.analysis.segments import pattern_of
from ritornello.imitation.composer import Composer
from ritornello.imitation.contexts import Place
from ritornello.imitation.data import NO_CHORD, ChordSymbol, IntArray, PhraseEvents
from ritornello.imitation.phrase import Line, NewPhrase
from ritornello.imitation.settings import STYLE_WEIGHT
from ritornello.imitation.tables import FloatArray
from ritornello.score.chord import QUALITIES

OUTSIDE_COST = 0.3
"""Factor on a chord for every two steps of kept melody outside it."""

OTHER_BASS, FOREIGN_BASS = 0.05, 0.002
"""Factors on a chord that has the kept bass as another tone, or not at all."""


@dataclass(frozen=True)
class Kept:
    """What the new song takes over from the seed unchanged.

    Attributes:
        structure: how closely each repeat repeats its source, besides the form itself.
        chords, rhythm, melody, bass: these, note for note.
    """

    structure: bool = False
    chords: bool = False
    rhythm: bool = False
    melody: bool = False
    bass: bool = False


def chord_emission(
    composer: Composer, seed: PhraseEvents, kept: Kept, bass_of_beat: IntArray | None
) -> FloatArray | None:
    """Return ``(beats, chords)`` how well each chord of the vocabulary fits what is kept; None if nothing binds it.

    Args:
        composer: the writers, for their vocabulary of chords.
        seed: the seed's phrase at this place.
        kept: what is kept.
        bass_of_beat: the kept bass of the whole song, pitch classes above the tonic, -1 for none.
    """
    if not (kept.melody or kept.bass):
        return None
    vocabulary = composer.model.mixture("chord").vocabulary
    beats = seed.phrase.bars * composer.beats
    emission = np.ones((beats, len(vocabulary)))
    tones = np.zeros((len(vocabulary), 12), bool)
    basses = np.full(len(vocabulary), -1)
    for index, symbol in enumerate(vocabulary):
        if symbol != NO_CHORD:
            tones[index, [(symbol[0] + step) % 12 for step in QUALITIES[symbol[1]]]] = True
            basses[index] = (symbol[0] + symbol[2]) % 12
    if kept.melody:
        size = composer.steps_per_beat
        for onset, duration, pitch in zip(
            seed.onsets.tolist(), seed.durations.tolist(), seed.pitches.tolist(), strict=True
        ):
            for beat in range(onset // size, min((onset + duration - 1) // size + 1, beats)):
                share = min(onset + duration, (beat + 1) * size) - max(onset, beat * size)
                emission[beat] *= np.where(tones[:, pitch % 12], 1.0, OUTSIDE_COST ** (share / 2))
    if kept.bass and bass_of_beat is not None:
        start = seed.phrase.start_bar * composer.beats
        for beat, bass in enumerate(bass_of_beat[start : start + beats].tolist()):
            if bass >= 0:
                other = np.where(tones[:, bass], OTHER_BASS, FOREIGN_BASS)
                emission[beat] *= np.where(basses == bass, 1.0, other)
    return emission


def pitches_on_rhythm(
    composer: Composer,
    seed: PhraseEvents,
    chords: tuple[ChordSymbol, ...],
    place: Place,
    closes: bool,
    old: NewPhrase | None,
    line: Line,
) -> IntArray:
    """Draw new pitches on the seed's rhythm: of several candidates the one nearest in style.

    Args:
        composer: the writers.
        seed: the seed's phrase, for its onsets.
        chords: the new chords.
        place: where the phrase ends.
        closes: whether the song ends with it.
        old: the phrase that it repeats: its pitches are taken wherever it sounds at an onset.
        line: the melody before.
    """
    steps = seed.phrase.bars * composer.steps_per_bar
    start_step = seed.phrase.start_bar * composer.steps_per_bar
    letter = seed.phrase.letter
    patterns = [pattern_of(seed.onsets, at, composer.size) for at in range(0, steps, composer.size)]
    wanted = None
    if old is not None:
        wanted = old.roll(max(steps, old.bars * composer.steps_per_bar))[seed.onsets]
    chord = chords[min(int(seed.onsets[-1]) // composer.steps_per_beat, len(chords) - 1)]
    degree = composer.melody.draw_final_degree(place, chord, closes and seed.phrase.is_melodic)
    best: tuple[float, IntArray] | None = None
    for _ in range(composer.candidates):
        basics, basic_score = composer.melody.draw_basics(letter, chords, patterns, place)
        if old is not None:
            basics = [
                fresh if fresh is None or index >= len(old.basics) else old.basics[index]
                for index, fresh in enumerate(basics)
            ]
        pitches, score = composer.melody.draw_pitches(
            letter, seed.onsets, chords, basics, line, start_step, final_degree=degree, wanted=wanted
        )
        new = NewPhrase(letter, seed.phrase.bars, place, chords, seed.onsets, seed.durations, pitches)
        distance = composer.styles.melody_distance(letter, new)
        score += basic_score - STYLE_WEIGHT * composer.model.strength * distance
        if best is None or score > best[0]:
            best = (score, pitches)
    assert best is not None
    return best[1]
