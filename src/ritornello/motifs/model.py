"""The encoder: frames of a window in, one vector out.

Wu et al. (arXiv 2309.10597): a 1x1 convolution over the pitches of each frame, sinusoidal positions, a Transformer
encoder, a linear layer, and the mean over frames; for pre-training an expander after it. Ours may join several frames
into one token, see onsets beside what sounds, read pitches from the window's lowest one up, so that a transposed window
has the same vector, take windows of any length, and give vectors of length 1.

Axes: B batch, T frames, S tokens, P pitches, C channels times pitches, W width, D numbers of a vector.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ritornello.errors import ArgumentError
from ritornello.motifs.windows import LOWEST_PITCH, PITCHES, NoteFrames, onsets, sounding


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an encoder; the defaults are the paper's: 4,793,216 weights.

    Attributes:
        width: W, numbers of a token.
        layers: of the Transformer.
        heads: of its attention.
        feedforward: width of its hidden layers.
        dimensions: D, numbers of a vector.
        dropout: share of numbers left out in training.
        frames_per_token: frames of a sixteenth of a quarter note each that are joined; 1 in the paper.
        has_onsets: whether it sees where notes begin, not only what sounds.
        is_lowered: whether pitches count from the window's lowest.
        is_normalised: whether vectors have length 1; then tokens are normalised before each layer, not after.
    """

    width: int = 256
    layers: int = 6
    heads: int = 8
    feedforward: int = 1024
    dimensions: int = 128
    dropout: float = 0.1
    frames_per_token: int = 1
    has_onsets: bool = False
    is_lowered: bool = False
    is_normalised: bool = False

    def __post_init__(self) -> None:
        sizes = (self.width, self.layers, self.heads, self.feedforward, self.dimensions, self.frames_per_token)
        if any(type(size) is not int or size < 1 for size in sizes):
            raise ArgumentError("sizes of an encoder are whole numbers from 1 on")
        if self.width % (2 * self.heads):
            raise ArgumentError(f"width {self.width} is no even multiple of {self.heads} heads")
        if not 0 <= self.dropout < 1:
            raise ArgumentError("dropout is from 0 to below 1")

    @property
    def channels(self) -> int:
        """C, numbers of a frame."""
        return PITCHES * (2 if self.has_onsets else 1)

    def as_dict(self) -> dict[str, Any]:
        """Return the sizes as JSON values."""
        return asdict(self)


class MotifEncoder(nn.Module):
    """See the module.

    Args:
        config: sizes.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        joined = config.frames_per_token
        self.input = nn.Conv1d(config.channels, config.width, joined, stride=joined)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, config.feedforward, config.dropout, batch_first=True,
            norm_first=config.is_normalised,
        )  # fmt: skip
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.output = nn.Linear(config.width, config.dimensions)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return vectors ``(B, D)``.

        Args:
            frames: float32 ``(B, T, C)``, zeros after a window's end.
            lengths: int64 ``(B,)``, frames of each window.
        """
        joined = self.config.frames_per_token
        if frames.shape[1] % joined:
            frames = nn.functional.pad(frames, (0, 0, 0, joined - frames.shape[1] % joined))
        tokens = self.input(frames.transpose(1, 2)).transpose(1, 2) * math.sqrt(self.config.width)  # [B, S, W]
        if self.config.is_normalised:
            tokens = tokens / math.sqrt(self.config.width)
        tokens = tokens + _positions(tokens.shape[1], self.config.width, tokens.device)
        counts = (lengths + joined - 1) // joined
        is_padding = torch.arange(tokens.shape[1], device=tokens.device)[None] >= counts[:, None]
        hidden = self.encoder(tokens, src_key_padding_mask=is_padding if bool(is_padding.any()) else None)
        found = self.output(hidden).masked_fill(is_padding[..., None], 0).sum(dim=1) / counts[:, None]  # [B, D]
        return nn.functional.normalize(found, dim=1) if self.config.is_normalised else found


class Expander(nn.Sequential):
    """What VICReg compares, after the vectors ``(B, D)``: three layers of 512; 591,360 weights for D = 128."""

    def __init__(self, dimensions: int = 128, width: int = 512) -> None:
        super().__init__(
            nn.Linear(dimensions, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
        )


def frames_of(notes: NoteFrames, config: EncoderConfig) -> tuple[Tensor, Tensor]:
    """Return what an encoder takes: frames, float32 ``(B, T, C)``, and lengths, int64 ``(B,)``."""
    if config.is_lowered:
        lowest = np.where(notes.is_note, notes.pitch, 128).min(axis=1, initial=128)
        pitch = np.where(notes.is_note, notes.pitch - lowest[:, None] + LOWEST_PITCH, 0)
        notes = NoteFrames(notes.start, notes.end, pitch, notes.is_note, notes.frames)
    channels = [sounding(notes)] + ([onsets(notes)] if config.has_onsets else [])
    frames = torch.from_numpy(np.concatenate(channels, axis=2)).float()
    return frames, torch.from_numpy(notes.frames)


@torch.no_grad()
def embed_notes(encoder: MotifEncoder, notes: NoteFrames, batch: int = 512) -> NDArray[np.float32]:
    """Return vectors, float32 ``(W, D)``; windows of one length go together, so that none depends on the others."""
    encoder.eval()
    found = np.zeros((len(notes), encoder.config.dimensions), np.float32)
    device = next(encoder.parameters()).device
    for length in np.unique(notes.frames):
        own = np.flatnonzero(notes.frames == length)
        for first in range(0, len(own), batch):
            rows = own[first : first + batch]
            frames, lengths = frames_of(notes.take(rows), encoder.config)
            found[rows] = encoder(frames.to(device), lengths.to(device)).float().cpu().numpy()
    return found


def _positions(count: int, width: int, device: torch.device) -> Tensor:
    """Sinusoidal positions ``(S, W)`` (Vaswani et al., 2017)."""
    place = torch.arange(count, device=device)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    return torch.stack((torch.sin(place * rate), torch.cos(place * rate)), dim=2).flatten(1)
