"""Any 4/4 song arranged for the six instrument families: melody, drums, bass, guitar, piano, strings.

Ours, in place of the paper's unpublished preprocessing. Parts fold by program: 0-23 to piano, 24-31 to guitar, 32-39 to
bass, 40-127 to strings, the drum channel to drums. One part becomes the melody: of the pitched parts other than basses
with 32 notes or more that play in at least half as many bars as the busiest of them, first those whose name says so,
then the one with the largest share of single notes, then the highest. (Measured with names hidden: right in 770 of the
818 POP909 songs.) Equal notes of a family are merged, notes are cut at 16 beats and where their pitch is struck again.

A song that `tokens.decode` made is recognised by its track names, also from its MIDI file, and comes back as it was.
`paper_filter` holds the filters of Yu et al. (NeurIPS 2022, appendix) for those who want the paper's selection.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.museformer.tokens.vocabulary import BAR_POSITIONS, FAMILIES, LONGEST_DURATION, MAX_QPM, MIN_QPM, family
from ritornello.score.instruments import GENERAL_MIDI_NAMES
from ritornello.score.midi_reader import SIGNATURE
from ritornello.score.song import Part, Song, make_notes
from ritornello.score.timeline import Meter, Tempo

MIN_MELODY_NOTES = 32
"""A part with fewer notes is the melody only if no pitched part has more."""

MIN_MELODY_COVERAGE = 0.5
"""Share of the busiest candidate's bars in which a melody must play."""

PART_NAMES = tuple(family.name.capitalize() for family in FAMILIES)
"""Names of the six parts, in the order of `FAMILIES`."""

_MELODY_WORDS = re.compile(r"melod|vocal|vox|voice|sing|lead|lyric|solo", re.IGNORECASE)

_MELODY, _DRUMS, _BASS, _GUITAR, _PIANO, _STRINGS = range(6)


def arrange_families(song: Song, melody: int | None = None) -> Song:
    """Return the song arranged for the six families.

    Args:
        song: a song in 4/4 throughout; a pickup before it is filled up with rest to a whole bar.
        melody: index of the part that has the tune; None lets the rules choose.

    Returns:
        A song of six parts in the order of `FAMILIES`, some perhaps empty, in one metre, with the tempi of the given
        one; of the notes of a part no two of one pitch overlap and none is longer than 16 beats.

    Raises:
        ArgumentError: if ``melody`` is no pitched part.
        UnsuitableSongError: if the song has no notes, or bars other than of 4/4.
    """
    ranks = family_ranks(song, melody)
    shift = _pickup_shift(song)
    parts = []
    for rank, (name, kind) in enumerate(zip(PART_NAMES, FAMILIES, strict=True)):
        notes = [part.notes for part, of in zip(song.parts, ranks, strict=True) if of == rank]
        merged = _merge(np.concatenate(notes)) if notes else make_notes()
        merged["onset"] += shift
        parts.append(Part(name, merged, kind.program, kind.is_drums, kind.role))
    tempi = tuple(Tempo(tempo.tick + shift if tempo.tick else 0, tempo.qpm) for tempo in song.tempi)
    return Song(parts=tuple(parts), tempi=tempi, title=song.title)


def family_ranks(song: Song, melody: int | None = None) -> tuple[int, ...]:
    """Return for each part of a song the rank of its family, an index into `FAMILIES`.

    Raises:
        ArgumentError: if ``melody`` is no pitched part.
        UnsuitableSongError: if the song has no notes.
    """
    if not any(len(part.notes) for part in song.parts):
        raise UnsuitableSongError(f"{_label(song)} has no notes; give a song with notes")
    if melody is not None and not (0 <= melody < len(song.parts) and not song.parts[melody].is_drums):
        raise ArgumentError(f"part {melody} cannot be the melody; give the index of a pitched part, from 0")
    if is_own(song):
        ranks = [PART_NAMES.index(part.name) for part in song.parts]
        chosen = ranks.index(_MELODY) if _MELODY in ranks else None
    else:
        ranks = [_folded(part) for part in song.parts]
        chosen = melody if melody is not None else choose_melody(song)
    if melody is not None and melody != chosen:
        ranks = [_folded(part) if rank == _MELODY else rank for part, rank in zip(song.parts, ranks, strict=True)]
        chosen = melody
    if chosen is not None:
        ranks[chosen] = _MELODY
    return tuple(ranks)


def is_own(song: Song) -> bool:
    """Return whether a song is arranged for the six families already, by the names and programs of its parts.

    A file that carries our signature needs the names only, so that its programs may be changed for playing.
    """
    names = [part.name for part in song.parts]
    if not names or len(set(names)) < len(names) or not set(names) <= set(PART_NAMES):
        return False
    kinds = [family(name) for name in names]
    if any(kind.is_drums != part.is_drums for kind, part in zip(kinds, song.parts, strict=True)):
        return False
    if song.original is None or SIGNATURE in song.original.data[:256]:
        return True
    fitting = all(kind.program == part.program for kind, part in zip(kinds, song.parts, strict=True))
    return fitting and len(names) > 1  # one track called Piano is just somebody's piano piece


def choose_melody(song: Song) -> int | None:
    """Return the index of the part with the tune by the rules of this module; None if only basses and drums play."""
    pitched = [
        index for index, part in enumerate(song.parts) if len(part.notes) and _folded(part) not in (_DRUMS, _BASS)
    ]
    candidates = [index for index in pitched if len(song.parts[index].notes) >= MIN_MELODY_NOTES] or pitched
    if not candidates:
        return None
    bars = [len(np.unique(song.parts[index].notes["onset"] // BAR_POSITIONS)) for index in candidates]
    enough = MIN_MELODY_COVERAGE * max(bars)
    present = [index for index, count in zip(candidates, bars, strict=True) if count >= enough]
    return max(present, key=lambda index: (*_tunefulness(song.parts[index]), -index))


def _tunefulness(part: Part) -> tuple[bool, float, float]:
    counts = np.unique(part.notes["onset"], return_counts=True)[1]
    named = _MELODY_WORDS.search(_given_name(part)) is not None
    return named, float(np.mean(counts == 1)), float(part.notes["pitch"].mean())


def _given_name(part: Part) -> str:
    """Return what the file calls the part: the reader fills in, or adds in brackets, the name of its program."""
    instrument = GENERAL_MIDI_NAMES[part.program]
    return "" if part.name == instrument else part.name.removesuffix(f" ({instrument})")


def _folded(part: Part) -> int:
    if part.is_drums:
        return _DRUMS
    limits = ((24, _PIANO), (32, _GUITAR), (40, _BASS), (128, _STRINGS))
    return next(rank for limit, rank in limits if part.program < limit)


def _merge(notes: NDArray[np.void]) -> NDArray[np.void]:
    """Return the notes of one family without doubles (the longest stays, then the loudest) and without overlaps."""
    order = np.lexsort((-notes["velocity"], -notes["duration"], notes["onset"], notes["pitch"]))
    notes = notes[order]
    is_first = np.ones(len(notes), dtype=bool)
    is_first[1:] = (np.diff(notes["pitch"]) != 0) | (np.diff(notes["onset"]) != 0)
    notes = notes[is_first]
    duration = np.minimum(notes["duration"], LONGEST_DURATION)
    struck_again = np.flatnonzero(np.diff(notes["pitch"]) == 0)
    room = notes["onset"][struck_again + 1] - notes["onset"][struck_again]
    duration[struck_again] = np.minimum(duration[struck_again], room)
    notes["duration"] = duration
    return notes


def _pickup_shift(song: Song) -> int:
    """Return by how many ticks the song must be moved for its bars to be whole.

    Raises:
        UnsuitableSongError: if bars are not of 4/4 (2/2 has the same bars and is taken as such).
    """
    meters = list(song.meters)
    shift = 0
    if len(meters) > 1 and meters[0].bar_ticks == meters[1].tick < BAR_POSITIONS:
        shift = BAR_POSITIONS - meters.pop(0).bar_ticks
    for meter in meters:
        if not _is_common_time(meter):
            raise UnsuitableSongError(f"{_label(song)} has bars of {meter}; only songs in 4/4 throughout can be used")
        if (meter.tick + shift) % BAR_POSITIONS:
            bar = int(song.bars_at(meter.tick - 1)) + 1
            raise UnsuitableSongError(f"{_label(song)} has a short bar {bar}; only songs of whole 4/4 bars can be used")
    return shift


def _is_common_time(meter: Meter) -> bool:
    return (meter.numerator, meter.denominator) in ((4, 4), (2, 2))


def _label(song: Song) -> str:
    return song.original.name if song.original is not None else (song.title or "the song")


def paper_filter(song: Song, melody: int | None = None) -> str | None:
    """Return why the paper's selection leaves a song out, or None if it keeps it; duplicates apart.

    Args:
        song: the song as it was read, before `arrange_families`.
        melody: index of the part that has the tune; None lets the rules choose.

    Raises:
        ArgumentError: if ``melody`` is no pitched part.
        UnsuitableSongError: if the song has no notes.
    """
    ranks = family_ranks(song, melody)
    if any(str(meter) != "4/4" or meter.tick % BAR_POSITIONS for meter in song.meters):
        return "not 4/4 throughout"
    if _MELODY not in ranks or len(set(ranks)) < 2:
        return "fewer than two instruments, or no melody"
    if any(not MIN_QPM <= tempo.qpm <= MAX_QPM for tempo in song.tempi if tempo.tick < song.end):
        return f"a tempo outside {MIN_QPM:g} to {MAX_QPM:g}"
    notes = np.concatenate([part.notes for part in song.parts])
    pitches = np.concatenate([part.notes["pitch"] for part in song.parts if not part.is_drums])
    if pitches.min() < 21 or pitches.max() > 108:
        return "a pitch outside 21 to 108"
    if notes["duration"].max() > LONGEST_DURATION:
        return "a note longer than 16 beats"
    bars = np.unique(notes["onset"] // BAR_POSITIONS)
    if int(bars[-1] - bars[0] + 1) - len(bars) >= 4:
        return "four empty bars or more"
    if len(np.unique(pitches)) == 1 or len(np.unique(notes["duration"])) == 1:
        return "all pitches or all durations equal"
    return None
