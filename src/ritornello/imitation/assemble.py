"""A song put together: written phrases as a melody in ticks, chords, keys, and the accompaniment under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.phrase_grid import Phrase, PhraseGrid, phrase_grid, usual_meter
from ritornello.arrange import ArrangePlan, accompany, source_bars
from ritornello.arrange.accompany import bass_of
from ritornello.arrange.following import follows_melody
from ritornello.errors import ArgumentError
from ritornello.imitation.data import IntArray, SongEvents, chord_of
from ritornello.imitation.kept import Kept
from ritornello.imitation.originality_guard import CopyLimits
from ritornello.imitation.phrase import NewPhrase
from ritornello.imitation.second_line import bridge_part
from ritornello.imitation.train import Prior
from ritornello.score import ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, Tempo, make_notes
from ritornello.score.song import join_chords


@dataclass(frozen=True)
class Job:
    """What is to be written: the seed, its events, and the wanted form, key, tempo, strength and limits."""

    seed: Song
    events: SongEvents
    form: Form
    key: Key
    tempo_qpm: float
    kept: Kept
    strength: float
    limits: CopyLimits
    prior: Prior

    @property
    def keeps_pitches(self) -> bool:
        """Whether kept notes or chords tie the song to the seed's changes of key."""
        return self.kept.melody or self.kept.chords or self.kept.bass

    @property
    def shift(self) -> int:
        """Semitones from the seed's first key to the new key."""
        return (self.key.tonic - self.events.key.tonic + 6) % 12 - 6


def phrases_of(job: Job) -> tuple[Phrase, ...]:
    """Return the segments of the form to fill."""
    if str(job.form) == str(job.seed.form):
        return job.events.grid.phrases
    return phrase_grid(Song(meters=(usual_meter(job.seed),), form=job.form), job.events.grid.step_ticks).phrases


def bass_of_beats(job: Job) -> IntArray | None:
    """Return the kept bass as pitch classes above the tonic at each beat, -1 where it rests."""
    if not job.kept.bass:
        return None
    grid = job.events.grid
    beats = np.full(len(grid.chords), -1, np.int64)
    part = bass_of(job.seed)
    if part is None:
        raise ArgumentError("keep bass: the seed has no bass and no accompaniment to take one from")
    beat_ticks = grid.steps_per_beat * grid.step_ticks
    references = _phrase_references(job.events)
    for onset, duration, pitch, _ in part.notes.tolist():
        first = (onset + beat_ticks // 4) // beat_ticks
        for beat in range(first, min(len(beats), max(first + 1, (onset + duration) // beat_ticks))):
            beats[beat] = (pitch - references[min(beat // grid.beats_per_bar, len(references) - 1)]) % 12
    return beats


def _phrase_references(events: SongEvents) -> list[int]:
    """Return for each bar of the seed the MIDI pitch of the tonic that its phrase is read against."""
    return [phrase.reference for phrase in events.phrases for _ in range(phrase.phrase.bars)]


def assemble(job: Job, phrases: tuple[Phrase, ...], written: list[NewPhrase], rng: np.random.Generator) -> Song:
    """Return the new song.

    Args:
        job: what is to be written.
        phrases: the segments of the form.
        written: what was written for each.
        rng: source of chance, for the second melody.
    """
    seed, events = job.seed, job.events
    meter = usual_meter(seed)
    references = [events.reference + job.shift] * len(phrases)
    keys: tuple[KeyRegion, ...] = (KeyRegion(0, job.key),)
    if job.keeps_pitches:
        references = [phrase.reference + job.shift for phrase in events.phrases]
        keys = tuple(KeyRegion(region.tick, region.key.transpose(job.shift)) for region in seed.keys)
    sources = source_bars(seed.form or job.form, job.form)
    seed_references = _phrase_references(events)
    new_references = [
        reference for phrase, reference in zip(phrases, references, strict=True) for _ in range(phrase.bars)
    ]
    shifts = tuple(
        new_references[bar] - seed_references[min(source, len(seed_references) - 1)]
        for bar, source in enumerate(sources)
    )
    chords = _chord_spans(job, phrases, written, references, meter)
    melody = _melody_part(job, phrases, written, references, sources, meter)
    plan = ArrangePlan(meter.bar_ticks, sources, shifts, chords, job.key, melody.notes, keep_bass=job.kept.bass)
    tune = seed.part("melody")
    bridges = [
        bridge_part(part, seed, events, plan, phrases, written, references, job.prior.tables, job.strength, rng)
        for part in seed.parts
        if part.role == "bridge" and tune is not None and not follows_melody(part, tune)
    ]
    parts = (melody, *(bridge for bridge in bridges if bridge is not None), *accompany(seed, plan))
    title = f"In the style of {seed.title}" if seed.title else "Imitation"
    return Song(
        parts=parts,
        tempi=(Tempo(0, job.tempo_qpm),),
        meters=(Meter(0, meter.numerator, meter.denominator),),
        keys=keys,
        chords=chords,
        form=job.form,
        title=title,
    )


def _chord_spans(
    job: Job, phrases: tuple[Phrase, ...], written: list[NewPhrase], references: list[int], meter: Meter
) -> tuple[ChordSpan, ...]:
    if job.kept.chords:
        return tuple(ChordSpan(s.onset, s.duration, s.chord.transpose(job.shift)) for s in job.seed.chords)
    spans = []
    for phrase, new, reference in zip(phrases, written, references, strict=True):
        for beat, symbol in enumerate(new.chords):
            chord = chord_of(symbol, reference % 12)
            if chord is not None:
                onset = phrase.start_bar * meter.bar_ticks + beat * meter.beat_ticks
                spans.append(ChordSpan(onset, meter.beat_ticks, chord))
    return join_chords(spans)


def _melody_part(
    job: Job,
    phrases: tuple[Phrase, ...],
    written: list[NewPhrase],
    references: list[int],
    sources: tuple[int, ...],
    meter: Meter,
) -> Part:
    seed_part = job.seed.part("melody")
    assert seed_part is not None
    if job.kept.melody:
        return seed_part.transpose(job.shift)
    grid = job.events.grid
    onsets, durations, pitches = [], [], []
    for phrase, new, reference in zip(phrases, written, references, strict=True):
        onsets += (new.onsets + phrase.start_bar * grid.steps_per_bar).tolist()
        durations += new.durations.tolist()
        pitches += _in_range(new.pitches + reference).tolist()
    onset_ticks = np.array(onsets, np.int64) * grid.step_ticks
    duration_ticks = np.array(durations, np.int64) * grid.step_ticks
    velocities = _velocities(seed_part, job.seed, grid, onset_ticks, sources, meter)
    if job.kept.rhythm:
        return seed_part.with_notes(_on_kept_rhythm(seed_part.notes, grid, np.array(pitches, np.int64)))
    return Part(
        name=seed_part.name or "Melody",
        notes=make_notes(onset_ticks, duration_ticks, pitches, velocities),
        program=seed_part.program,
        role="melody",
    )


def _on_kept_rhythm(notes: NDArray[np.void], grid: PhraseGrid, pitches: IntArray) -> NDArray[np.void]:
    """Return the seed's notes on new pitches; those that the grid left out keep their distance from their neighbour."""
    old = notes["pitch"].astype(np.int64)
    used = grid.sources[: len(pitches)]
    nearest = np.clip(np.searchsorted(notes["onset"][used], notes["onset"], side="right") - 1, 0, len(used) - 1)
    new = pitches[nearest] + old - old[used[nearest]]
    new[used] = pitches
    result = notes.copy()
    result["pitch"] = np.clip(new, 0, 127)
    return result


def _in_range(pitches: IntArray) -> IntArray:
    """Return pitches within 0..127, by octaves."""
    pitches = np.where(pitches > 127, pitches - 12 * ((pitches - 116) // 12), pitches)
    result: IntArray = np.where(pitches < 0, pitches + 12 * ((11 - pitches) // 12), pitches)
    return result


def _velocities(
    part: Part, seed: Song, grid: PhraseGrid, onset_ticks: IntArray, sources: tuple[int, ...], meter: Meter
) -> IntArray:
    """Return velocities: the seed's level in the source bar, with the seed's accent on that beat of the bar."""
    notes = part.notes
    overall = float(notes["velocity"].mean())
    bars = seed.bars_at(notes["onset"])
    inside = notes["onset"] - seed.bar_lines[bars]
    level = {int(bar): float(notes["velocity"][bars == bar].mean()) for bar in np.unique(bars)}
    steps = np.round(inside / grid.step_ticks).astype(np.int64)
    residual = notes["velocity"] - np.array([level[int(bar)] for bar in bars])
    accent = {int(step): float(residual[steps == step].mean()) for step in np.unique(steps)}
    values = []
    recent = overall
    for tick in onset_ticks.tolist():
        bar, offset = divmod(tick, meter.bar_ticks)
        recent = level.get(sources[min(bar, len(sources) - 1)], recent)
        values.append(recent + accent.get(offset // grid.step_ticks, 0.0))
    velocities: IntArray = np.clip(np.round(values), 1, 127).astype(np.int64)
    return velocities
