"""The fonts of text on engraved pages: Times where it has the letters, else one that has."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_TIMES = {(False, False): "Times-Roman", (True, False): "Times-Bold", (False, True): "Times-Italic",
          (True, True): "Times-BoldItalic"}  # fmt: skip
_FIRST_CJK = 0x2E80


def text_width(text: str, size: float, bold: bool = False, italic: bool = False) -> float:
    """Return the width of a run of text, in the unit of its size."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    width: float = stringWidth(text, font_name(text, bold, italic), size)
    return width


def font_name(text: str, bold: bool = False, italic: bool = False) -> str:
    """Return the name of a PDF font for a text, registered with reportlab.

    The standard Times holds Latin text; Chinese, Japanese and Korean get the standard song face; anything else
    DejaVu Serif, which comes with matplotlib and is embedded.
    """
    try:
        text.encode("cp1252")
        return _TIMES[bold, italic]
    except UnicodeEncodeError:
        return _cjk_font() if any(ord(sign) >= _FIRST_CJK for sign in text) else _embedded_font()


@cache
def _embedded_font() -> str:
    import matplotlib
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    registerFont(TTFont("DejaVuSerif", str(folder / "DejaVuSerif.ttf")))
    return "DejaVuSerif"


@cache
def _cjk_font() -> str:
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.pdfmetrics import registerFont

    registerFont(UnicodeCIDFont("STSong-Light"))
    return "STSong-Light"
