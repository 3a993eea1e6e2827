"""A song that somebody gives: its bars as tokens, and the way back, on which its own notes stay as they are.

Ours. Tokens round durations, velocities and tempi; what is returned to a musician takes only the new bars from them.
Every note of the given bars is the arranged song's own, with its exact length, loudness and tempo.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import UnsuitableSongError
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import Ids, TokenSong, decode, encode
from ritornello.museformer.tokens.families import PART_NAMES, arrange_families, family_ranks
from ritornello.score.form import Form
from ritornello.score.song import Part, Song
from ritornello.score.timeline import Tempo

PLAYED_PROGRAMS: Mapping[str, int] = {"melody": 73, "bass": 33}
"""General MIDI programs that are played where nobody chose others: a flute for the tokens' square wave, an electric
bass for their double bass. Files of ours are recognised by the names of their tracks."""


@dataclass(frozen=True, eq=False)
class GivenSong:
    """A song arranged for the six families, with its tokens.

    Bars are counted from 1 as in the given file; a pickup is bar 1.

    Attributes:
        song: the arranged song.
        bars: tokens of each bar, silent bars at the start included.
        pitch_shift: semitones that were added to the pitches.
        programs: General MIDI program of each family that plays.
        name: what to call it in errors.
        form: its form, if it is known; the bars keep their numbers.
    """

    song: Song
    bars: tuple[Ids, ...]
    pitch_shift: int
    programs: Mapping[str, int]
    name: str
    form: Form | None = None

    @property
    def leading_bars(self) -> int:
        """Bars before the first note."""
        return next((place for place, bar in enumerate(self.bars) if len(bar) > 2), len(self.bars))


def give(song: Song, melody: int | None = None) -> GivenSong:
    """Arrange and encode a song.

    Args:
        song: a song in 4/4.
        melody: index of the part that has the tune; None lets the rules choose.

    Raises:
        ArgumentError: if ``melody`` is no pitched part.
        UnsuitableSongError: if the song has no notes, or bars other than of 4/4.
    """
    arranged = arrange_families(song, melody)
    ranks = family_ranks(song, melody)
    tokens = encode(arranged)
    silent = [empty_bar(_tempo_step(arranged, bar)) for bar in range(tokens.leading_bars)]
    programs = {}
    for rank, family in enumerate(v.FAMILIES):
        parts = [part for part, of in zip(song.parts, ranks, strict=True) if of == rank and len(part.notes)]
        if parts and not family.is_drums:
            programs[family.name] = max(parts, key=lambda part: len(part.notes)).program
    name = song.original.name if song.original is not None else (song.title or "the song")
    return GivenSong(arranged, (*silent, *tokens.bars), tokens.pitch_shift, programs, name, song.form)


def empty_bar(tempo_step: int) -> Ids:
    """Return the tokens of a bar without notes."""
    return np.array([v.TEMPO0 + tempo_step, v.BAR_END], dtype=np.int16)


def up_to(given: GivenSong, bars: int) -> tuple[Ids, ...]:
    """Return the song's first bars, with silent ones after its last note where it has fewer.

    Raises:
        UnsuitableSongError: if the song's last note ends before.
    """
    missing = range(len(given.bars), bars)
    if missing and bars > given.song.bars:
        raise UnsuitableSongError(f"{given.name} has {given.song.bars} bars; bar {bars} is outside the song")
    return (*given.bars[:bars], *[empty_bar(_tempo_step(given.song, bar)) for bar in missing])


def tempo_step_at(given: GivenSong, bar: int) -> int:
    """Return the tempo step of a bar of the song, from 1."""
    return _tempo_step(given.song, bar - 1)


def compose_song(
    bars: tuple[Ids, ...],
    new: Mapping[int, Set[str]],
    given: GivenSong | None = None,
    tempo_qpm: float | None = None,
    title: str = "",
    pitch_shift: int = 0,
) -> Song:
    """Return the song of all bars: new notes from the tokens, all others from the given song.

    Args:
        bars: tokens of all bars in musical order, bar 1 first, without control tokens.
        new: for each new bar, from 1, the families whose notes are new there.
        given: the given song, if any.
        tempo_qpm: the exact tempo that was asked for in new bars, if any.
        title: the song's title where none is given.
        pitch_shift: semitones by which the tokens are above the song, where no song is given.

    Returns:
        A song of the families that play.
    """
    shift = pitch_shift if given is None else given.pitch_shift
    decoded = decode(TokenSong(bars, shift), title=title)
    parts = []
    for rank, (name, kind) in enumerate(zip(PART_NAMES, v.FAMILIES, strict=True)):
        is_new = np.zeros(len(bars) + 1, np.bool_)
        is_new[[bar - 1 for bar, families in new.items() if kind.name in families]] = True
        notes = _in_bars(decoded.parts[rank].notes, is_new)
        if given is not None:
            notes = np.concatenate([_in_bars(given.song.parts[rank].notes, ~is_new), notes])
        programs = {**PLAYED_PROGRAMS, **(given.programs if given is not None else {})}
        program = 0 if kind.is_drums else programs.get(kind.name, kind.program)
        if len(notes):
            parts.append(Part(name, notes, program, kind.is_drums, kind.role))
    song = Song(parts=tuple(parts), title=title)
    if given is not None:
        song = song.replace(title=given.song.title, form=given.form)
    if parts:
        arranged = arrange_families(song)  # an old note is cut where a new one strikes its pitch
        kept = [part for part in arranged.parts if len(part.notes)]
        parts = [dataclasses.replace(part, program=old.program) for part, old in zip(kept, parts, strict=True)]
    return song.replace(parts=tuple(parts), tempi=_tempi(bars, new, given, tempo_qpm))


def _in_bars(notes: NDArray[np.void], chosen: NDArray[np.bool_]) -> NDArray[np.void]:
    """Return the notes that begin in chosen bars; the last entry stands for all bars after."""
    found: NDArray[np.void] = notes[chosen[np.minimum(notes["onset"] // v.BAR_POSITIONS, len(chosen) - 1)]]
    return found


def _tempi(
    bars: tuple[Ids, ...], new: Mapping[int, Set[str]], given: GivenSong | None, tempo_qpm: float | None
) -> tuple[Tempo, ...]:
    """Return the given tempi; new bars that say another tempo than the given song has there get that one."""
    tempi: list[Tempo] = []
    for bar, ids in enumerate(bars, start=1):
        tick, step = (bar - 1) * v.BAR_POSITIONS, int(ids[0]) - v.TEMPO0
        running = tempi[-1].qpm if tempi else None
        if given is not None and bar <= given.song.bars and (bar not in new or step == tempo_step_at(given, bar)):
            old = [tempo for tempo in given.song.tempi if tempo.tick < tick + v.BAR_POSITIONS]
            before = [tempo for tempo in old if tempo.tick <= tick][-1]
            if before.qpm != running:
                tempi.append(Tempo(tick, before.qpm))
            tempi += [tempo for tempo in old if tempo.tick > tick]
        elif running is None or int(v.encode_tempo(running)) != step:
            is_exact = tempo_qpm is not None and int(v.encode_tempo(tempo_qpm)) == step
            tempi.append(Tempo(tick, tempo_qpm if is_exact and tempo_qpm else float(v.decode_tempo(step))))
    if given is not None and len(bars) <= given.song.bars:  # the last notes may ring on and slow down
        tempi += [tempo for tempo in given.song.tempi if tempo.tick >= len(bars) * v.BAR_POSITIONS]
    return tuple(tempi) or (Tempo(0, 120.0),)


def _tempo_step(song: Song, bar: int) -> int:
    tick = bar * v.BAR_POSITIONS
    return int(v.encode_tempo([tempo.qpm for tempo in song.tempi if tempo.tick <= tick][-1]))
