"""Chord symbols in MusicXML: our qualities as ``<harmony>`` kinds, and any ``<harmony>`` as a chord of ours.

MusicXML 4.0, elements ``harmony``, ``kind`` and ``degree``. Reading builds the set of semitones from kind and degrees
and takes our quality with exactly these; where there is none, the text of the symbol, then the kind alone decide.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ritornello.errors import ArgumentError
from ritornello.score.chord import QUALITIES, SUFFIXES, Chord
from ritornello.score.key import Key, parse_note_name

KINDS: dict[str, str] = {
    "maj": "major", "min": "minor", "dim": "diminished", "aug": "augmented", "sus2": "suspended-second",
    "sus4": "suspended-fourth", "5": "power", "7": "dominant", "maj7": "major-seventh", "min7": "minor-seventh",
    "minmaj7": "major-minor", "dim7": "diminished-seventh", "hdim7": "half-diminished", "aug7": "augmented-seventh",
    "7sus4": "suspended-fourth", "maj6": "major-sixth", "min6": "minor-sixth", "9": "dominant-ninth",
    "maj9": "major-ninth", "min9": "minor-ninth", "add9": "major", "minadd9": "minor", "11": "dominant-11th",
    "min11": "minor-11th", "13": "dominant-13th",
}  # fmt: skip
"""MusicXML kind of each quality; `_ADDED` completes three of them."""

_ADDED = {"7sus4": 7, "add9": 9, "minadd9": 9}
"""The degree that is added to the kind."""

_MORE_KINDS = {
    "major-11th": "maj9", "major-13th": "maj9", "minor-13th": "min11", "Neapolitan": "maj", "Italian": "7",
    "French": "7", "German": "7", "pedal": "5", "Tristan": "hdim7",
}  # fmt: skip
"""Kinds that no quality of ours names, rounded to the nearest."""

_DEGREE_SEMITONES = {1: 0, 2: 2, 3: 4, 4: 5, 5: 7, 6: 9, 7: 10, 8: 0, 9: 2, 10: 4, 11: 5, 12: 7, 13: 9}
"""Semitones of the degrees of a dominant chord, to which alterations refer."""


def harmony_xml(chord: Chord | None, key: Key, offset_ticks: int = 0, visible: bool = True) -> str:
    """Return a chord symbol, or "N.C." for None, as a ``<harmony>`` element.

    Args:
        chord: the chord.
        key: for which root and bass are spelled.
        offset_ticks: ticks after the current place in the measure.
        visible: whether it is printed.
    """
    shown = "" if visible else ' print-object="no"'
    offset = f"<offset>{offset_ticks}</offset>" if offset_ticks else ""
    if chord is None:
        root = '<root><root-step text="">C</root-step></root>'
        return f'<harmony{shown}>{root}<kind text="N.C.">none</kind>{offset}</harmony>'
    root = _name_xml("root", chord.root_name(key))
    bass = _name_xml("bass", chord.tone_name(chord.bass, key)) if chord.bass != chord.root else ""
    text = SUFFIXES[chord.quality]
    degree = ""
    if chord.quality in _ADDED:
        value = _ADDED[chord.quality]
        degree = (
            f'<degree print-object="no"><degree-value>{value}</degree-value><degree-alter>0</degree-alter>'
            "<degree-type>add</degree-type></degree>"
        )
    kind = f'<kind text="{text}">{KINDS[chord.quality]}</kind>'
    return f"<harmony{shown}>{root}{kind}{bass}{degree}{offset}</harmony>"


def _name_xml(element: str, name: str) -> str:
    alter = name.count("#") - name.count("b")
    alter_xml = f"<{element}-alter>{alter}</{element}-alter>" if alter else ""
    return f"<{element}><{element}-step>{name[0]}</{element}-step>{alter_xml}</{element}>"


def read_harmony(element: Element) -> Chord | None:
    """Return the chord of a ``<harmony>`` element; None for "no chord" and for what names no root."""
    kind = element.find("kind")
    kind_name = (kind.text or "").strip() if kind is not None else "major"
    root = _pitch_class(element, "root")
    if root is None or kind_name == "none":
        return None
    quality = _quality(kind_name, (kind.get("text") or "") if kind is not None else "", element)
    bass = _pitch_class(element, "bass")
    if bass is None and (element.findtext("inversion") or "").strip() in ("1", "2", "3"):
        tones = QUALITIES[quality]
        bass = (root + tones[int((element.findtext("inversion") or "0").strip()) % len(tones)]) % 12
    return Chord(root, quality, root if bass is None else bass)


def _pitch_class(element: Element, name: str) -> int | None:
    step = (element.findtext(f"{name}/{name}-step") or "").strip()
    alter = (element.findtext(f"{name}/{name}-alter") or "0").strip()
    try:
        return (parse_note_name(step) + round(float(alter))) % 12
    except (ValueError, OverflowError):
        return None


def _quality(kind: str, text: str, element: Element) -> str:
    by_kind = {name: quality for quality, name in KINDS.items() if quality not in _ADDED}
    base = by_kind.get(kind) or _MORE_KINDS.get(kind)
    degrees = element.findall("degree")
    if base is not None and not degrees:
        return base
    if base is not None:
        semitones = _with_degrees(set(QUALITIES[base]), degrees)
        for quality, steps in QUALITIES.items():
            if set(steps) == semitones:
                return quality
    try:  # kind "other", or alterations that no quality has: what the symbol says
        return Chord.parse("C" + text).quality if text else base or "maj"
    except ArgumentError:
        return base or "maj"


def _with_degrees(semitones: set[int], degrees: list[Element]) -> set[int]:
    result = set(semitones)
    for degree in degrees:
        try:
            value = int((degree.findtext("degree-value") or "").strip())
            alter = round(float((degree.findtext("degree-alter") or "0").strip()))
        except (ValueError, OverflowError):
            continue
        if value not in _DEGREE_SEMITONES:
            continue
        plain = _DEGREE_SEMITONES[value]
        action = (degree.findtext("degree-type") or "").strip()
        if action in ("alter", "subtract"):
            result -= {plain, 11 if value == 7 else plain, 3 if value == 3 else plain}
        if action in ("alter", "add"):
            result.add((plain + alter) % 12)
    return result
