"""A clip: a section of a piece as compressed sound, with the same length, loudness, sound and fades for everybody.

MP3 of variable rate, about 1 MB a minute, because every browser plays it and the same sound gives the same bytes; Ogg
Vorbis and Opus play in Safari only from version 18.4 on, FLAC takes several times the space. Fades and loudness are the
same for recordings and rendered scores: they tell nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ritornello.analysis import analyze
from ritornello.arrange.plain import plain_parts
from ritornello.errors import ReadError, RitornelloError, UnsuitableSongError
from ritornello.evaluation.listening.items import Item
from ritornello.evaluation.listening.sections import choose_bars, cut_audio, cut_bars
from ritornello.score import Part, Song, Tempo
from ritornello.score.reading import read
from ritornello.sound import Audio, read_audio, render
from ritornello.sound.mastering import plan_master

LOUDNESS_LUFS = -18.0
"""Loudness of every clip: low enough that hardly any piece needs a limiter to get there."""

SAMPLE_RATE = 44_100

MIN_LENGTH = 0.5
"""Shortest clip, as a share of the length asked for: a piece that ends early would be known by that."""

FADE_IN_S, FADE_OUT_S, RING_OUT_S = 0.01, 0.5, 1.0

PLAIN_VELOCITY = 88


@dataclass(frozen=True)
class Sound:
    """How pieces are made to sound.

    Attributes:
        plain: whether scores are reduced to their melody over block chords.
        tempo_qpm: one tempo for all scores, or None for their own.
        soundfont: a SoundFont file, or None for the one that comes with the package.
    """

    plain: bool = False
    tempo_qpm: float | None = None
    soundfont: Path | None = None


@dataclass(frozen=True)
class Clip:
    """A section as sound.

    Attributes:
        audio: MP3 bytes.
        start_s: where in the piece it starts, in seconds of the piece's own time as it is played here.
        length_s: how long it sounds.
    """

    audio: bytes
    start_s: float
    length_s: float


def make_clip(item: Item, length_s: float, sound: Sound, rng: np.random.Generator) -> Clip:
    """Cut, level and compress a section of a piece.

    Args:
        item: the piece.
        length_s: wanted length in seconds.
        sound: how a score is played.
        rng: chooses the section.

    Raises:
        ReadError: if the file cannot be read.
        UnsuitableSongError: if the piece is silent, too short, or has no melody and chords to be reduced to.
        ArgumentError, MissingDependencyError: from rendering.
    """
    try:
        audio, start_s = (_recorded if item.is_audio else _rendered)(item.path, length_s, sound, rng)
        if audio.duration_s < MIN_LENGTH * length_s:
            raise UnsuitableSongError(
                f"lasts only {audio.duration_s:.0f} s; clips of {length_s:g} s need "
                f"at least {MIN_LENGTH * length_s:.0f} s, so leave it out or lower --seconds"
            )
        audio = level(audio)
    except ReadError:
        raise
    except RitornelloError as error:
        raise type(error)(f"{item.path}: {error}") from None
    return Clip(audio.encode("MP3"), round(start_s, 3), round(audio.duration_s, 3))


def _rendered(path: Path, length_s: float, sound: Sound, rng: np.random.Generator) -> tuple[Audio, float]:
    song = read(path)
    if sound.plain:
        song = plain_song(song)
    if sound.tempo_qpm is not None:
        song = song.replace(tempi=(Tempo(0, sound.tempo_qpm),))
    first, stop = choose_bars(song, length_s, rng)
    section = cut_bars(song, first, stop)
    audio = render(section, sample_rate=SAMPLE_RATE, soundfont=sound.soundfont, target_lufs=LOUDNESS_LUFS).audio
    end_s = float(section.seconds(section.end)) + RING_OUT_S
    audio = Audio(audio.samples[:, : round(end_s * SAMPLE_RATE)], SAMPLE_RATE)
    return audio, float(song.seconds(song.bar_lines[first]))


def _recorded(path: Path, length_s: float, _sound: Sound, rng: np.random.Generator) -> tuple[Audio, float]:
    audio = read_audio(path)
    if audio.channels > 2:
        raise ReadError(f"{path}: has {audio.channels} channels; mix it down to two or one")
    section, start_s = cut_audio(audio, length_s, rng)
    return section.resample(SAMPLE_RATE).to_stereo(), start_s


def level(audio: Audio) -> Audio:
    """Return stereo audio with short fades at both ends and the loudness that all clips have.

    Raises:
        UnsuitableSongError: if it is silent.
    """
    samples = audio.samples.copy()
    fade_in, fade_out = (min(round(s * audio.sample_rate), audio.frames) for s in (FADE_IN_S, FADE_OUT_S))
    samples[:, :fade_in] *= np.linspace(0.0, 1.0, fade_in, dtype=np.float32)
    samples[:, audio.frames - fade_out :] *= np.linspace(1.0, 0.0, fade_out, dtype=np.float32)
    if not samples.any():
        raise UnsuitableSongError("the section is silent; leave the piece out")
    return Audio(plan_master(samples, audio.sample_rate, LOUDNESS_LUFS).apply(samples), audio.sample_rate)


def plain_song(song: Song) -> Song:
    """Return the melody over block chords, both for piano and evenly loud; they are looked for where not stated.

    Raises:
        UnsuitableSongError: if no melody or no chords are found.
    """
    if song.part("melody") is None or not song.chords:
        song = analyze(song, with_form=False).song
    melody = song.part("melody")
    if melody is None or not len(melody.notes) or not song.chords:
        missing = "chords" if melody is not None and len(melody.notes) else "melody"
        raise UnsuitableSongError(f"no {missing} found in it; leave it out, or build the test without --plain")
    notes = melody.notes.copy()
    notes["velocity"] = PLAIN_VELOCITY
    chords = plain_parts(song.chords, song.end, song.meters[0].bar_ticks, with_bass=False)
    return song.replace(parts=(Part("Melody", notes, role="melody"), *chords), original=None)
