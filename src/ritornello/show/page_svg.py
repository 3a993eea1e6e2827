"""Pages of music as one SVG: pages stacked from top to bottom, plain shapes and text that every viewer draws alike."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from ritornello.show.engraved_page import UNITS_PER_MM, Glyph, Outline, Page, Text, glyph_path


def svg_bytes(pages: Sequence[Page], title: str = "") -> bytes:
    """Return the pages as an SVG file, one below the other on white paper, with a thin gap between them."""
    gap = 5 * UNITS_PER_MM
    width = max(page.width for page in pages)
    height = sum(page.height for page in pages) + gap * (len(pages) - 1)
    codes = sorted({code for page in pages for code in page.glyph_codes})
    glyphs = "".join(f'<path id="g{code}" transform="scale(1,-1)" d="{glyph_path(code)}"/>\n' for code in codes)
    body: list[str] = []
    top = 0.0
    for page in pages:
        body.append(f'<g transform="translate(0,{top:g})">\n')
        body.append(f'<rect width="{page.width:g}" height="{page.height:g}" fill="#ffffff"/>\n')
        body += [_item(item) for item in page.items]
        body.append("</g>\n")
        top += page.height + gap
    size = f'width="{width / UNITS_PER_MM:g}mm" height="{height / UNITS_PER_MM:g}mm"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
        f'{size} viewBox="0 0 {width:g} {height:g}" font-family="Times New Roman, Times, STIX, serif">\n'
        f"<title>{escape(title)}</title>\n<defs>\n{glyphs}</defs>\n"
        '<g stroke="none" stroke-linecap="butt" xml:space="preserve">\n'
        f"{''.join(body)}</g>\n</svg>\n"
    ).encode()


def _item(item: Glyph | Outline | Text) -> str:
    if isinstance(item, Glyph):
        place = f"translate({item.x:g},{item.y:g}) scale({item.scale:g})"
        return f'<use xlink:href="#g{item.code}" transform="{place}"/>\n'
    if isinstance(item, Outline):
        fill = "" if item.is_filled else ' fill="none"'
        pen = f' stroke="#000000" stroke-width="{item.pen:g}"' if item.pen else ""
        return f'<path d="{item.path}"{fill}{pen}/>\n'
    style = (' font-weight="bold"' if item.is_bold else "") + (' font-style="italic"' if item.is_italic else "")
    return f'<text x="{item.x:g}" y="{item.y:g}" font-size="{item.size:g}"{style}>{escape(item.text)}</text>\n'
