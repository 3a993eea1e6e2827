"""An analysed song as the events that the models count: phrases in scale degrees on a step grid.

Pitches are semitones above a reference tonic, chords are relative to the key, so songs in different keys, and the
phrases of a song that changes key, speak the same language.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.phrase_grid import Phrase, PhraseGrid, phrase_grid, usual_step_ticks
from ritornello.errors import UnsuitableSongError
from ritornello.score import Chord, Key, Song
from ritornello.score.chord import QUALITIES
from ritornello.score.key import MAJOR_SCALE, MINOR_SCALE

IntArray = NDArray[np.int64]

ChordSymbol = tuple[int, str, int]
"""A chord in a key: root above the tonic (0..11), quality, bass above the root (0..11)."""

NO_CHORD: ChordSymbol = (-1, "N", 0)
"""Where no chord sounds or none is known."""


@dataclass(frozen=True)
class PhraseEvents:
    """One phrase relative to its key.

    Attributes:
        phrase: its place in the song.
        reference: MIDI pitch of the tonic that counts as 0.
        onsets: ``(n,)`` steps from the start of the phrase.
        durations: ``(n,)`` steps, cut at the end of the phrase.
        pitches: ``(n,)`` semitones above the reference.
        chords: one symbol per beat.
    """

    phrase: Phrase
    reference: int
    onsets: IntArray
    durations: IntArray
    pitches: IntArray
    chords: tuple[ChordSymbol, ...]


@dataclass(frozen=True)
class SongEvents:
    """All phrases of a song, melodic or not, relative to their keys.

    Attributes:
        grid: the song on its step grid.
        key: the song's first key; phrases in the other mode are read in the relative key of this mode.
        reference: MIDI pitch of that key's tonic nearest to the middle of the melody.
        phrases: one entry per segment of the form.
    """

    grid: PhraseGrid
    key: Key
    reference: int
    phrases: tuple[PhraseEvents, ...]

    @property
    def mode(self) -> str:
        """``"major"`` or ``"minor"``."""
        return self.key.mode

    @property
    def metre(self) -> tuple[int, int]:
        """What songs must share to share rhythms: steps in a bar and in a beat."""
        return self.grid.steps_per_bar, self.grid.steps_per_beat


def song_events(song: Song) -> SongEvents:
    """Read an analysed song.

    Raises:
        UnsuitableSongError: if form, melody or key are missing, or the metre fits no grid.
    """
    name = song.title or "the song"
    melody = song.part("melody")
    if melody is None or not len(melody.notes):
        raise UnsuitableSongError(f"{name}: no part is marked as the melody; name the part that carries it")
    key = song.key_at(0)
    if key is None:
        raise UnsuitableSongError(f"{name}: its key is unknown; analyse the song first")
    grid = phrase_grid(song, usual_step_ticks(song))
    middle = float(np.median(grid.pitches))
    reference = _nearest_tonic(key, middle)
    phrases = tuple(_phrase_events(grid, phrase, key, reference) for phrase in grid.phrases)
    return SongEvents(grid, key, reference, phrases)


def symbol_of(chord: Chord | None, tonic: int) -> ChordSymbol:
    """Return a chord relative to a tonic."""
    if chord is None:
        return NO_CHORD
    return (chord.root - tonic) % 12, chord.quality, (chord.bass - chord.root) % 12


def chord_of(symbol: ChordSymbol, tonic: int) -> Chord | None:
    """Return the chord that a symbol means in a key; the inverse of `symbol_of`."""
    if symbol == NO_CHORD:
        return None
    root = (symbol[0] + tonic) % 12
    return Chord(root, symbol[1], (root + symbol[2]) % 12)


def in_mode(events: SongEvents, mode: str) -> SongEvents:
    """Return a song's events with its scale degrees altered to the other mode; the dominant keeps its leading tone."""
    key = Key(events.key.tonic, "minor" if mode == "minor" else "major")
    if key == events.key:
        return events
    old, new = (MAJOR_SCALE, MINOR_SCALE) if mode == "minor" else (MINOR_SCALE, MAJOR_SCALE)
    altered = {a: b for a, b in zip(old, new, strict=True) if a != b}

    def symbol(chord: ChordSymbol) -> ChordSymbol:
        if chord == NO_CHORD:
            return chord
        is_dominant = chord[0] == 7 and 4 in QUALITIES[chord[1]]
        table = {} if is_dominant else altered
        root = table.get(chord[0], chord[0])
        steps = tuple(sorted((_altered(chord[0] + step, table) - root) % 12 for step in QUALITIES[chord[1]]))
        quality = next((name for name, known in QUALITIES.items() if known == steps), None)
        if quality is None:
            quality = "min" if 3 in steps else "maj"
        return root, quality, (_altered(chord[0] + chord[2], table) - root) % 12

    def phrase(old_events: PhraseEvents) -> PhraseEvents:
        pitches = [int(p) - p % 12 + altered.get(int(p) % 12, int(p) % 12) for p in old_events.pitches]
        chords = tuple(symbol(chord) for chord in old_events.chords)
        return dataclasses.replace(old_events, pitches=np.array(pitches, np.int64), chords=chords)

    return dataclasses.replace(events, key=key, phrases=tuple(phrase(p) for p in events.phrases))


def _altered(pitch_class: int, table: dict[int, int]) -> int:
    return table.get(pitch_class % 12, pitch_class % 12)


def _phrase_events(grid: PhraseGrid, phrase: Phrase, key: Key, reference: int) -> PhraseEvents:
    own = _in_mode_of(phrase.key or key, key)
    own_reference = reference + (own.tonic - key.tonic + 6) % 12 - 6
    start, stop = phrase.start_bar * grid.steps_per_bar, phrase.stop_bar * grid.steps_per_bar
    notes = grid.notes_between(start, stop)
    onsets = grid.onsets[notes] - start
    beats = grid.chords[phrase.start_bar * grid.beats_per_bar : phrase.stop_bar * grid.beats_per_bar]
    return PhraseEvents(
        phrase=phrase,
        reference=own_reference,
        onsets=onsets,
        durations=np.minimum(grid.durations[notes], stop - start - onsets),
        pitches=grid.pitches[notes] - own_reference,
        chords=tuple(symbol_of(chord, own.tonic) for chord in beats),
    )


def _in_mode_of(key: Key, main: Key) -> Key:
    if key.mode == main.mode:
        return key
    return Key((key.tonic + (3 if main.mode == "major" else 9)) % 12, main.mode)


def _nearest_tonic(key: Key, pitch: float) -> int:
    return round((pitch - key.tonic) / 12) * 12 + key.tonic
