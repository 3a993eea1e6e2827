"""A page of piano-roll snippets that can be played: one HTML file that asks nothing of any network.

Notes are drawn and played by a script in the page (Web Audio, no sound files); a content security policy forbids it
every connection. A snippet stands alone or below another one, with lines between the notes that belong together.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ritornello.show.offline_page import offline_page, script_json
from ritornello.show.palette import MOTIF_COLORS

_PARTS = Path(__file__).parent / "web"

Notes = Sequence[tuple[float, float, int]]
"""(onset, duration) in quarter notes and MIDI pitch."""


@dataclass(frozen=True)
class Snippet:
    """Some notes to see and to play.

    Attributes:
        label: what it is, such as a song and its bars.
        notes: the notes.
        qpm: tempo in quarter notes a minute.
        detail: more words, may be empty.
    """

    label: str
    notes: Notes
    qpm: float = 100.0
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """A snippet on its own, or one above another with pairs of notes joined.

    Attributes:
        lower: the snippet.
        upper: what it is compared to, or None.
        pairs: (note of the upper, note of the lower), in the order of their notes.
        facts: short texts in a line.
    """

    lower: Snippet
    upper: Snippet | None = None
    pairs: Sequence[tuple[int, int]] = ()
    facts: Sequence[str] = ()


@dataclass(frozen=True)
class Group:
    """Rows under one heading.

    Attributes:
        heading: its text.
        rows: the rows.
        color: index of the colour of its notes.
        text: words below the heading.
    """

    heading: str
    rows: Sequence[Row]
    color: int = 0
    text: str = ""


@dataclass(frozen=True)
class SnippetPage:
    """A page.

    Attributes:
        title: its heading.
        lead: words below it.
        groups: its content.
        pictures: PNG pictures by their captions, shown before the groups.
    """

    title: str
    lead: str
    groups: Sequence[Group]
    pictures: dict[str, bytes] = field(default_factory=dict)


def snippet_page(page: SnippetPage) -> bytes:
    """Return the page as UTF-8."""
    return offline_page(
        _PARTS, "snippets.html", "snippets.css", {"script": "snippets.js"}, {"content": script_json(_content(page))},
        "img-src data:",
    )  # fmt: skip


def _content(page: SnippetPage) -> dict[str, Any]:
    return {
        "title": page.title, "lead": page.lead,
        "pictures": [
            {"caption": caption, "data": "data:image/png;base64," + base64.b64encode(data).decode()}
            for caption, data in page.pictures.items()
        ],
        "groups": [
            {
                "heading": group.heading, "text": group.text,
                "color": MOTIF_COLORS[group.color % len(MOTIF_COLORS)],
                "rows": [
                    {
                        "lower": _snippet(row.lower), "upper": _snippet(row.upper) if row.upper else None,
                        "pairs": [list(pair) for pair in row.pairs], "facts": list(row.facts),
                    }
                    for row in group.rows
                ],
            }
            for group in page.groups
        ],
    }  # fmt: skip


def _snippet(snippet: Snippet) -> dict[str, Any]:
    notes = [[round(float(on), 4), round(float(length), 4), int(pitch)] for on, length, pitch in snippet.notes]
    return {"label": snippet.label, "detail": snippet.detail, "qpm": snippet.qpm, "notes": notes}
