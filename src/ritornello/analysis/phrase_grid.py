"""A song as phrases on an even grid: what the metrics of imitation and structure count on.

Our design: steps are sixteenths or, for a song in triplets, triplet eighths. Bars of another length than the song's
usual one are cut or padded with rests, so every bar has the same number of steps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import UnsuitableSongError
from ritornello.score import Chord, Key, Meter, Song
from ritornello.score.timeline import TICKS_PER_SIXTEENTH

IntArray = NDArray[np.int64]

TRIPLET_STEP_TICKS = 4
"""Grid of a song whose off-beat notes are mostly triplets."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A segment of the form with its place.

    Attributes:
        index: its place in the row of segments.
        letter: its letter.
        start_bar: first bar.
        bars: length in bars.
        is_melodic: whether the letter is a capital.
        is_section_end: whether it is the last melodic phrase of a section.
        key: the key at its first bar, or None if unknown.
    """

    index: int
    letter: str
    start_bar: int
    bars: int
    is_melodic: bool
    is_section_end: bool
    key: Key | None

    @property
    def stop_bar(self) -> int:
        """The bar after the last."""
        return self.start_bar + self.bars


@dataclass(frozen=True)
class PhraseGrid:
    """Melody and chords on steps of equal length.

    Attributes:
        step_ticks: ticks in a step (3: sixteenths).
        steps_per_beat: steps in a beat (4 for sixteenths in 4/4).
        steps_per_bar: steps in a bar.
        onsets: ``(n,)`` first step of each melody note.
        durations: ``(n,)`` steps that it sounds, cut at the next onset.
        pitches: ``(n,)`` MIDI pitches.
        sources: ``(n,)`` index of each note in the melody part; of notes that share a step only the highest is here.
        chords: for each beat its chord, or None.
        phrases: the segments of the form.
    """

    step_ticks: int
    steps_per_beat: int
    steps_per_bar: int
    onsets: IntArray
    durations: IntArray
    pitches: IntArray
    sources: IntArray
    chords: tuple[Chord | None, ...]
    phrases: tuple[Phrase, ...]

    @property
    def bars(self) -> int:
        """Number of bars."""
        return len(self.chords) * self.steps_per_beat // self.steps_per_bar

    @property
    def beats_per_bar(self) -> int:
        """Number of beats in a bar."""
        return self.steps_per_bar // self.steps_per_beat

    @property
    def segment_steps(self) -> int:
        """Steps of a rhythm segment: half a bar of 4/4 (two beats), else the whole bar."""
        return self.steps_per_bar // 2 if self.beats_per_bar == 4 else self.steps_per_bar

    @property
    def melodic_phrases(self) -> tuple[Phrase, ...]:
        """The phrases with a capital letter, X included."""
        return tuple(phrase for phrase in self.phrases if phrase.is_melodic)

    def held_pitch(self) -> IntArray:
        """Return ``(bars · steps_per_bar,)`` the pitch that sounds at each step, 0 for a rest."""
        held = np.zeros(self.bars * self.steps_per_bar, np.int64)
        for onset, duration, pitch in zip(self.onsets, self.durations, self.pitches, strict=True):
            held[onset : onset + duration] = pitch
        return held

    def onset_flags(self) -> NDArray[np.bool_]:
        """Return ``(bars · steps_per_bar,)`` whether a note starts at each step."""
        flags = np.zeros(self.bars * self.steps_per_bar, np.bool_)
        flags[self.onsets] = True
        return flags

    def notes_between(self, start: int, stop: int) -> slice:
        """Return the slice of the notes that start in steps ``start`` to ``stop``."""
        first, last = np.searchsorted(self.onsets, [start, stop])
        return slice(int(first), int(last))


def usual_meter(song: Song) -> Meter:
    """Return the metre that most bars of a song have."""
    counted: Counter[tuple[int, int]] = Counter()
    starts = [meter.tick for meter in song.meters]
    for tick in song.bar_lines[:-1]:
        meter = song.meters[int(np.searchsorted(starts, tick, side="right")) - 1]
        counted[(meter.numerator, meter.denominator)] += 1
    numerator, denominator = counted.most_common(1)[0][0]
    return Meter(0, numerator, denominator)


def usual_step_ticks(song: Song) -> int:
    """Return the step of a song's melody in ticks: `TRIPLET_STEP_TICKS` for a song in triplets, else a sixteenth."""
    melody, meter = song.part("melody"), usual_meter(song)
    if melody is None or meter.is_compound or meter.beat_ticks % TRIPLET_STEP_TICKS:
        return TICKS_PER_SIXTEENTH
    inside = melody.notes["onset"] % 12
    triplets = int(np.isin(inside, (4, 8)).sum())
    sixteenths = int(np.isin(inside, (3, 6, 9)).sum())
    return TRIPLET_STEP_TICKS if triplets > 2 * sixteenths else TICKS_PER_SIXTEENTH


def phrase_grid(song: Song, step_ticks: int = TICKS_PER_SIXTEENTH) -> PhraseGrid:
    """Read an analysed song onto the grid.

    Args:
        song: a song with form and, where known, melody, chords and keys.
        step_ticks: ticks in a step; it must divide the beat.

    Raises:
        UnsuitableSongError: if the song has no form, or a beat that the steps do not divide.
    """
    if song.form is None:
        raise UnsuitableSongError(f"{song.title or 'the song'}: its form is unknown; analyse the song first")
    meter = usual_meter(song)
    if meter.beat_ticks % step_ticks or meter.bar_ticks % meter.beat_ticks:
        raise UnsuitableSongError(f"{song.title or 'the song'}: metre {meter} does not fit a grid of sixteenths")
    steps_per_bar = meter.bar_ticks // step_ticks
    onsets, durations, pitches, sources = _melody_steps(song, steps_per_bar, step_ticks)
    return PhraseGrid(
        step_ticks=step_ticks,
        steps_per_beat=meter.beat_ticks // step_ticks,
        steps_per_bar=steps_per_bar,
        onsets=onsets,
        durations=durations,
        pitches=pitches,
        sources=sources,
        chords=_beat_chords(song, meter),
        phrases=_phrases(song),
    )


def _melody_steps(song: Song, steps_per_bar: int, step_ticks: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    part = song.part("melody")
    empty = np.zeros(0, np.int64)
    if part is None or not len(part.notes):
        return empty, empty, empty, empty
    notes = part.notes
    onsets = _steps(song, notes["onset"], steps_per_bar, step_ticks)
    ends = _steps(song, notes["onset"].astype(np.int64) + notes["duration"], steps_per_bar, step_ticks)
    order = np.lexsort((notes["pitch"], onsets))
    onsets, ends, pitches = onsets[order], ends[order], notes["pitch"].astype(np.int64)[order]
    last = np.append(onsets[1:] != onsets[:-1], True)  # of notes that share a step the highest is the tune
    onsets, ends, pitches, order = onsets[last], ends[last], pitches[last], order[last]
    following = np.append(onsets[1:], song.bars * steps_per_bar)
    durations = np.maximum(np.minimum(ends, following) - onsets, 1)
    inside = onsets < song.bars * steps_per_bar
    return onsets[inside], durations[inside], pitches[inside], order[inside].astype(np.int64)


def _steps(song: Song, ticks: NDArray[np.integer], steps_per_bar: int, step_ticks: int) -> IntArray:
    lines = song.bar_lines
    bars = song.bars_at(ticks)
    inside = np.round((ticks - lines[bars]) / step_ticks).astype(np.int64)
    limit = np.where(bars == len(lines) - 2, 2**31, steps_per_bar)
    result: IntArray = bars * steps_per_bar + np.minimum(inside, limit)
    return result


def _beat_chords(song: Song, meter: Meter) -> tuple[Chord | None, ...]:
    beats = np.arange(0, meter.bar_ticks, meter.beat_ticks)
    starts = (song.bar_lines[:-1, None] + beats[None, :]).ravel()
    lengths = np.repeat(np.diff(song.bar_lines), len(beats))
    onsets = np.array([span.onset for span in song.chords], np.int64)
    chords: list[Chord | None] = []
    for tick, offset, length in zip(starts, np.tile(beats, song.bars), lengths, strict=True):
        index = int(np.searchsorted(onsets, tick, side="right")) - 1
        found = index >= 0 and tick < song.chords[index].end and offset < length
        chords.append(song.chords[index].chord if found else None)
    return tuple(chords)


def _phrases(song: Song) -> tuple[Phrase, ...]:
    form = song.form
    assert form is not None
    ends = set()
    for first, stop in form.sections:
        ends.add(max(index for index in range(first, stop) if form.segments[index].is_melodic))
    return tuple(
        Phrase(
            index=index,
            letter=segment.letter,
            start_bar=start,
            bars=segment.bars,
            is_melodic=segment.is_melodic,
            is_section_end=index in ends,
            key=song.key_at(int(song.bar_lines[start])),
        )
        for index, (segment, start) in enumerate(zip(form.segments, form.starts, strict=True))
    )
