"""The framework of a song: form, chords, basic melody, rhythm form, contour and notes, each part of it visible.

After Dai, Jin, Gomes and Dannenberg, *Controllable deep melody generation via hierarchical music structure
representation* (ISMIR 2021); the fields are our design. A phrase holds chord cells, melody cells (two beats of 4/4,
else a bar) and notes. Whatever is None is open, to be decided later; whatever is locked is to be kept. Times inside a
phrase count from its start, in steps of `Framework.step_ticks`.

A repeat takes what it leaves open from the phrase it repeats, moved to its own key: *copy* takes everything, *vary* all
but the notes, *free* nothing. So phrases of one letter share one framework until one of them has its own.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.score.form import Form
from ritornello.score.framework_cells import (
    CELL_ITEMS,
    CELL_LAYERS,
    FRAMEWORK_VERSION,
    Cell,
    ChordCell,
    FrameworkPhrase,
    NoteCell,
    Repeat,
    phrases_of_form,
)
from ritornello.score.framework_check import check_framework
from ritornello.score.framework_repeats import inherit, moved, shared
from ritornello.score.key import Key
from ritornello.score.song import ChordSpan, KeyRegion, Part, Song, join_chords, make_notes
from ritornello.score.timeline import TICKS_PER_SIXTEENTH, Meter, Tempo

if TYPE_CHECKING:
    import os

    from ritornello.score.chord_chart import ChordChart

__all__ = [
    "CELL_ITEMS", "CELL_LAYERS", "FRAMEWORK_VERSION", "Cell", "ChordCell", "Framework", "FrameworkPhrase", "NoteCell",
    "Repeat", "phrases_of_form",
]  # fmt: skip


@dataclass(frozen=True)
class Framework:
    """A song's plan on every level, filled wholly, in part or not at all. It never changes; a change makes a new one.

    Attributes:
        form: the phrases' letters and lengths, with their sections.
        phrases: one per segment of the form.
        key: the key of the song, or None if unknown.
        tempo_qpm: quarter notes a minute, 2..1000.
        metre: the metre of all bars, at tick 0.
        step_ticks: length of a step, a divisor of the beat: 3 for sixteenths, 4 for triplets.
        title: title, may be empty.
        seed: the random seed it was made with, or None.
        model_version: what made it, may be empty.

    Raises:
        ArgumentError: naming the place, such as ``phrases[2].cells[3].basic_pitch``, if a value is out of range or two
            contradict each other.
    """

    form: Form
    phrases: tuple[FrameworkPhrase, ...]
    key: Key | None = None
    tempo_qpm: float = 120.0
    metre: Meter = field(default_factory=lambda: Meter(0, 4, 4))
    step_ticks: int = TICKS_PER_SIXTEENTH
    title: str = ""
    seed: int | None = None
    model_version: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "phrases", tuple(self.phrases))
        check_framework(self)

    @classmethod
    def from_form(
        cls,
        form: Form | str,
        key: Key | str | None = None,
        tempo_qpm: float = 120.0,
        metre: Meter | str = "4/4",
        *,
        step_ticks: int = TICKS_PER_SIXTEENTH,
        repeat: Repeat = "vary",
        title: str = "",
    ) -> Framework:
        """Return a framework of a form in which everything else is open.

        Args:
            form: the form, such as ``"i4A8B8A8o4"``.
            key: the key, such as ``"Em"``.
            tempo_qpm: quarter notes a minute.
            metre: the metre, such as ``"3/4"``.
            step_ticks: length of a step in ticks.
            repeat: how later phrases of a letter repeat their source, where they are as long; see `phrases_of_form`.
            title: title.

        Raises:
            ArgumentError: if an argument does not parse or fits no grid.
        """
        form = Form.parse(form) if isinstance(form, str) else form
        key = Key.parse(key) if isinstance(key, str) else key
        metre = Meter.parse(metre) if isinstance(metre, str) else metre
        return cls(form, phrases_of_form(form, repeat), key, tempo_qpm, metre, step_ticks, title)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Framework:
        """Read a JSON file; see `ritornello.score.framework_reader.read_framework`."""
        from ritornello.score.framework_reader import read_framework

        return read_framework(path)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, whole or not at all; an existing file is replaced."""
        from ritornello.files import write_bytes

        # Only lone surrogates, the stray bytes of a file name, do not encode; JSON escapes them as Python does.
        write_bytes(path, self.to_json().encode(errors="backslashreplace"))

    def to_json(self) -> str:
        """Return it as JSON text, one line for each cell and note; see docs/framework.md."""
        from ritornello.score.framework_writer import framework_text

        return framework_text(self)

    @property
    def steps_per_beat(self) -> int:
        """Steps in a beat."""
        return self.metre.beat_ticks // self.step_ticks

    @property
    def steps_per_bar(self) -> int:
        """Steps in a bar."""
        return self.metre.bar_ticks // self.step_ticks

    @property
    def beats_per_bar(self) -> int:
        """Beats in a bar; two in 6/8."""
        return self.metre.bar_ticks // self.metre.beat_ticks

    @property
    def cell_steps(self) -> int:
        """Steps of a melody cell: half a bar where a bar has four beats, else the whole bar."""
        return self.steps_per_bar // 2 if self.beats_per_bar == 4 else self.steps_per_bar

    @property
    def cells_per_bar(self) -> int:
        """Melody cells in a bar: 2 or 1."""
        return self.steps_per_bar // self.cell_steps

    @cached_property
    def effective(self) -> tuple[FrameworkPhrase, ...]:
        """The phrases with what repeats take from their sources filled in."""
        result: list[FrameworkPhrase] = []
        for phrase in self.phrases:
            source = None if phrase.source is None else result[phrase.source]
            result.append(inherit(phrase, source, self.key))
        return tuple(result)

    def key_of(self, phrase: int) -> Key | None:
        """Return the key of a phrase, or None if unknown."""
        return self.phrases[phrase].key or self.key

    def cells(self, phrase: int) -> tuple[Cell, ...]:
        """Return all cells of a phrase, with what it takes from its source; open ones are there as well."""
        return self.effective[phrase].cells or (Cell(),) * (self.phrases[phrase].bars * self.cells_per_bar)

    def open_layers(self, phrase: int) -> tuple[str, ...]:
        """Return what of ``chords``, ``basic``, ``rhythm`` and ``melody`` a phrase still lacks, wholly or in part.

        Only ``chords`` can be lacking where there is no melody; nobody needs a contour.
        """
        whole, cells = self.effective[phrase], self.cells(phrase)
        lacking = []
        if whole.chords is None or any(cell.is_open for cell in whole.chords):
            lacking.append("chords")
        if whole.is_melodic:
            if any(cell.basic_pitch is None for cell in cells):
                lacking.append("basic")
            if any(cell.onset_pattern is None for cell in cells):
                lacking.append("rhythm")
            if whole.notes is None or whole.notes_are_partial:
                lacking.append("melody")
        return tuple(lacking)

    def replace(self, **changes: Any) -> Framework:
        """Return the framework with some attributes changed."""
        return dataclasses.replace(self, **changes)

    def with_phrase(self, phrase: int, **changes: Any) -> Framework:
        """Return the framework with some attributes of one phrase changed."""
        phrases = list(self.phrases)
        phrases[phrase] = dataclasses.replace(phrases[phrase], **changes)
        return self.replace(phrases=tuple(phrases))

    def with_cell(self, phrase: int, cell: int, **changes: Any) -> Framework:
        """Return the framework with some attributes of one cell changed; the phrase then has cells of its own."""
        cells = list(self.cells(phrase))
        cells[cell] = dataclasses.replace(cells[cell], **changes)
        return self.with_phrase(phrase, cells=tuple(cells))

    def transposed(self, key: Key) -> Framework:
        """Return the framework in another key of the same mode: chords, basic melody, notes and keys move alike.

        Each phrase stays within the range of MIDI, an octave higher or lower if need be. A framework without a key
        gets this one, and nothing moves.

        Raises:
            ArgumentError: if the modes differ.
        """
        if self.key is None or self.key == key:
            return self.replace(key=key)
        if self.key.mode != key.mode:
            raise ArgumentError(f"a framework in {self.key} is not moved to {key}; give a {self.key.mode} key")
        shift = (key.tonic - self.key.tonic + 6) % 12 - 6
        phrases = (
            dataclasses.replace(moved(phrase, shift), key=phrase.key and phrase.key.transpose(shift))
            for phrase in self.phrases
        )
        return self.replace(phrases=tuple(phrases), key=key)

    def with_chords(self, chart: ChordChart, lock: bool = False) -> Framework:
        """Return the framework with the chords of a chart; see `ritornello.score.chord_chart.with_chart`."""
        from ritornello.score.chord_chart import with_chart

        return with_chart(self, chart, lock)

    def lock(self, *selections: str) -> Framework:
        """Return the framework with what the selections name locked, such as ``"rhythm@A"``; see `framework_locks`."""
        from ritornello.score.framework_locks import set_locks

        return set_locks(self, selections, True)

    def unlock(self, *selections: str) -> Framework:
        """Return the framework with what the selections name unlocked."""
        from ritornello.score.framework_locks import set_locks

        return set_locks(self, selections, False)

    def reopen(self, *selections: str) -> Framework:
        """Return the framework with what the selections name open again, to be drawn anew; locked parts stay."""
        from ritornello.score.framework_locks import reopen

        return reopen(self, selections)

    def shared(self) -> Framework:
        """Return the same framework with the layers left out that a repeat would take from its source unchanged.

        A repeat that has its source's chords, cells and notes becomes a *copy*, another one with a source *vary*.
        Phrases that are *free* stay as they are.
        """
        result: list[FrameworkPhrase] = []
        for phrase, whole in zip(self.phrases, self.effective, strict=True):
            if phrase.repeat != "free" and phrase.source is not None:
                phrase = shared(whole, self.effective[phrase.source], self.key)
            result.append(phrase)
        return self.replace(phrases=tuple(result))

    def melody(self) -> NDArray[np.void]:
        """Return the notes of all phrases that have any, ``(n,)`` of `song.NOTE_DTYPE` in ticks, velocity 80."""
        rows = [
            (phrase.start_bar * self.steps_per_bar + note.onset, note.duration, note.pitch)
            for phrase in self.effective
            for note in phrase.notes or ()
        ]
        onsets, durations, pitches = np.array(rows, np.int64).reshape(-1, 3).T
        return make_notes(onsets * self.step_ticks, durations * self.step_ticks, pitches)

    def chord_spans(self) -> tuple[ChordSpan, ...]:
        """Return the chords that are decided, in ticks; equal neighbours are one."""
        spans = []
        for phrase in self.effective:
            tick = phrase.start_bar * self.metre.bar_ticks
            for cell in phrase.chords or ():
                length = round(cell.beats * self.metre.beat_ticks)
                if cell.chord is not None:
                    spans.append(ChordSpan(tick, length, cell.chord))
                tick += length
        return join_chords(spans)

    def song(self) -> Song:
        """Return what is decided as a song: form, keys, chords and a melody part, no accompaniment."""
        keys: list[KeyRegion] = []
        for index, phrase in enumerate(self.phrases):
            key = self.key_of(index)
            if key is not None and (not keys or keys[-1].key != key):
                keys.append(KeyRegion(phrase.start_bar * self.metre.bar_ticks, key))
        return Song(
            parts=(Part("Melody", self.melody(), role="melody"),),
            tempi=(Tempo(0, self.tempo_qpm),),
            meters=(self.metre,),
            keys=tuple(keys),
            chords=self.chord_spans(),
            form=self.form,
            title=self.title,
        )
