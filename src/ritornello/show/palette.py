"""The colours of all pictures: one per part role, one per phrase letter; readable in print and for most colour vision.

The hues follow Okabe and Ito (2008), *Color Universal Design*.
"""

from __future__ import annotations

ROLE_COLORS: dict[str, str] = {
    "melody": "#c8442b",
    "bridge": "#e69f00",
    "chords": "#56a3d9",
    "bass": "#1f4e79",
    "drums": "#8a8a8a",
    "other": "#7b9f6b",
}
"""Colour of each part role; a part without a role is drawn as ``other``."""

LETTER_COLORS = ("#f3a59a", "#9ccfe8", "#b6dca0", "#f2d48b", "#cdb5e3", "#f4bcd8", "#a8ddd0", "#d9c6b0")
"""Fill of melodic phrase families in order of first appearance; it starts again after the last."""

MOTIF_COLORS = (
    "#c8442b", "#2f7fb8", "#4f9a3a", "#d99a00", "#8656b4", "#d0569a", "#2a9d8f", "#8d6b3f", "#5a6b8c", "#a3b100",
    "#e07b39", "#3b5b92",
)  # fmt: skip
"""Colours of motifs in the order in which they are told; it starts again after the last."""

NO_MELODY_COLOR = "#ececec"
UNREPEATED_COLOR = "#dcdcdc"
INK = "#262626"
GRID = "#d6d6d6"


def letter_color(letter: str, letters: tuple[str, ...]) -> str:
    """Return the fill of a form segment.

    Args:
        letter: the segment's letter.
        letters: the melodic letters of the form in order of first appearance (`Form.letters`).
    """
    if letter in letters:
        return LETTER_COLORS[letters.index(letter) % len(LETTER_COLORS)]
    return UNREPEATED_COLOR if letter == "X" else NO_MELODY_COLOR
