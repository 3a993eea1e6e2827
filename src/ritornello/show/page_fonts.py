"""The fonts of text on engraved pages: Times and its like.

A PDF names the standard Times, which every viewer has. An SVG cannot count on any font, so its text is drawn from the
outlines of STIX, a Times of the same widths that comes with matplotlib; STIX also serves a PDF for letters outside
Latin. Chinese, Japanese and Korean are left to the viewer's fonts.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ritornello.errors import MissingDependencyError

_TIMES = {(False, False): "Times-Roman", (True, False): "Times-Bold", (False, True): "Times-Italic",
          (True, True): "Times-BoldItalic"}  # fmt: skip
_STIX = {(False, False): "STIXGeneral", (True, False): "STIXGeneralBol", (False, True): "STIXGeneralItalic",
         (True, True): "STIXGeneralBolIta"}  # fmt: skip
_FIRST_CJK = 0x2E80


def text_width(text: str, size: float, bold: bool = False, italic: bool = False) -> float:
    """Return the width of a run of text, in the unit of its size."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    width: float = stringWidth(text, pdf_font(text, bold, italic), size)
    return width


def pdf_font(text: str, bold: bool = False, italic: bool = False) -> str:
    """Return the name of a PDF font that has the letters of a text, registered with reportlab."""
    try:
        text.encode("cp1252")
        return _TIMES[bold, italic]
    except UnicodeEncodeError:
        return _cjk_font() if any(ord(sign) >= _FIRST_CJK for sign in text) else _embedded_font(bold, italic)


@cache
def letter_outline(letter: str, bold: bool = False, italic: bool = False) -> tuple[str, float] | None:
    """Return a letter's outline and its advance for a font size of 1000.

    Returns:
        SVG path data with y upwards, in units of a thousandth of the font size, and the advance in the same units; None
        if STIX lacks the letter.
    """
    from fontTools.pens.svgPathPen import SVGPathPen
    from fontTools.pens.transformPen import TransformPen

    glyphs, names, units = _stix(bold, italic)
    name = names.get(ord(letter))
    if name is None:
        return None
    scale = 1000 / units
    pen = SVGPathPen(glyphs, ntos=lambda number: f"{number:.0f}")
    glyphs[name].draw(TransformPen(pen, (scale, 0, 0, scale, 0, 0)))
    return pen.getCommands(), glyphs[name].width * scale


@cache
def _stix(bold: bool, italic: bool) -> tuple[Any, dict[int, str], int]:
    from fontTools.ttLib import TTFont

    font = TTFont(_stix_file(bold, italic), lazy=True)
    return font.getGlyphSet(), font.getBestCmap(), font["head"].unitsPerEm


def _stix_file(bold: bool, italic: bool) -> Path:
    package = find_spec("matplotlib")  # its place is enough: importing it takes a quarter of a second
    if package is None or package.origin is None:
        raise MissingDependencyError("lead sheets need matplotlib for its fonts: pip install matplotlib")
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{_STIX[bold, italic]}.ttf"


@cache
def _embedded_font(bold: bool, italic: bool) -> str:
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    registerFont(TTFont(_STIX[bold, italic], str(_stix_file(bold, italic))))
    return _STIX[bold, italic]


@cache
def _cjk_font() -> str:
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.pdfmetrics import registerFont

    registerFont(UnicodeCIDFont("STSong-Light"))
    return "STSong-Light"
