"""One song in, new songs in its style out: form, melody, chords, bass, accompaniment, and a report.

After Dai, Ma, Wang and Dannenberg (2021); CARD.md says how. The accompaniment is `arrange`'s. Chance comes from one
generator per candidate, seeded with the random seed and the candidate's number, so the same call gives the same songs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ritornello.analysis.framework_of_song import framework_of
from ritornello.analysis.phrase_grid import phrase_grid, usual_meter
from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.imitation.assemble import Job, assemble, bass_of_beats, phrases_of
from ritornello.imitation.composer import Composer
from ritornello.imitation.data import NO_CHORD, SongEvents, in_mode, song_events
from ritornello.imitation.kept import Kept
from ritornello.imitation.model import SongModel
from ritornello.imitation.originality_guard import CopyGuard, CopyLimits
from ritornello.imitation.report import report_of
from ritornello.imitation.song_writer import SongWriter
from ritornello.imitation.train import Prior, load_prior
from ritornello.score import Form, Key, Song
from ritornello.score.framework import Framework

Layer = Literal["structure", "chords", "rhythm", "melody", "bass"]
"""What can be taken over from the seed unchanged."""

LAYERS: tuple[Layer, ...] = get_args(Layer)

MODEL_VERSION = "imitation-1"
"""What the frameworks of imitations name as their maker."""

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
        framework: how it is built, from the form down to the notes; nothing is locked.
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
    kept = _checked(seed, strength, form, tempo_qpm, keep, n, random_seed)
    events = song_events(seed)
    _check_suitable(seed, events)
    if key is not None and key.mode != events.mode:
        if kept.melody or kept.chords or kept.bass:
            named = next(layer for layer in ("melody", "chords", "bass") if getattr(kept, layer))
            raise ArgumentError(f"keep {named} and key {key} contradict each other: the seed is in {events.key}")
        events = in_mode(events, key.mode)
    warnings = _warnings(events)
    used = min(strength, WEAK_SEED_STRENGTH) if warnings else strength
    if used < strength:
        warnings.append(f"strength lowered from {strength:g} to {used:g}: the seed says too little about itself")
    if usual_meter(seed) != seed.meters[0] or len(seed.meters) > 1:
        warnings.append(f"bars of another length than {usual_meter(seed)} were made regular")
    assert seed.form is not None  # song_events has refused songs without one
    job = Job(
        seed, events, form or seed.form, key or events.key, tempo_qpm or seed.tempi[0].qpm, kept, used,
        limits or CopyLimits(), prior or load_prior(),
    )  # fmt: skip
    results = []
    for number in range(n):
        results.append(_imitation(job, strength, random_seed, number, warnings))
        if progress is not None:
            progress(number + 1, n)
    return sorted(results, key=lambda imitation: -imitation.report["score"])


def _checked(
    seed: Song,
    strength: float,
    form: Form | None,
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
    if tempo_qpm is not None and not 20 <= tempo_qpm <= 400:
        raise ArgumentError(f"tempo {tempo_qpm:g} is out of range; use 20 to 400 quarter notes a minute")
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
            f"{name}: {notes} notes in the melodic phrases are too few to imitate; at least {LEAST_NOTES} are needed"
        )
    if pitches < LEAST_PITCHES:
        raise UnsuitableSongError(
            f"{name}: its melody has {pitches} pitch{'es' * (pitches > 1)}, which says nothing about a style; "
            f"at least {LEAST_PITCHES} are needed"
        )
    if not any(symbol != NO_CHORD for phrase in events.phrases for symbol in phrase.chords):
        raise UnsuitableSongError(f"{name}: no chords are known; analyse the song first")


def _warnings(events: SongEvents) -> list[str]:
    warnings = []
    melodic = [phrase.phrase for phrase in events.phrases if phrase.phrase.is_melodic]
    bars = sum(phrase.bars for phrase in melodic)
    if bars < FEW_BARS:
        warnings.append(f"the seed has only {bars} melodic bars; more of the result comes from pop music in general")
    letters = [phrase.letter for phrase in melodic if phrase.letter != "X"]
    if len(set(letters)) == len(letters):
        warnings.append("no phrase of the seed is repeated; more of the result comes from pop music in general")
    return warnings


def _imitation(job: Job, strength: float, random_seed: int, number: int, warnings: list[str]) -> Imitation:
    rng = np.random.default_rng([random_seed, number])
    grid = job.events.grid
    guard = None if job.kept.melody else CopyGuard(grid.onsets, grid.pitches, job.limits)
    composers: dict[int, Composer] = {}

    def composer_at(level: int) -> Composer:
        if level not in composers:
            model = SongModel(job.events, job.prior.tables, max(0.0, job.strength - 0.2 * level))
            composers[level] = Composer(model, guard, rng)
        return composers[level]

    phrases = phrases_of(job)
    writer = SongWriter(composer_at, phrases, job.kept, bass_of_beats(job))
    written = writer.write()
    song = assemble(job, phrases, written, rng)
    new_grid = phrase_grid(song, grid.step_ticks)
    framework = framework_of(
        song, sources=[phrase.source for phrase in written], seed=random_seed, model_version=MODEL_VERSION,
        step_ticks=grid.step_ticks,
    )  # fmt: skip
    report = report_of(
        job.seed, job.events, song, new_grid, written, job.limits, guarded=guard is not None, kept=job.kept,
    )  # fmt: skip
    report |= {
        "strength": strength, "random_seed": random_seed, "candidate": number, "prior_songs": job.prior.songs,
        "warnings": warnings + writer.warnings,
    }  # fmt: skip
    return Imitation(song, framework, report)
