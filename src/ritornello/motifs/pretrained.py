"""Vectors of windows by name: `load_embedder().embed(windows)`, float32 ``(W, D)``, compared by Euclidean distance.

``"combined"`` is the training-free descriptor and needs numpy only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from ritornello.errors import ArgumentError
from ritornello.motifs import descriptors
from ritornello.motifs.descriptors import Vectors
from ritornello.motifs.windows import BAR_FRAMES, Window

NAME = "combined"
"""The embedder that is loaded where no other is asked for."""

_CURVE_SCALE = (0.45, 0.5, 0.35, 1.3, 0.35, 0.6)  # about the deviation of each curve of `descriptors.COMBINED`


class Embedder(Protocol):
    """What turns windows into vectors.

    Attributes:
        name: what it is called; indices made with another one do not fit.
        dimensions: D.
    """

    name: str
    dimensions: int

    def embed(self, windows: Sequence[Window], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return one vector a window, float32 ``(W, D)``; of windows without notes all are equal."""


class CombinedEmbedder:
    """The training-free combined descriptor, each curve divided by about its deviation."""

    name = "combined"
    dimensions = len(descriptors.COMBINED) * BAR_FRAMES

    def embed(self, windows: Sequence[Window], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return vectors ``(W, D)``, see `Embedder`."""
        scale = np.repeat(np.array(_CURVE_SCALE, np.float32), BAR_FRAMES)
        found = np.empty((len(windows), self.dimensions), np.float32)
        for first in range(0, len(windows), 1024):
            part = windows[first : first + 1024]
            found[first : first + len(part)] = descriptors.combined(descriptors.bar_rolls(part)) / scale
            if progress is not None:
                progress(first + len(part), len(windows))
        return found


def load_embedder(name: str | os.PathLike[str] = NAME) -> Embedder:
    """Return an embedder by name.

    Args:
        name: ``"combined"``.

    Raises:
        ArgumentError: if nothing of that name is found.
    """
    if os.fspath(name) == CombinedEmbedder.name:
        return CombinedEmbedder()
    raise ArgumentError(f"motif vectors '{os.fspath(name)[:120]}' are unknown; known: combined")
