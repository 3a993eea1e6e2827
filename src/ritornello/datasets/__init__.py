"""Data sets: a path in, Songs out; the split rules live here and nowhere else."""

from ritornello.datasets.band_midi import BandMidi
from ritornello.datasets.pop909 import Pop909, Pop909Song

__all__ = ["BandMidi", "Pop909", "Pop909Song"]
