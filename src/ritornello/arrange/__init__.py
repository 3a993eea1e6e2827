"""Bass, accompaniment and drums taken from one song and laid under new chords. Knows no system that makes melodies."""

from ritornello.arrange.accompany import ArrangePlan, accompany
from ritornello.arrange.source_bars import source_bars

__all__ = ["ArrangePlan", "accompany", "source_bars"]
