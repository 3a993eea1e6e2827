"""An analysis as plain data for `analysis.json`, and as a few lines for a person."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.score import Form, Key, Song


def as_dict(
    song: Song, similarity: NDArray[np.float64], bars_from: str, form_reason: str, confidence: dict[str, float]
) -> dict[str, Any]:
    """Return everything known about a song as JSON data: times in seconds and bars from 1 where a person reads them.

    Args:
        song: the analysed song.
        similarity: ``(bars, bars)`` from `bar_similarity`.
        bars_from: where the bars come from: ``"stated"``, ``"file"`` or ``"found"``.
        form_reason: why there is no form, or "".
        confidence: 0..1 by subject.
    """
    return {
        "title": song.title,
        "bars": song.bars,
        "duration_s": round(song.duration_s, 3),
        "bars_from": bars_from,
        "bar_starts_s": [round(float(time), 4) for time in song.seconds(song.bar_lines[:-1])],
        "tempi": [{**_place(song, tempo.tick), "qpm": round(tempo.qpm, 3)} for tempo in song.tempi],
        "meters": [{**_place(song, meter.tick), "meter": str(meter)} for meter in song.meters],
        "keys": [{**_place(song, region.tick), "key": str(region.key)} for region in song.keys],
        "chords": [
            {
                **_place(song, span.onset),
                "beats": round(span.duration / 12, 3),
                "symbol": span.chord.symbol(song.key_at(span.onset) or Key(0)),
                "harte": span.chord.harte,
            }
            for span in song.chords
        ],
        "parts": [_part(song, index) for index in range(len(song.parts))],
        "form": str(song.form) if song.form else None,
        "form_reason": form_reason or None,
        "phrases": _phrases(song.form) if song.form else [],
        "sections": _sections(song.form) if song.form else [],
        "confidence": {subject: round(value, 3) for subject, value in confidence.items()},
        "similarity": np.round(similarity, 3).tolist(),
    }


def as_text(song: Song, form_reason: str, confidence: dict[str, float]) -> str:
    """Return the findings in a few lines."""
    keys = ", then ".join(str(region.key) for region in song.keys) or "unknown"
    minutes, seconds = divmod(round(song.duration_s), 60)
    meters = sorted({str(meter) for meter in song.meters}, key=lambda name: [str(m) for m in song.meters].index(name))
    lines = [
        f"form    {song.form if song.form else 'unknown: ' + (form_reason or 'not looked for')}",
        f"bars    {song.bars} of {', '.join(meters)}, {song.tempi[0].qpm:.4g} quarter notes a minute, "
        f"{minutes}:{seconds:02d} minutes",
        f"key     {keys}",
        f"chords  {len(song.chords)}: {_first_chords(song)}",
    ]
    for part in song.parts:
        if len(part.notes):
            lines.append(f"part    {part.name or 'unnamed'}: {part.role or 'role unknown'}, {len(part.notes)} notes")
    sure = ", ".join(f"{subject} {value:.0%}" for subject, value in confidence.items())
    lines.append(f"sure    {sure}")
    return "\n".join(lines)


def _first_chords(song: Song, count: int = 8) -> str:
    symbols = [span.chord.symbol(song.key_at(span.onset) or Key(0)) for span in song.chords[:count]]
    return " ".join(symbols) + (" …" if len(song.chords) > count else "")


def _place(song: Song, tick: int) -> dict[str, Any]:
    """Where a tick is: bar from 1, beat from 1 in quarter notes, seconds."""
    lines = song.bar_lines
    bar = int(np.clip(np.searchsorted(lines, tick, side="right") - 1, 0, len(lines) - 2))
    return {
        "bar": bar + 1,
        "beat": round((tick - int(lines[bar])) / 12 + 1, 3),
        "time_s": round(float(song.seconds(tick)), 4),
    }


def _part(song: Song, index: int) -> dict[str, Any]:
    part = song.parts[index]
    pitches = part.notes["pitch"]
    return {
        "name": part.name,
        "role": part.role,
        "program": part.program,
        "is_drums": part.is_drums,
        "notes": len(part.notes),
        "lowest_pitch": int(pitches.min()) if len(pitches) else None,
        "highest_pitch": int(pitches.max()) if len(pitches) else None,
    }


def _phrases(form: Form) -> list[dict[str, Any]]:
    return [
        {
            "letter": segment.letter,
            "start_bar": start + 1,
            "bars": segment.bars,
            "melodic": segment.is_melodic,
            "repeats": first,
        }
        for segment, start, first in zip(form, form.starts, form.repeats, strict=True)
    ]


def _sections(form: Form) -> list[dict[str, Any]]:
    sections = []
    for first, stop in form.sections:
        segments = form.segments[first:stop]
        sections.append(
            {
                "start_bar": form.starts[first] + 1,
                "bars": sum(segment.bars for segment in segments),
                "phrases": "".join(map(str, segments)),
            }
        )
    return sections
