"""Songs as phrases in C: the set that the networks of MusicFrameworks learn from and are measured on.

After Dai, Jin, Gomes and Dannenberg (ISMIR 2021): melodic phrases of songs in 4/4 whose keys are all major, moved to C.
Ours: minor songs, moved to A minor, and songs in other metres are an extension with results of their own; songs in
several keys are read by the key at each phrase's first bar (`datasets.pop909.place_keys`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.phrase_grid import Phrase, PhraseGrid, phrase_grid, usual_step_ticks
from ritornello.errors import ArgumentError, ReadError, UnsuitableSongError
from ritornello.score import Chord, Key, Song

IntArray = NDArray[np.int64]

SongSet = Literal["one-key", "all-major", "minor", "other-metre", "all"]

SONG_SETS: tuple[SongSet, ...] = ("one-key", "all-major", "minor", "other-metre", "all")
"""Sets of songs: one major key in 4/4 (the main figures); all keys major in 4/4 (the paper's rule); some key minor in
4/4; metres other than 4/4; every song."""


@dataclass(frozen=True)
class PhrasePlan:
    """What is known of a phrase before a note of it is written.

    Attributes:
        letter: its letter, or any text that phrases which repeat each other share.
        bars: length in bars.
        steps_per_bar: steps in a bar (16 in 4/4).
        steps_per_beat: steps in a beat (4 in 4/4).
        chords: one chord a beat, or None; in C major or A minor.
        ends_section: whether it is the last melodic phrase of a section.
        is_minor: whether its key is minor.
    """

    letter: str
    bars: int
    steps_per_bar: int
    steps_per_beat: int
    chords: tuple[Chord | None, ...] = field(repr=False)
    ends_section: bool
    is_minor: bool = False

    def __post_init__(self) -> None:
        beats = self.steps // self.steps_per_beat
        if self.bars < 1 or self.steps_per_bar % self.steps_per_beat:
            raise ArgumentError(
                f"a phrase has at least one bar of whole beats, not {self.bars} of {self.steps_per_bar}"
            )
        if len(self.chords) != beats:
            raise ArgumentError(f"a phrase of {self.bars} bars has {beats} beats, not {len(self.chords)} chords")

    @property
    def steps(self) -> int:
        """Length in steps."""
        return self.bars * self.steps_per_bar

    @property
    def segment_steps(self) -> int:
        """Steps of a segment, which has one basic pitch: two beats of 4/4, else a bar (as `PhraseGrid`)."""
        return self.steps_per_bar // 2 if self.steps_per_bar == 4 * self.steps_per_beat else self.steps_per_bar

    @property
    def segments(self) -> int:
        """Number of segments."""
        return self.steps // self.segment_steps

    @property
    def units(self) -> tuple[tuple[int, int], ...]:
        """Rhythm units ``(start, steps)``: two beats each, in every bar; what is left over, or a beat of six, alone.

        In 4/4 they are the segments; a bar of 3/4 has one of 8 steps and one of 4. No unit is longer than 8 steps, so
        all metres share the 256 onset patterns.
        """
        size = self.steps_per_beat if self.steps_per_beat > 4 else 2 * self.steps_per_beat
        return tuple(
            (bar * self.steps_per_bar + start, min(size, self.steps_per_bar - start))
            for bar in range(self.bars)
            for start in range(0, self.steps_per_bar, size)
        )


@dataclass(frozen=True)
class PhraseNotes:
    """A phrase with its melody.

    Attributes:
        song: id of its song.
        plan: see `PhrasePlan`.
        onsets: ``(n,)`` steps from the start of the phrase, rising.
        durations: ``(n,)`` steps, cut at the end of the phrase.
        pitches: ``(n,)`` MIDI pitches in C major or A minor.
        shift: semitones, -6..5, that were added to reach that key.
    """

    song: str
    plan: PhrasePlan
    onsets: IntArray = field(repr=False)
    durations: IntArray = field(repr=False)
    pitches: IntArray = field(repr=False)
    shift: int = 0


@dataclass(frozen=True)
class SongPhrases:
    """The melodic phrases of a song, X left out, in their order.

    Attributes:
        id: the song's id or title.
        phrases: at least one phrase.
    """

    id: str
    phrases: tuple[PhraseNotes, ...] = field(repr=False)


def shift_to_c(key: Key) -> int:
    """Return the semitones, -6..5, that move a key to C major or A minor, whichever way is shorter."""
    tonic = key.tonic if key.mode == "major" else (key.tonic + 3) % 12
    return -tonic if tonic <= 6 else 12 - tonic


def song_phrases(song: Song, id: str = "") -> SongPhrases:
    """Read an analysed song.

    Args:
        song: a song with form, melody, and, where known, chords and keys (without: read as C major).
        id: its id; its title if left out.

    Raises:
        UnsuitableSongError: if form or melody are missing, the metre fits no grid, or a beat has more than 8 steps.
    """
    grid = phrase_grid(song, usual_step_ticks(song))
    name = id or song.title
    if grid.steps_per_beat > 8:
        raise UnsuitableSongError(f"{name or 'the song'}: beats of {grid.steps_per_beat} sixteenths are not handled")
    phrases = tuple(_phrase(name, grid, phrase) for phrase in grid.melodic_phrases if phrase.letter != "X")
    if not phrases or not len(grid.onsets):
        raise UnsuitableSongError(f"{name or 'the song'}: has no melodic phrase; its form or its melody is missing")
    return SongPhrases(name, phrases)


def plan_of(grid: PhraseGrid, phrase: Phrase) -> PhrasePlan:
    """Return what is known of a phrase without its notes: chords and key, moved to C, and its place."""
    key = phrase.key or Key(0)
    shift = shift_to_c(key)
    beats = range(phrase.start_bar * grid.beats_per_bar, phrase.stop_bar * grid.beats_per_bar)
    found = [grid.chords[beat] if beat < len(grid.chords) else None for beat in beats]
    chords = tuple(chord.transpose(shift) if chord is not None else None for chord in found)
    return PhrasePlan(
        phrase.letter, phrase.bars, grid.steps_per_bar, grid.steps_per_beat, chords, phrase.is_section_end,
        key.mode == "minor",
    )  # fmt: skip


def _phrase(song: str, grid: PhraseGrid, phrase: Phrase) -> PhraseNotes:
    start, stop = phrase.start_bar * grid.steps_per_bar, phrase.stop_bar * grid.steps_per_bar
    notes = grid.notes_between(start, stop)
    onsets = grid.onsets[notes] - start
    shift = shift_to_c(phrase.key or Key(0))
    return PhraseNotes(
        song=song,
        plan=plan_of(grid, phrase),
        onsets=onsets,
        durations=np.minimum(grid.durations[notes], stop - start - onsets),
        pitches=grid.pitches[notes] + shift,
        shift=shift,
    )


def belongs(entry: Any, songs: SongSet) -> bool:
    """Return whether a song of the data set (`datasets.pop909.Pop909Song`) belongs to a set of songs.

    Raises:
        ArgumentError: if the set is unknown.
    """
    if songs not in SONG_SETS:
        raise ArgumentError(f"'{songs}' is no set of songs; use one of {', '.join(SONG_SETS)}")
    if songs == "all":
        return True
    if songs == "other-metre":
        return bool(entry.beats_per_bar != 4)
    if entry.beats_per_bar != 4:
        return False
    if songs == "one-key":
        return bool(entry.is_one_key_major)
    return bool(entry.is_all_major) == (songs == "all-major")


def load_songs(
    dataset: Any, ids: Iterable[str], progress: Callable[[int, int], None] | None = None
) -> Iterator[tuple[Any, SongPhrases]]:
    """Yield each song of a data set, as it was loaded and as phrases; songs that cannot be read are left out.

    Args:
        dataset: a data set like `datasets.pop909.Pop909`.
        ids: the songs.
        progress: called with songs done and songs in all.
    """
    ids = list(ids)
    for done, id in enumerate(ids, start=1):
        try:
            entry = dataset.load(id)
            yield entry, song_phrases(entry.song, id)
        except (UnsuitableSongError, ReadError):
            pass
        if progress is not None:
            progress(done, len(ids))


def phrase_set(dataset: Any, split: str, songs: SongSet = "all-major") -> tuple[SongPhrases, ...]:
    """Return the phrases of a split of a data set.

    Args:
        dataset: a data set like `datasets.pop909.Pop909`.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
        songs: which of its songs; see `SONG_SETS`.

    Returns:
        One entry a song. Of the POP909 pack, all-major: 363, 56 and 57 songs with 2,891, 438 and 461 phrases.

    Raises:
        ArgumentError: if the split or the set is unknown.
    """
    return tuple(read for entry, read in load_songs(dataset, dataset.split(split)) if belongs(entry, songs))
