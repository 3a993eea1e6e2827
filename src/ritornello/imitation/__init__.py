"""Imitation: one song in, a new full song in its style out.

After Dai, Ma, Wang and Dannenberg, *Personalised popular music generation using imitation and structure* (2021); the
models are ours and described in CARD.md.
"""

from ritornello.imitation.imitate import Imitation, imitate

__all__ = ["Imitation", "imitate"]
