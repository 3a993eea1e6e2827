"""Pages of music as one PDF: glyphs drawn once as forms and placed many times, text that can be searched.

Own small converter on reportlab's canvas: svglib lost the chord symbols' placing and needed over a second a page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from ritornello.show.engraved_page import UNITS_PER_MM, Glyph, Outline, Page, Text, glyph_path
from ritornello.show.page_fonts import pdf_font

_POINTS_PER_UNIT = 72 / 25.4 / UNITS_PER_MM
_TOKEN = re.compile(r"[MmLlHhVvCcSsZz]|-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?")


def pdf_bytes(pages: Sequence[Page], title: str = "") -> bytes:
    """Return the pages as a PDF file; the same pages give the same bytes."""
    from reportlab.pdfgen.canvas import Canvas

    output = io.BytesIO()
    first = pages[0]
    canvas = Canvas(output, (first.width * _POINTS_PER_UNIT, first.height * _POINTS_PER_UNIT), invariant=True)
    canvas.setTitle(title)
    canvas.setCreator("Ritornello")
    for code in sorted({code for page in pages for code in page.glyph_codes}):
        canvas.beginForm(f"g{code}", -3000, -3000, 3000, 3000)
        _draw_path(canvas, glyph_path(code), fill=True, stroke=False)
        canvas.endForm()
    for page in pages:
        canvas.setPageSize((page.width * _POINTS_PER_UNIT, page.height * _POINTS_PER_UNIT))
        canvas.translate(0, page.height * _POINTS_PER_UNIT)
        canvas.scale(_POINTS_PER_UNIT, -_POINTS_PER_UNIT)
        for item in page.items:
            _draw(canvas, item)
        canvas.showPage()
    canvas.save()
    return output.getvalue()


def _draw(canvas: Any, item: Glyph | Outline | Text) -> None:
    if isinstance(item, Outline):
        canvas.setLineWidth(item.pen)
        _draw_path(canvas, item.path, fill=item.is_filled, stroke=item.pen > 0)
        return
    canvas.saveState()
    canvas.translate(item.x, item.y)
    if isinstance(item, Glyph):
        canvas.scale(item.scale, -item.scale)
        canvas.doForm(f"g{item.code}")
    else:
        canvas.scale(1, -1)
        font = pdf_font(item.text, item.is_bold, item.is_italic)
        canvas.setFont(font, item.size)
        canvas.drawString(0, 0, item.text)
    canvas.restoreState()


def _draw_path(canvas: Any, path: str, *, fill: bool, stroke: bool) -> None:
    drawn = canvas.beginPath()
    for command, numbers in _absolute(path):
        if command == "M":
            drawn.moveTo(*numbers)
        elif command == "L":
            drawn.lineTo(*numbers)
        elif command == "C":
            drawn.curveTo(*numbers)
        else:
            drawn.close()
    canvas.drawPath(drawn, stroke=int(stroke), fill=int(fill), fillMode=1)  # non-zero winding, as SVG


@cache
def _absolute(path: str) -> list[tuple[str, tuple[float, ...]]]:
    # SVG path data as absolute M, L, C and Z.
    tokens = _TOKEN.findall(path)
    result: list[tuple[str, tuple[float, ...]]] = []
    x = y = start_x = start_y = 0.0
    control: tuple[float, float] | None = None
    command, position = "M", 0
    counts = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Z": 0}
    while position < len(tokens):
        if tokens[position].isalpha():
            command = tokens[position]
            position += 1
        kind = command.upper()
        count = counts[kind]
        values = [float(token) for token in tokens[position : position + count]]
        position += count
        if command.islower():
            moves = {"H": [x], "V": [y]}.get(kind, [x, y] * (count // 2))
            values = [value + move for value, move in zip(values, moves, strict=True)]
        if kind == "Z":
            result.append(("Z", ()))
            x, y, control = start_x, start_y, None
            continue
        if kind in "HV":
            values = [values[0], y] if kind == "H" else [x, values[0]]
        if kind == "S":
            reflected = (2 * x - control[0], 2 * y - control[1]) if control else (x, y)
            values = [*reflected, *values]
        control = (values[2], values[3]) if kind in "CS" else None
        x, y = values[-2:]
        if kind == "M":
            start_x, start_y = x, y
            command = "l" if command == "m" else "L"  # further pairs after a move are lines
        result.append((kind if kind in "MC" else "C" if kind == "S" else "L", tuple(values)))
    return result
