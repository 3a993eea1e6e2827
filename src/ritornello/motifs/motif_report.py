"""The motifs of a song as JSON, as a table, and in the text form of the MIREX task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ritornello.motifs.maps import Motif, MotifOccurrence
from ritornello.score import Song
from ritornello.score.timeline import TICKS_PER_QUARTER


def motifs_dict(song: Song, motifs: Sequence[Motif], name: str) -> dict[str, Any]:
    """Return the motifs as JSON values; onsets and durations are in ticks."""
    return {
        "song": name, "title": song.title, "bars": song.bars, "ticks_per_quarter": TICKS_PER_QUARTER,
        "motifs": [
            {
                "name": motif.name, "notes": len(motif.occurrences[0].notes),
                "moves_in": "steps of the scale" if motif.pattern.morphetic else "semitones",
                "compactness": motif.pattern.compactness, "gain": motif.pattern.gain,
                "occurrences": [
                    {
                        "start_bar": place.start[0], "start_beat": place.start[1],
                        "end_bar": place.end[0], "end_beat": place.end[1],
                        "transposition": place.transposition, "exact": place.exact,
                        "notes": [_note(song, part, note) for part, note in place.notes.tolist()],
                    }
                    for place in motif.occurrences
                ],
            }
            for motif in motifs
        ],
    }  # fmt: skip


def _note(song: Song, part: int, note: int) -> dict[str, Any]:
    row = song.parts[part].notes[note]
    return {"part": song.parts[part].name, **{name: int(row[name]) for name in ("onset", "duration", "pitch")}}


def motifs_text(motifs: Sequence[Motif]) -> str:
    """Return the motifs as a table for a person."""
    if not motifs:
        return "nothing comes back often and densely enough; try fewer --least-notes, or --longest 0 for whole sections"
    lines = []
    for motif in motifs:
        first = motif.occurrences[0]
        varied = sum(not place.exact for place in motif.occurrences)
        counted = f"{len(motif.occurrences)} times" + (f", {varied} varied" if varied else "")
        places = ", ".join(map(place_text, motif.occurrences))
        lines.append(f"{motif.name:<3} {len(first.notes):>3} notes  {counted:<20} {places}")
    return "\n".join(lines)


def place_text(place: MotifOccurrence) -> str:
    """Return where an occurrence starts, and how it moved, such as ``"9.1 (+5)"``; varied ones have a tilde."""
    move = f" ({place.transposition:+d})" if place.transposition else ""
    return f"{'' if place.exact else '~'}{place.start[0]}.{place.start[1]:g}{move}"


def mirex_text(song: Song, motifs: Sequence[Motif]) -> str:
    """Return the motifs in the MIREX form: pattern1, occurrence1, then onset in quarter notes and pitch in a line."""
    lines = []
    for number, motif in enumerate(motifs, start=1):
        lines.append(f"pattern{number}")
        for count, place in enumerate(motif.occurrences, start=1):
            lines.append(f"occurrence{count}")
            for part, note in place.notes.tolist():
                row = song.parts[part].notes[note]
                lines.append(f"{int(row['onset']) / TICKS_PER_QUARTER:.5f}, {int(row['pitch']):.5f}")
    return "\n".join([*lines, ""])
