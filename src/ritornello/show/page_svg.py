"""Pages of music as one SVG, stacked from top to bottom; music and text are outlines that every viewer draws alike."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from ritornello.show.engraved_page import UNITS_PER_MM, Glyph, Outline, Page, Text, glyph_path
from ritornello.show.page_fonts import letter_outline

_PAGE_GAP_MM = 5


def svg_bytes(pages: Sequence[Page], title: str = "") -> bytes:
    """Return the pages as an SVG file, one below the other on white paper, with a gap between them."""
    gap = _PAGE_GAP_MM * UNITS_PER_MM
    width = max(page.width for page in pages)
    height = sum(page.height for page in pages) + gap * (len(pages) - 1)
    shapes: dict[str, str] = {}  # outlines that are drawn once and used many times, by id
    body: list[str] = []
    top = 0.0
    for page in pages:
        body.append(f'<g transform="translate(0,{top:g})">\n')
        body.append(f'<rect width="{page.width:g}" height="{page.height:g}" fill="#ffffff"/>\n')
        body += [_item(item, shapes) for item in page.items]
        body.append("</g>\n")
        top += page.height + gap
    defined = "".join(f'<path id="{name}" transform="scale(1,-1)" d="{path}"/>\n' for name, path in shapes.items())
    title = "".join(letter for letter in title if letter.isprintable())  # XML holds no control characters
    size = f'width="{width / UNITS_PER_MM:g}mm" height="{height / UNITS_PER_MM:g}mm"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
        f'{size} viewBox="0 0 {width:g} {height:g}">\n<title>{escape(title)}</title>\n'
        f"<defs>\n{defined}</defs>\n{''.join(body)}</svg>\n"
    ).encode()


def _item(item: Glyph | Outline | Text, shapes: dict[str, str]) -> str:
    if isinstance(item, Glyph):
        return _use(f"g{item.code}", glyph_path(item.code), item.x, item.y, item.scale, shapes)
    if isinstance(item, Outline):
        fill = "" if item.is_filled else ' fill="none"'
        pen = f' stroke="#000000" stroke-width="{item.pen:g}"' if item.pen else ""
        return f'<path d="{item.path}"{fill}{pen}/>\n'
    letters = [letter_outline(letter, item.is_bold, item.is_italic) for letter in item.text]
    if None in letters:  # no outline for some letter: the viewer's own font
        style = (' font-weight="bold"' if item.is_bold else "") + (' font-style="italic"' if item.is_italic else "")
        place = f'x="{item.x:g}" y="{item.y:g}" font-family="serif" font-size="{item.size:g}"'
        return f"<text {place}{style}>{escape(item.text)}</text>\n"
    used: list[str] = []
    x = item.x
    for letter, outline in zip(item.text, letters, strict=True):
        if outline is not None:
            name = f"t{ord(letter):x}{'b' * item.is_bold}{'i' * item.is_italic}"
            used.append(_use(name, outline[0], x, item.y, item.size / 1000, shapes) if outline[0] else "")
            x += outline[1] * item.size / 1000
    return f'<g aria-label="{escape(item.text, {chr(34): "&quot;"})}">{"".join(used)}</g>\n'


def _use(name: str, path: str, x: float, y: float, scale: float, shapes: dict[str, str]) -> str:
    shapes.setdefault(name, path)
    return f'<use xlink:href="#{name}" transform="translate({x:.6g},{y:.6g}) scale({scale:g})"/>\n'
