"""Ritornello: music with long-term structure.

Importing the package is cheap: rooms are imported when their names are first used, and no torch is ever needed for
reading, analysing, imitating, drawing or rendering.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ritornello.errors import RitornelloError
    from ritornello.score.chord import Chord
    from ritornello.score.chord_chart import ChordChart
    from ritornello.score.form import Form
    from ritornello.score.framework import Framework
    from ritornello.score.key import Key
    from ritornello.score.reading import read
    from ritornello.score.song import Part, Song

__version__ = "0.1.0"

__all__ = [
    "Chord", "ChordChart", "Form", "Framework", "Key", "Part", "RitornelloError", "Song", "__version__", "read",
]  # fmt: skip

_HOMES = {
    "Chord": "ritornello.score.chord",
    "ChordChart": "ritornello.score.chord_chart",
    "Form": "ritornello.score.form",
    "Framework": "ritornello.score.framework",
    "Key": "ritornello.score.key",
    "Part": "ritornello.score.song",
    "RitornelloError": "ritornello.errors",
    "Song": "ritornello.score.song",
    "read": "ritornello.score.reading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ritornello' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
