"""A page of engraved music as a short list of shapes, taken from what verovio draws.

Verovio's own SVG leans on things that most programs besides browsers do not have: nested tspans of size 0, an embedded
web font for accidentals in chord symbols, nested viewports. Here a page becomes music glyphs (as outlines from the font
data of verovio), paths and runs of text at known places, which `page_svg` and `page_pdf` write without surprises.
Coordinates are verovio's: hundredths of a millimetre, y downwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element

from ritornello.show.page_fonts import text_width

UNITS_PER_MM = 100
"""Page coordinates per millimetre."""

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_TRANSFORM = re.compile(r"translate\(([-\d.]+),\s*([-\d.]+)\)(?:\s*scale\(([-\d.]+))?")
_ACCIDENTALS = {"b": "\uea64", "#": "\uea66"}
"""The small accidentals of the SMuFL range for figured bass, which verovio takes for chord symbols."""
_ACCIDENTAL_SCALE = 16 / 9
"""Size of such an accidental over the size of the text around it, as verovio sets them."""
_SHAPES = ("path", "polygon", "polyline", "rect", "ellipse")


@dataclass(frozen=True, slots=True)
class Glyph:
    """A music glyph: its SMuFL code point in hexadecimal, where its origin stands, and its scale."""

    code: str
    x: float
    y: float
    scale: float


@dataclass(frozen=True, slots=True)
class Outline:
    """A path in SVG syntax, filled or not, with the width of its pen."""

    path: str
    pen: float
    is_filled: bool


@dataclass(frozen=True, slots=True)
class Text:
    """A run of text that begins at x on the baseline y."""

    x: float
    y: float
    text: str
    size: float
    is_bold: bool
    is_italic: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page with its width and height in hundredths of a millimetre, and what stands on it."""

    width: float
    height: float
    items: tuple[Glyph | Outline | Text, ...]

    @property
    def glyph_codes(self) -> list[str]:
        """The codes of the glyphs in use, sorted."""
        return sorted({item.code for item in self.items if isinstance(item, Glyph)})


@cache
def glyph_path(code: str) -> str:
    """Return the outline of a glyph in SVG path syntax, 1000 units to the em and y upwards."""
    text = (_font_folder() / "Leipzig" / f"{code}.xml").read_text(encoding="utf-8")
    match = re.search(r'\bd="([^"]*)"', text)
    return match[1] if match else ""


@cache
def _advances() -> dict[str, float]:
    text = (_font_folder() / "Leipzig.xml").read_text(encoding="utf-8")
    return {code: float(width) for code, width in re.findall(r'<g c="([0-9A-F]+)"[^>]*h-a-x="([\d.]+)"', text)}


def _font_folder() -> Path:
    import verovio

    return Path(verovio.__file__).parent / "data"


def read_page(svg: str) -> Page:
    """Return the page that verovio drew as SVG."""
    from defusedxml.ElementTree import fromstring

    root: Element = fromstring(svg)
    view = root.find(f"{_SVG}svg")
    if view is None:
        raise RuntimeError("verovio's page has no viewport; this version of verovio draws in a way that is not known")
    _, _, width, height = (float(number) for number in view.get("viewBox", "0 0 0 0").split())
    return Page(width, height, tuple(_items(view, 0.0, 0.0, ())))


def _items(element: Element, x: float, y: float, classes: tuple[str, ...]) -> Iterator[Glyph | Outline | Text]:
    for child in element:
        tag = child.tag.removeprefix(_SVG)
        if tag == "g":
            kinds = tuple(child.get("class", "").split())
            if "placeholder" in kinds:
                continue
            move = _TRANSFORM.match(child.get("transform", ""))
            dx, dy = (float(move[1]), float(move[2])) if move else (0.0, 0.0)
            yield from _items(child, x + dx, y + dy, classes + kinds)
        elif tag == "use":
            place = _TRANSFORM.match(child.get("transform", ""))
            if place:
                code = child.get(_HREF, "").removeprefix("#").split("-")[0]
                yield Glyph(code, x + float(place[1]), y + float(place[2]), float(place[3] or 1))
        elif tag in _SHAPES:
            yield _outline(child, tag, x, y)
        elif tag == "text":
            yield from _texts(child, x, y, classes)


def _outline(element: Element, tag: str, x: float, y: float) -> Outline:
    def number(name: str) -> float:
        return float(element.get(name, "0"))

    pen = number("stroke-width")
    if tag == "path":
        # All of verovio's page paths are absolute, so that every pair of numbers is a point.
        path = re.sub(
            r"(-?[\d.]+)[\s,]+(-?[\d.]+)",
            lambda pair: f"{float(pair[1]) + x:g} {float(pair[2]) + y:g}",
            element.get("d", ""),
        )
        return Outline(path, pen, " C" in path or path.rstrip().endswith("Z"))
    if tag in ("polygon", "polyline"):
        numbers = [float(text) for text in re.findall(r"-?[\d.]+", element.get("points", ""))]
        points = [f"{px + x:g} {py + y:g}" for px, py in zip(numbers[::2], numbers[1::2], strict=True)]
        return Outline("M" + " L".join(points) + (" Z" if tag == "polygon" else ""), pen, tag == "polygon")
    if tag == "rect":
        left, top, width, height = number("x") + x, number("y") + y, number("width"), number("height")
        path = f"M{left:g} {top:g} h{width:g} v{height:g} h{-width:g} Z"
        return Outline(path, pen, element.get("fill-opacity") != "0" and element.get("fill") != "none")
    cx, cy, rx, ry = number("cx") + x, number("cy") + y, number("rx"), number("ry")
    kx, ky = rx * 0.5523, ry * 0.5523  # a quarter of an ellipse as a Bezier curve
    path = (
        f"M{cx - rx:g} {cy:g} C{cx - rx:g} {cy - ky:g} {cx - kx:g} {cy - ry:g} {cx:g} {cy - ry:g} "
        f"C{cx + kx:g} {cy - ry:g} {cx + rx:g} {cy - ky:g} {cx + rx:g} {cy:g} "
        f"C{cx + rx:g} {cy + ky:g} {cx + kx:g} {cy + ry:g} {cx:g} {cy + ry:g} "
        f"C{cx - kx:g} {cy + ry:g} {cx - rx:g} {cy + ky:g} {cx - rx:g} {cy:g} Z"
    )
    return Outline(path, pen, True)


@dataclass
class _Line:
    x: float
    y: float
    anchor: str
    runs: list[tuple[str, float, bool, bool, bool]]  # text, size, bold, italic, is music


def _texts(element: Element, x: float, y: float, classes: tuple[str, ...]) -> Iterator[Glyph | Text]:
    bold = any(name in classes for name in ("ending", "fing", "reh", "tempo"))
    italic = any(name in classes for name in ("dir", "dynam", "mNum"))
    lines = [_Line(x, y, "start", [])]
    _collect(element, lines, x, y, (0.0, bold, italic, False))
    for line in lines:
        if "harm" in classes:
            line.runs = [piece for run in line.runs for piece in _with_accidentals(*run)]
        yield from _place(line)


def _with_accidentals(
    text: str, size: float, bold: bool, italic: bool, music: bool
) -> Iterator[tuple[str, float, bool, bool, bool]]:
    # Verovio sets the accidentals of roots as glyphs and leaves those of alterations ("m7b5") as letters.
    for piece in [text] if music else re.split(r"([b#](?=\d))", text):
        if piece in _ACCIDENTALS and not music:
            yield _ACCIDENTALS[piece], size * _ACCIDENTAL_SCALE, bold, italic, True
        elif piece:
            yield piece, size, bold, italic, music


def _collect(element: Element, lines: list[_Line], x: float, y: float, style: tuple[float, bool, bool, bool]) -> None:
    if element.tag == f"{_SVG}title":
        return
    size, bold, italic, music = style
    if "x" in element.attrib or ("y" in element.attrib and not lines[-1].runs):
        before = lines[-1]
        left = float(element.get("x", "0")) + x
        top = float(element.get("y")) + y if "y" in element.attrib else before.y  # type: ignore[arg-type]
        lines.append(_Line(left, top, element.get("text-anchor", before.anchor), []))
    elif "text-anchor" in element.attrib:
        lines[-1].anchor = element.get("text-anchor", "start")
    size = float(element.get("font-size", f"{size}px").removesuffix("px"))
    bold = element.get("font-weight", "bold" if bold else "normal") == "bold"
    italic = element.get("font-style", "italic" if italic else "normal") == "italic"
    music = element.get("font-family", "Leipzig" if music else "") == "Leipzig"
    if element.text and size:
        text = element.text if len(element) == 0 else element.text.strip()
        if text:
            lines[-1].runs.append((text, size, bold, italic, music))
    for child in element:
        _collect(child, lines, x, y, (size, bold, italic, music))


def _place(line: _Line) -> Iterator[Glyph | Text]:
    widths = [
        sum(_advances().get(f"{ord(sign):04X}", 0) for sign in text) * size / 1000
        if music
        else text_width(text, size, bold, italic)
        for text, size, bold, italic, music in line.runs
    ]
    x = line.x - {"middle": 0.5, "end": 1.0}.get(line.anchor, 0.0) * sum(widths)
    for (text, size, bold, italic, music), width in zip(line.runs, widths, strict=True):
        if music:
            left = x
            for sign in text:
                code = f"{ord(sign):04X}"
                if glyph_path(code):
                    yield Glyph(code, left, line.y, size / 1000)
                left += _advances().get(code, 0) * size / 1000
        else:
            yield Text(x, line.y, text, size, bold, italic)
        x += width
