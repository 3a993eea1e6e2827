"""A Song as sound: played part by part, mixed, brought to its loudness; with one stem per part if wanted."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict, Unpack, get_args

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, MissingDependencyError, UnsuitableSongError
from ritornello.score import Song
from ritornello.sound.audio import HIGHEST_RATE_HZ, Audio
from ritornello.sound.balance import balance_gain, is_balanced_by_us, sampled_lufs
from ritornello.sound.fluidsynth import (
    HIGHEST_FLUIDSYNTH_RATE_HZ,
    find_fluidsynth,
    render_part_fluidsynth,
    tuned_soundfont,
)
from ritornello.sound.mastering import plan_master
from ritornello.sound.performance import perform
from ritornello.sound.soundfont import default_soundfont, load_soundfont
from ritornello.sound.synth import choose_preset, render_part

Engine = Literal["auto", "fluidsynth", "builtin"]

MAX_DURATION_S = 1800.0
"""Longest song that is rendered, in seconds."""


class RenderOptions(TypedDict, total=False):
    """Options of `render` that `render_stems` takes too."""

    sample_rate: int
    soundfont: str | os.PathLike[str] | None
    engine: Engine
    target_lufs: float
    as_played: bool


@dataclass(frozen=True, eq=False)
class Rendering:
    """A rendered song.

    Attributes:
        audio: the stereo mix.
        stems: one stereo Audio per part, in the order of the song's parts and as long as the mix, which they sum to;
            empty unless stems were asked for.
        engine: what played: ``"fluidsynth"`` or ``"builtin"``.
        soundfont: name of the SoundFont file.
        presets: name of the preset that each part was played with.
        warnings: one line for each part whose instrument the SoundFont lacks.
    """

    audio: Audio
    stems: tuple[Audio, ...] = field(repr=False)
    engine: str
    soundfont: str
    presets: tuple[str, ...]
    warnings: tuple[str, ...]


def render(
    song: Song,
    *,
    sample_rate: int = 44100,
    soundfont: str | os.PathLike[str] | None = None,
    engine: Engine = "auto",
    target_lufs: float = -16.0,
    stems: bool = False,
    as_played: bool = False,
) -> Rendering:
    """Render a song to stereo sound. Second 0 is tick 0, the last notes ring out, silence after them is cut.

    Args:
        song: at least one part with a note. Parts that set no volume or pan are placed by their role, see
            `ritornello.sound.balance`.
        sample_rate: frames per second, 8000..192000.
        soundfont: a ``.sf2`` file; None for the General MIDI set that comes with the pretty_midi package.
        engine: ``"fluidsynth"`` (the program must be installed), ``"builtin"``, or ``"auto"``: FluidSynth where the
            system has it. The same engine gives the same bytes.
        target_lufs: integrated loudness, -60..-6; true peaks stay below -1 dB.
        stems: whether to keep one Audio per part as well.
        as_played: take the exact times from the MIDI file that the song was read from, not from its grid.

    Raises:
        ArgumentError: if an argument is out of range, the song has no notes, or ``as_played`` is asked of a song
            that was not read from MIDI or has changed since.
        UnsuitableSongError: if the song is longer than `MAX_DURATION_S`.
        ReadError: if the SoundFont cannot be read.
        MissingDependencyError: if the engine or the SoundFont is not installed.
    """
    _check_arguments(song, sample_rate, engine, target_lufs)
    if engine == "auto":
        is_playable = sample_rate <= HIGHEST_FLUIDSYNTH_RATE_HZ
        engine = "fluidsynth" if is_playable and find_fluidsynth() else "builtin"
    elif engine == "fluidsynth" and sample_rate > HIGHEST_FLUIDSYNTH_RATE_HZ:
        raise ArgumentError(
            f"fluidsynth plays at up to {HIGHEST_FLUIDSYNTH_RATE_HZ} Hz, not {sample_rate}; choose the engine 'builtin'"
        )
    elif engine == "fluidsynth" and not find_fluidsynth():
        raise MissingDependencyError("fluidsynth is not installed; install it or choose the engine 'builtin'")
    path = Path(soundfont) if soundfont is not None else default_soundfont()
    font = load_soundfont(path)
    performances = perform(song, as_played=as_played)
    chosen = [choose_preset(font, part.program, part.is_drums, part.bank) for part in performances]
    warnings = tuple(
        f"part '{part.name}': {font.name} has no program {part.program}; '{preset.name}' plays instead"
        for part, preset in zip(performances, chosen, strict=True)
        if len(part.notes) and preset.program != part.program
    )

    sounds: dict[int, NDArray[np.float32]] = {}
    mix = np.zeros((2, 0), np.float32)
    melody_lufs = float("nan")
    balances = is_balanced_by_us(song)
    with ExitStack() as stack:
        tuned = stack.enter_context(tuned_soundfont(path, font)) if engine == "fluidsynth" else path
        # The melody is played first: the others are measured against it.
        order = sorted(range(len(song.parts)), key=lambda index: song.parts[index].role != "melody")
        in_order = [performances[index] for index in order]
        if engine == "fluidsynth":
            # Each part is a process of its own, so threads are enough to keep all cores busy.
            pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
            played = pool.map(lambda part: render_part_fluidsynth(part, tuned, sample_rate), in_order)
        else:
            played = (render_part(part, font, sample_rate) for part in in_order)
        for index, sound in zip(order, played, strict=True):
            if balances:
                lufs = sampled_lufs(sound, sample_rate)
                melody_lufs = lufs if np.isnan(melody_lufs) else melody_lufs
                sound *= np.float32(balance_gain(lufs, melody_lufs, song.parts[index].role))
            if stems:
                sounds[index] = sound
            mix = _add(mix, sound, keep=stems)
    if not mix.any():
        raise UnsuitableSongError(
            "the song is silent: its volumes are 0 or its notes lie outside the instruments' range"
        )
    master = plan_master(mix, sample_rate, target_lufs)
    # Each is dropped once it is mastered: stems are the largest thing in memory.
    mastered = [Audio(master.apply(sounds.pop(index)), sample_rate) for index in sorted(sounds)]
    return Rendering(
        audio=Audio(master.apply(mix), sample_rate),
        stems=tuple(mastered),
        engine=engine,
        soundfont=font.name,
        presets=tuple(preset.name for preset in chosen),
        warnings=warnings,
    )


def render_stems(song: Song, **options: Unpack[RenderOptions]) -> tuple[Audio, ...]:
    """Render a song to one stereo Audio per part; they are equally long and sum to what `render` gives.

    Options and errors are those of `render`; call that with ``stems=True`` to get the mix as well.
    """
    return render(song, stems=True, **options).stems


def _check_arguments(song: Song, sample_rate: int, engine: str, target_lufs: float) -> None:
    if not 8000 <= sample_rate <= min(192_000, HIGHEST_RATE_HZ):
        raise ArgumentError(f"sample rate {sample_rate} Hz is out of range 8000 to 192000")
    if engine not in get_args(Engine):
        raise ArgumentError(f"engine '{engine}' is unknown; use one of {', '.join(get_args(Engine))}")
    if not -60.0 <= target_lufs <= -6.0:
        raise ArgumentError(f"target loudness {target_lufs:g} LUFS is out of range -60 to -6")
    if not any(len(part.notes) for part in song.parts):
        raise ArgumentError("the song has no notes to render")
    if song.duration_s > MAX_DURATION_S:
        minutes = song.duration_s / 60
        raise UnsuitableSongError(
            f"the song lasts {minutes:.0f} minutes; at most {MAX_DURATION_S / 60:.0f} are rendered"
        )


def _add(mix: NDArray[np.float32], sound: NDArray[np.float32], keep: bool) -> NDArray[np.float32]:
    """Return the sum of two sounds, made in place of the longer one; ``keep`` spares ``sound``."""
    if sound.shape[1] > mix.shape[1]:
        longer = sound.copy() if keep else sound
        longer[:, : mix.shape[1]] += mix
        return longer
    mix[:, : sound.shape[1]] += sound
    return mix
