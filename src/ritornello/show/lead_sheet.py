"""Lead sheet: melody, chord symbols and boxed rehearsal marks on A4 pages, as SVG and PDF.

Note values, beams, spelling and the break of systems by phrase are decided by `ritornello.score.musicxml_writer`;
performed notes are put on a readable grid first (`ritornello.score.legible`); verovio sets the page; `engraved_page`
makes plain shapes of it.
"""

from __future__ import annotations

import re
from pathlib import Path

from ritornello.files import write_bytes
from ritornello.score import Song
from ritornello.score.legible import legible
from ritornello.score.musicxml_writer import lead_part, musicxml_bytes
from ritornello.show.engraved_page import Page, read_page
from ritornello.show.page_pdf import pdf_bytes
from ritornello.show.page_svg import svg_bytes

_OPTIONS = {
    "pageWidth": 2100, "pageHeight": 2970, "pageMarginLeft": 140, "pageMarginRight": 130, "pageMarginTop": 110,
    "pageMarginBottom": 100, "breaks": "line", "header": "auto", "footer": "none", "scale": 100, "xmlIdSeed": 1,
    "spacingLinear": 0.2, "lyricSize": 4.8, "svgViewBox": True, "smuflTextFont": "none",
}  # fmt: skip

_SYSTEM_SPACINGS = (6, 3)
"""Space between systems as verovio counts it; the tighter one is taken if it saves a page."""

# Verovio prints what is marked as not to be printed.
_NOT_PRINTED = re.compile(r'<harmony print-object="no">.*?</harmony>|<degree print-object="no">.*?</degree>')


def lead_sheet_pages(song: Song) -> list[Page]:
    """Return the engraved pages of a song's lead sheet."""
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    score = _NOT_PRINTED.sub("", musicxml_bytes(legible(song.replace(parts=(lead_part(song),))), "lead").decode())
    counts = []
    for spacing in _SYSTEM_SPACINGS:
        toolkit.setOptions({**_OPTIONS, "spacingSystem": spacing})
        toolkit.loadData(score)
        counts.append(toolkit.getPageCount())
    if counts[0] == counts[-1] > 0:
        toolkit.setOptions({**_OPTIONS, "spacingSystem": _SYSTEM_SPACINGS[0]})
        toolkit.loadData(score)
    return [read_page(toolkit.renderToSVG(number)) for number in range(1, toolkit.getPageCount() + 1)]


def write_lead_sheet(song: Song, svg_path: Path | None = None, pdf_path: Path | None = None) -> None:
    """Write a song's lead sheet.

    Args:
        song: a song; its melody part, else its first pitched part, is shown.
        svg_path: where the SVG goes, pages one below the other; None for none.
        pdf_path: where the PDF goes; None for none.

    Raises:
        WriteError: if a place is not writable.
    """
    pages = lead_sheet_pages(song)
    if svg_path is not None:
        write_bytes(svg_path, svg_bytes(pages, song.title))
    if pdf_path is not None:
        write_bytes(pdf_path, pdf_bytes(pages, song.title))
