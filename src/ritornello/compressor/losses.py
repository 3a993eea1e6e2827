"""What the networks are trained on: mean absolute error plus the multi-resolution STFT distance, one to one.

The distance is that of `evaluation.audio_spectra` with gradients; it is blind to polarity, the absolute error is not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ritornello.evaluation.audio_spectra import POWER_FLOOR, RESOLUTIONS


def training_loss(output: Tensor, target: Tensor) -> Tensor:
    """Return the loss of a batch ``(B, T)``, a mean over its examples."""
    return (output - target).abs().mean() + mr_stft_loss(output, target)


def mr_stft_loss(output: Tensor, target: Tensor) -> Tensor:
    """Return the multi-resolution STFT distance of batches ``(B, T)``."""
    total = output.new_zeros(())
    for size, hop, width in RESOLUTIONS:
        window = torch.hann_window(width, device=output.device, dtype=output.dtype)
        found, wanted = (_magnitudes(signal, size, hop, width, window) for signal in (output, target))
        convergence = torch.linalg.vector_norm(wanted - found) / torch.linalg.vector_norm(wanted)
        total = total + convergence + (found.log() - wanted.log()).abs().mean()
    return total / len(RESOLUTIONS)


def _magnitudes(signal: Tensor, size: int, hop: int, width: int, window: Tensor) -> Tensor:
    spectrum = torch.stft(signal, size, hop, width, window, return_complex=True)
    return torch.sqrt(torch.clamp(spectrum.real**2 + spectrum.imag**2, min=POWER_FLOOR))
