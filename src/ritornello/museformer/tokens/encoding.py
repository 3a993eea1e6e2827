"""Songs as Museformer's tokens and back: ``t-x ( o-k ( i-y ( p d v )+ )+ )* b-1`` for each bar.

Follows the tokenizer REMIGEN2 of Yu et al., "Museformer" (NeurIPS 2022): the tempo is repeated in every bar, onsets
rise, the families within an onset stand in the order of `FAMILIES`, the notes of a family go from high to low, empty
bars at both ends are left out, and the song is moved to C major or A minor. Ours: the move is kept as
`TokenSong.pitch_shift` and undone by `decode`; a song's tokens, written as MIDI and read, are the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.families import PART_NAMES, arrange_families
from ritornello.score.song import Part, Song, make_notes
from ritornello.score.timeline import Tempo

Ids = NDArray[np.int16]

_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
_DRUM_RANK = next(rank for rank, family in enumerate(v.FAMILIES) if family.is_drums)
_FAMILY_TOKENS = np.array(v.FAMILY_TOKENS, dtype=np.int16)


@dataclass(frozen=True)
class TokenSong:
    """A song's bars as token ids.

    Attributes:
        bars: int16 arrays, one a bar in musical order, each from its ``t-x`` to its ``b-1``; without ``</s>``, ``<c>``
            and ``u-k``.
        pitch_shift: semitones that were added to the pitches of the song.
        leading_bars: empty bars that were left out at the start.
    """

    bars: tuple[Ids, ...]
    pitch_shift: int = 0
    leading_bars: int = 0

    def __len__(self) -> int:
        return len(self.bars)

    @property
    def tokens(self) -> int:
        """Number of tokens in all bars."""
        return sum(len(bar) for bar in self.bars)


def encode(
    song: Song, *, melody: int | None = None, normalise: bool = True, pitch_shift: int | None = None
) -> TokenSong:
    """Return the tokens of a song.

    Args:
        song: a song in 4/4; it is arranged for the six families first.
        melody: index of the part that has the tune; None lets the rules choose.
        normalise: whether to move the song to C major or A minor.
        pitch_shift: move the song by these semitones instead of by its key, for example by the ones of a `TokenSong`
            that it was decoded from.

    Raises:
        ArgumentError: if ``melody`` is no pitched part, or the pitch shift leaves 0..127.
        UnsuitableSongError: if the song has no notes, or bars other than of 4/4.
    """
    arranged = arrange_families(song, melody)
    notes = np.concatenate([part.notes for part in arranged.parts])
    rank = np.repeat(np.arange(len(v.FAMILIES)), [len(part.notes) for part in arranged.parts])
    is_pitched = rank != _DRUM_RANK
    if pitch_shift is None:
        pitch_shift = normalising_shift(notes[is_pitched]) if normalise else 0
    pitch = notes["pitch"].astype(np.int64) + np.where(is_pitched, pitch_shift, 128)
    if is_pitched.any() and not 0 <= pitch[is_pitched].min() <= pitch[is_pitched].max() <= 127:
        raise ArgumentError(f"a pitch shift of {pitch_shift} semitones leaves the range of MIDI pitches for this song")
    first_bar = int(notes["onset"].min()) // v.BAR_POSITIONS
    bar = notes["onset"] // v.BAR_POSITIONS - first_bar
    starts = (np.arange(int(bar.max()) + 1) + first_bar) * v.BAR_POSITIONS
    ids, lengths = _bar_ids(notes, rank, pitch, bar, _tempo_steps(arranged.tempi, starts))
    return TokenSong(tuple(np.split(ids, np.cumsum(lengths)[:-1])), pitch_shift, first_bar)


def _tempo_steps(tempi: Sequence[Tempo], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the tempo step that rules at each bar's start."""
    running = np.searchsorted([tempo.tick for tempo in tempi], starts, side="right") - 1
    return v.encode_tempo([tempo.qpm for tempo in tempi])[running]


def _bar_ids(
    notes: NDArray[np.void],
    rank: NDArray[np.int64],
    pitch: NDArray[np.int64],
    bar: NDArray[np.int64],
    tempo_steps: NDArray[np.int64],
) -> tuple[Ids, NDArray[np.int64]]:
    """Return the ids of all bars in a row, and each bar's length."""
    order = np.lexsort((-pitch, rank, notes["onset"]))
    notes, rank, pitch, bar = notes[order], rank[order], pitch[order], bar[order]
    opens_onset = np.append(True, np.diff(notes["onset"]) != 0)
    opens_family = opens_onset | np.append(True, np.diff(rank) != 0)
    # A note's tokens are [o] [i] p d v; before them stand the tempo of each bar so far and the ends of those before.
    size = 3 + opens_onset + opens_family
    place = np.cumsum(size) - 3 + 2 * bar + 1  # of its p
    lengths = np.bincount(bar, size, minlength=len(tempo_steps)).astype(np.int64) + 2
    ids = np.empty(int(lengths.sum()), dtype=np.int16)
    ends = np.cumsum(lengths)
    ids[ends - lengths] = v.TEMPO0 + tempo_steps
    ids[ends - 1] = v.BAR_END
    ids[place] = v.PITCH0 + pitch
    ids[place + 1] = v.DURATION0 + v.encode_duration(notes["duration"])
    ids[place + 2] = v.VELOCITY0 + v.encode_velocity(notes["velocity"])
    ids[place[opens_family] - 1] = _FAMILY_TOKENS[rank[opens_family]]
    ids[place[opens_onset] - 2] = v.ONSET0 + notes["onset"][opens_onset] % v.BAR_POSITIONS
    return ids, lengths


def normalising_shift(notes: NDArray[np.void]) -> int:
    """Return the semitones that move pitched notes to C major or A minor, by octaves so that all stay in 0..127.

    The key is that of the major scale (or its relative minor) that most of the sound belongs to, notes weighted by
    duration and velocity (the paper's code). Notes that span more than the room that is left are not moved.
    """
    if not len(notes):
        return 0
    weight = notes["duration"].astype(np.float64) * notes["velocity"]
    histogram = np.bincount(notes["pitch"] % 12, weight, minlength=12)
    inside = [histogram[(np.array(_MAJOR_SCALE) + tonic) % 12].sum() for tonic in range(12)]
    tonic = int(np.argmax(inside))  # +1 in the scale and -1 outside of it rank the scales alike
    minor_tonic = (tonic + 9) % 12
    shift = -tonic if histogram[tonic] >= histogram[minor_tonic] else 9 - minor_tonic
    low, high = int(notes["pitch"].min()), int(notes["pitch"].max())
    fitting = [moved for moved in range(shift - 120, shift + 121, 12) if low + moved >= 0 and high + moved <= 127]
    return min(fitting, key=lambda moved: abs(moved - shift), default=0)


def decode(tokens: TokenSong, title: str = "", *, keep_leading_bars: bool = False) -> Song:
    """Return the song of tokens: six parts in the order of `FAMILIES`, some perhaps empty, in 4/4.

    The pitch shift is undone; a pitch that would leave 0..127 moves by octaves. A note is cut where its pitch is struck
    again in its part, since MIDI cannot hold both.

    Args:
        tokens: bars under the grammar; control tokens are ignored.
        title: the song's title.
        keep_leading_bars: whether to put the empty bars that were left out at the start back.

    Raises:
        ArgumentError: if a bar breaks the grammar so that a note has no onset, family, pitch or duration.
    """
    first_bar = tokens.leading_bars if keep_leading_bars else 0
    ids = np.concatenate(tokens.bars).astype(np.int64) if tokens.bars else np.zeros(0, dtype=np.int64)
    bar = np.repeat(np.arange(len(tokens.bars)), [len(bar) for bar in tokens.bars])
    place = np.flatnonzero((ids >= v.PITCH0) & (ids < v.DURATION0))
    onset = _latest(ids, v.ONSET0, v.INSTRUMENT0)[place]
    family = _latest(ids, v.INSTRUMENT0, v.PITCH0)[place]
    duration, velocity = (np.append(ids, [0, 0])[place + step] for step in (1, 2))
    is_note = (onset >= 0) & (onset < v.BAR_POSITIONS) & (family >= 0)
    is_note &= (duration >= v.DURATION0) & (duration < v.DURATION0 + 96)
    is_note &= (velocity >= v.VELOCITY0) & (velocity < v.TEMPO0)
    if not is_note.all():
        where = int(bar[place[~is_note][0]]) + 1
        raise ArgumentError(f"bar {where} breaks the grammar: a note is t-x o-k i-y p d v, each in its range")
    tick = (bar[place] + first_bar) * v.BAR_POSITIONS + onset
    parts = []
    for rank, kind in enumerate(v.FAMILIES):
        mine = v.INSTRUMENT0 + family == v.FAMILY_TOKENS[rank]
        pitch = ids[place][mine] - (v.DRUM_PITCH0 if kind.is_drums else v.PITCH0)
        if len(pitch) and not 0 <= pitch.min() <= pitch.max() <= 127:
            raise ArgumentError(f"the {kind.name} hold pitches of another kind; drums are p-128 to p-255, others below")
        pitch = pitch if kind.is_drums else _into_range(pitch - tokens.pitch_shift)
        notes = make_notes(
            tick[mine],
            v.decode_duration(duration[mine] - v.DURATION0),
            pitch,
            v.decode_velocity(velocity[mine] - v.VELOCITY0),
        )
        parts.append(Part(PART_NAMES[rank], notes, kind.program, kind.is_drums, kind.role))
    song = Song(parts=tuple(parts), tempi=_tempi(tokens.bars, first_bar), title=title)
    if not len(place):
        return song
    return arrange_families(song)  # cuts notes that overlap


def _latest(ids: NDArray[np.int64], low: int, high: int) -> NDArray[np.int64]:
    """Return at each place the latest id of a kind, counted from its first; -1 where there is none.

    It ends with what it is part of: a family with its onset, an onset with its bar.
    """
    marks = (ids >= low) & (ids < high)
    resets = (ids < low) | (ids >= v.TEMPO0)
    latest = np.maximum.accumulate(np.where(marks | resets, np.arange(len(ids)), -1))
    return np.where((latest >= 0) & marks[latest], ids[latest] - low, -1)


def _into_range(pitch: NDArray[np.int64]) -> NDArray[np.int64]:
    high = 116 + (pitch - 116) % 12  # 116..127
    return np.where(pitch < 0, pitch % 12, np.where(pitch > 127, high, pitch))


def _tempi(bars: Sequence[Ids], first_bar: int) -> tuple[Tempo, ...]:
    tempi: list[Tempo] = []
    step = None
    for index, bar in enumerate(bars):
        given = next((int(id) - v.TEMPO0 for id in bar[:3] if v.TEMPO0 <= id < v.CONTINUE), step)
        if given is not None and given != step:
            tick = (index + first_bar) * v.BAR_POSITIONS if tempi else 0
            tempi.append(Tempo(tick, float(v.decode_tempo(given))))
            step = given
    return tuple(tempi) or (Tempo(0, 120.0),)


def split_bars(ids: ArrayLike) -> tuple[Ids, ...]:
    """Return the bars of a row of ids, cut after each ``b-1``; ``</s>`` and ``<pad>`` are left out.

    What follows the last ``b-1`` is the last bar, unfinished.
    """
    row = np.asarray(ids, dtype=np.int16).ravel()
    row = row[(row != v.END) & (row != v.PAD)]
    ends = np.flatnonzero(row == v.BAR_END) + 1
    return tuple(bar for bar in np.split(row, ends) if len(bar))


def tokens_to_text(bars: Iterable[ArrayLike]) -> str:
    """Return bars as text such as ``t-35 o-0 i-80 p-60 d-12 v-20 b-1``, one bar a line."""
    return "".join(" ".join(v.token_name(int(id)) for id in np.asarray(bar)) + "\n" for bar in bars)


def text_to_tokens(text: str) -> tuple[Ids, ...]:
    """Return the bars of text as `tokens_to_text` writes it; bars end with ``b-1``, line breaks count as spaces.

    Raises:
        ArgumentError: if a word is no token.
    """
    return split_bars([v.token_id(word) for word in text.split()])
