"""Symbolic music: the Song and what it is made of, with readers and writers for MIDI, MusicXML and ABC."""

from ritornello.score.chord import Chord
from ritornello.score.form import Form, Segment
from ritornello.score.key import Key
from ritornello.score.reading import read
from ritornello.score.song import ChordSpan, KeyRegion, Original, Part, Song, make_notes
from ritornello.score.timeline import TICKS_PER_QUARTER, Meter, Tempo
from ritornello.score.writing import write

__all__ = [
    "TICKS_PER_QUARTER", "Chord", "ChordSpan", "Form", "Key", "KeyRegion", "Meter", "Original", "Part",
    "Segment", "Song", "Tempo", "make_notes", "read", "write",
]  # fmt: skip
