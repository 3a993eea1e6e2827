"""Bass, accompaniment and drums taken from one song and laid under new chords. Knows no system that makes melodies."""

from ritornello.arrange.accompany import accompany
from ritornello.arrange.plan import ArrangePlan
from ritornello.arrange.source_bars import source_bars

__all__ = ["ArrangePlan", "accompany", "source_bars"]
