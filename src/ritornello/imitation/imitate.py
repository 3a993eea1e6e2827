"""One song in, new songs in its style out: form, melody, chords, bass, accompaniment, and a report.

Imitation spec, whole; the accompaniment is `arrange`'s. Chance comes from one generator per candidate, seeded with the
random seed and the candidate's number, so the same call gives the same songs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.arrange import ArrangePlan, accompany, source_bars
from ritornello.arrange.following import follows_melody
from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.evaluation.phrase_grid import Phrase, PhraseGrid, phrase_grid, usual_meter
from ritornello.imitation.compose import SongWriter
from ritornello.imitation.data import NO_CHORD, IntArray, SongEvents, chord_of, in_mode, song_events
from ritornello.imitation.framework import Framework, framework_of
from ritornello.imitation.generate import Composer
from ritornello.imitation.kept import Kept
from ritornello.imitation.model import SongModel
from ritornello.imitation.originality_guard import CopyGuard, CopyLimits
from ritornello.imitation.phrase import NewPhrase
from ritornello.imitation.report import report_of
from ritornello.imitation.second_line import bridge_part
from ritornello.imitation.train import Prior, load_prior
from ritornello.score import ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, Tempo, make_notes
from ritornello.score.song import join_chords

Layer = Literal["structure", "chords", "rhythm", "melody", "bass"]
LAYERS: tuple[Layer, ...] = ("structure", "chords", "rhythm", "melody", "bass")

FEW_BARS = 16
"""Fewer melodic bars than this are too few to learn from alone."""

WEAK_SEED_STRENGTH = 0.6
"""Highest strength used with a seed that says too little about itself."""

LEAST_BARS, LEAST_NOTES, LEAST_PITCHES = 8, 16, 3
"""A melody of fewer melodic bars, notes or different pitches is no song to imitate."""


@dataclass(frozen=True)
class Imitation:
    """A new song.

    Attributes:
        song: the song, with roles, chords, keys and form.
        framework: how it is built, as data.
        report: plain values: style distance, adherence, cadences, originality, settings, warnings.
    """

    song: Song
    framework: Framework
    report: dict[str, Any]


def imitate(
    seed: Song,
    *,
    strength: float = 0.8,
    form: Form | None = None,
    key: Key | None = None,
    tempo_qpm: float | None = None,
    keep: Collection[Layer] = (),
    n: int = 1,
    random_seed: int = 0,
    limits: CopyLimits | None = None,
    prior: Prior | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Imitation]:
    """Write new songs in the style of one.

    Args:
        seed: an analysed song: melody role, chords, keys and form known (`analysis.analyze`).
        strength: 1 = the seed's own habits alone, 0 = pop music in general.
        form: the form to fill; the seed's own if left out.
        key: the key to write in; the seed's first if left out. The other mode is reached by altering the scale degrees.
        tempo_qpm: quarter notes a minute; the seed's first tempo if left out.
        keep: layers taken over unchanged. "structure" keeps, besides the form, how closely each repeat repeats.
        n: number of songs, best first.
        random_seed: same seed, same songs.
        limits: longest runs that may be shared with the seed; they can be lowered.
        prior: tables of music in general; the shipped ones if left out.
        progress: called with songs done and songs in all.

    Raises:
        ArgumentError: if an argument is out of range or contradicts another.
        UnsuitableSongError: if the seed cannot be imitated, saying why.
    """
    kept = _checked(seed, strength, form, key, tempo_qpm, keep, n, random_seed)
    events = song_events(seed)
    _check_suitable(seed, events)
    if key is not None and key.mode != events.mode:
        if kept.melody or kept.chords or kept.bass:
            named = next(layer for layer in ("melody", "chords", "bass") if getattr(kept, layer))
            raise ArgumentError(f"keep {named} and key {key} contradict each other: the seed is in {events.key}")
        events = in_mode(events, key.mode)
    warnings = _warnings(seed, events)
    used = min(strength, WEAK_SEED_STRENGTH) if warnings else strength
    if used < strength:
        warnings.append(f"strength lowered from {strength:g} to {used:g}: the seed says too little about itself")
    if usual_meter(seed) != seed.meters[0] or len(seed.meters) > 1:
        warnings.append(f"bars of another length than {usual_meter(seed)} were made regular")
    assert seed.form is not None  # song_events has refused songs without one
    job = _Job(
        seed, events, form or seed.form, key or events.key, tempo_qpm or seed.tempi[0].qpm, kept, used,
        limits or CopyLimits(), prior or load_prior(),
    )  # fmt: skip
    results = []
    for number in range(n):
        results.append(_imitation(job, strength, random_seed, number, warnings))
        if progress is not None:
            progress(number + 1, n)
    return sorted(results, key=lambda imitation: -imitation.report["score"])


@dataclass(frozen=True)
class _Job:
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


def _checked(
    seed: Song,
    strength: float,
    form: Form | None,
    key: Key | None,
    tempo_qpm: float | None,
    keep: Collection[Layer],
    n: int,
    random_seed: int,
) -> Kept:
    if not 0 <= strength <= 1:
        raise ArgumentError(f"strength {strength:g} is out of range; use 0 (pop in general) to 1 (the seed alone)")
    if n < 1:
        raise ArgumentError(f"n = {n}: ask for at least one song")
    if random_seed < 0:
        raise ArgumentError(f"random seed {random_seed} is out of range; use 0 or more")
    if tempo_qpm is not None and not 10 <= tempo_qpm <= 400:
        raise ArgumentError(f"tempo {tempo_qpm:g} is out of range; use 10 to 400 quarter notes a minute")
    unknown = sorted(set(keep) - set(LAYERS))
    if unknown:
        raise ArgumentError(f"keep '{unknown[0]}' is unknown; use {', '.join(LAYERS)}")
    if form is not None and str(form) != str(seed.form) and keep:
        layer = next(layer for layer in LAYERS if layer in keep)
        raise ArgumentError(
            f"keep {layer} and form {form} contradict each other: what is kept has the form {seed.form}"
        )
    if form is not None and not any(segment.is_melodic for segment in form):
        raise ArgumentError(f"form {form} has no melodic phrase; use capital letters, such as A8B8")
    if "melody" in keep and "rhythm" in keep:
        keep = [layer for layer in keep if layer != "rhythm"]  # the melody includes its rhythm
    return Kept(**{layer: layer in keep for layer in LAYERS})


def _check_suitable(seed: Song, events: SongEvents) -> None:
    name = seed.title or "the song"
    melodic = [phrase for phrase in events.phrases if phrase.phrase.is_melodic]
    bars = sum(phrase.phrase.bars for phrase in melodic)
    notes = sum(len(phrase.onsets) for phrase in melodic)
    pitches = len({int(pitch) for phrase in melodic for pitch in phrase.pitches})
    if bars < LEAST_BARS:
        raise UnsuitableSongError(
            f"{name}: {bars} bars with melody are too few to imitate; at least {LEAST_BARS} are needed"
        )
    if notes < LEAST_NOTES:
        raise UnsuitableSongError(
            f"{name}: {notes} melody notes are too few to imitate; at least {LEAST_NOTES} are needed"
        )
    if pitches < LEAST_PITCHES:
        raise UnsuitableSongError(f"{name}: a melody of {pitches} different pitches says nothing about a style")
    if not any(symbol != NO_CHORD for phrase in events.phrases for symbol in phrase.chords):
        raise UnsuitableSongError(f"{name}: no chords are known; analyse the song first")


def _warnings(seed: Song, events: SongEvents) -> list[str]:
    warnings = []
    melodic = [phrase.phrase for phrase in events.phrases if phrase.phrase.is_melodic]
    bars = sum(phrase.bars for phrase in melodic)
    if bars < FEW_BARS:
        warnings.append(f"the seed has only {bars} melodic bars; more of the result comes from pop music in general")
    letters = [phrase.letter for phrase in melodic if phrase.letter != "X"]
    if len(set(letters)) == len(letters):
        warnings.append("no phrase of the seed is repeated; more of the result comes from pop music in general")
    return warnings


def _imitation(job: _Job, strength: float, random_seed: int, number: int, warnings: list[str]) -> Imitation:
    rng = np.random.default_rng([random_seed, number])
    grid = job.events.grid
    guard = None if job.kept.melody else CopyGuard(grid.onsets, grid.pitches, job.limits)
    composers: dict[int, Composer] = {}

    def composer_at(level: int) -> Composer:
        if level not in composers:
            model = SongModel(job.events, job.prior.tables, max(0.0, job.strength - 0.2 * level))
            composers[level] = Composer(model, guard, rng)
        return composers[level]

    phrases = _phrases_of(job)
    writer = SongWriter(composer_at, phrases, job.kept, _bass_of_beats(job))
    written = writer.write()
    song = _song(job, phrases, written, rng)
    new_grid = phrase_grid(song, grid.step_ticks)
    framework = framework_of(song, new_grid, [phrase.source for phrase in written], random_seed)
    report = report_of(
        job.seed, job.events, song, new_grid, written, job.limits, guarded=guard is not None, kept=job.kept,
    )  # fmt: skip
    report |= {
        "strength": strength, "random_seed": random_seed, "candidate": number, "prior_songs": job.prior.songs,
        "warnings": warnings + writer.warnings,
    }  # fmt: skip
    return Imitation(song, framework, report)


def _phrases_of(job: _Job) -> tuple[Phrase, ...]:
    """Return the segments of the form to fill."""
    if str(job.form) == str(job.seed.form):
        return job.events.grid.phrases
    return phrase_grid(Song(meters=(usual_meter(job.seed),), form=job.form), job.events.grid.step_ticks).phrases


def _bass_of_beats(job: _Job) -> IntArray | None:
    """Return the kept bass as pitch classes above the tonic at each beat, -1 where it rests."""
    if not job.kept.bass:
        return None
    from ritornello.arrange.accompany import bass_of

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


def _song(job: _Job, phrases: tuple[Phrase, ...], written: list[NewPhrase], rng: np.random.Generator) -> Song:
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
    job: _Job, phrases: tuple[Phrase, ...], written: list[NewPhrase], references: list[int], meter: Meter
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
    job: _Job,
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
    bars = np.clip(np.searchsorted(seed.bar_lines, notes["onset"], side="right") - 1, 0, seed.bars - 1)
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
