"""Data sets: a path in, Songs out; the split rules live here and nowhere else."""

from ritornello.datasets.pop909 import Pop909, Pop909Song

__all__ = ["Pop909", "Pop909Song"]
