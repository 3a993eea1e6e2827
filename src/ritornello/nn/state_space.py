"""Diagonal state-space layer: a long convolution by FFT or a recurrence, and both are the same.

S4D of Gu et al., *On the parameterization and initialization of diagonal state space models* (2022), discretised by
zero-order hold, as Yin et al., *Modeling analog dynamic range compressors using deep learning and state-space models*
(2024), use it. Per channel: a learned step dt, N complex poles A = -exp(a) + i w that begin at -1/2 + i pi n, B = 1,
complex C, real D:

    K[l] = 2 Re sum_n C'_n exp(l dt A_n),  C'_n = C_n (exp(dt A_n) - 1) / A_n,  y = K * u + D u
    s_n[t] = exp(dt A_n) s_n[t-1] + u[t],  y[t] = 2 Re sum_n C'_n s_n[t] + D u[t]

On a CPU the compiled recurrence also trains: forward and backward of the S4 networks took a fifth to a half of the time
with the FFT (see docs/train-compressor.md). Elsewhere, and without a compiler, the FFT does.

Axes: B batch, T frames, H channels, N states of a channel. Signals are ``(B, T, H)``.
"""

from __future__ import annotations

import ctypes
import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ritornello.errors import ArgumentError
from ritornello.nn.compiled import load_kernels

_SOURCE = Path(__file__).with_suffix(".cpp")

Method = Literal["auto", "fft", "recurrence"]


@dataclass(frozen=True, eq=False)
class DiscreteStateSpace:
    """A layer at one sample rate, as numbers.

    Attributes:
        poles: complex128 ``(H, N)``: exp(dt A).
        mixing: complex128 ``(H, N)``: 2 C'.
        skip: float64 ``(H,)``: D.
    """

    poles: NDArray[np.complex128]
    mixing: NDArray[np.complex128]
    skip: NDArray[np.float64]

    def kernel(self, frames: int) -> NDArray[np.float64]:
        """Return the impulse response without D: float64 ``(H, frames)``."""
        powers = np.exp(np.log(self.poles)[..., None] * np.arange(frames))
        response: NDArray[np.float64] = np.einsum("hn,hnt->ht", self.mixing, powers).real
        return response

    def recur(
        self, states: NDArray[np.complex128], signal: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
        """Return the output ``(T, H)`` of a block ``(T, H)`` and the states ``(H, N)`` after it."""
        output = np.empty_like(signal)
        for t in range(signal.shape[0]):
            states = self.poles * states + signal[t, :, None]
            output[t] = (self.mixing * states).sum(axis=1).real + self.skip * signal[t]
        return output, states


class DiagonalStateSpace(nn.Module):
    """A bank of H single-input, single-output systems with N complex states each; 2H + 4HN parameters.

    Args:
        channels: H.
        states: N.
        least_step: smallest dt at the start, in samples of the sample rate that is trained at.
        greatest_step: largest dt at the start.

    Raises:
        ArgumentError: if a size is below 1 or the steps are not ``0 < least <= greatest``.
    """

    def __init__(self, channels: int, states: int, least_step: float = 1e-3, greatest_step: float = 1e-1) -> None:
        super().__init__()
        if min(channels, states) < 1:
            raise ArgumentError("a state-space layer has at least one channel and one state")
        if not 0 < least_step <= greatest_step:
            raise ArgumentError(f"steps from {least_step} to {greatest_step} are no range above 0")
        low, high = math.log(least_step), math.log(greatest_step)
        self.log_step = nn.Parameter(low + (high - low) * torch.rand(channels))
        self.log_decay = nn.Parameter(torch.full((channels, states), math.log(0.5)))
        self.frequency = nn.Parameter(math.pi * torch.arange(states, dtype=torch.float32).repeat(channels, 1))
        self.mixing = nn.Parameter(torch.randn(channels, states, 2) * math.sqrt(0.5))
        self.skip = nn.Parameter(torch.randn(channels))

    def forward(self, signal: Tensor, method: Method = "auto") -> Tensor:
        """Return ``(B, T, H)`` for ``(B, T, H)``, with states at zero before the first frame.

        Args:
            signal: the input.
            method: ``"fft"``, ``"recurrence"`` (compiled; float32 on a CPU), or whichever is there.
        """
        is_possible = signal.device.type == "cpu" and signal.dtype == torch.float32 and has_kernel()
        if method == "recurrence" or (method == "auto" and is_possible):
            exponent, mixing = self._exponent_and_mixing()
            poles = torch.exp(exponent)
            parts = (poles.real, poles.imag, mixing.real, mixing.imag)
            output: Tensor = _Scan.apply(signal, *(x.T.contiguous() for x in parts), self.skip)  # type: ignore[no-untyped-call]
            return output
        frames = signal.shape[1]
        length = 2 ** math.ceil(math.log2(max(2 * frames, 2)))
        spectrum = torch.fft.rfft(signal, n=length, dim=1) * torch.fft.rfft(self.kernel(frames), n=length).T
        convolved: Tensor = torch.fft.irfft(spectrum, n=length, dim=1)[:, :frames] + self.skip * signal
        return convolved

    def kernel(self, frames: int) -> Tensor:
        """Return the impulse response without D: ``(H, frames)``."""
        exponent, mixing = self._exponent_and_mixing()
        # exp(dt A l) as a product of two shorter tables: transcendental functions are what it would cost.
        width = 2 ** math.ceil(math.log2(max(math.sqrt(frames), 1)))
        rows = -(-frames // width)
        steps = torch.arange(max(width, rows), device=exponent.device, dtype=torch.float32)
        fine = torch.exp(exponent[..., None] * steps[:width])
        coarse = torch.exp(exponent[..., None] * (steps[:rows] * width)) * mixing[..., None]
        # Re(sum_n coarse fine) as one real matrix product per channel.
        left = torch.cat((coarse.real, -coarse.imag), 1).transpose(1, 2)
        right = torch.cat((fine.real, fine.imag), 1)
        return (left @ right).flatten(1)[:, :frames]

    def settled_gain(self) -> Tensor:
        """Return what a constant input of 1 settles to, D included: ``(H,)``; it does not depend on dt."""
        settled: Tensor = (-2 * torch.view_as_complex(self.mixing) / self._rate()).real.sum(1) + self.skip
        return settled

    def _rate(self) -> Tensor:
        return torch.complex(-torch.exp(self.log_decay), self.frequency)

    def _exponent_and_mixing(self) -> tuple[Tensor, Tensor]:
        rate = self._rate()
        exponent = torch.exp(self.log_step)[:, None] * rate
        return exponent, 2 * torch.view_as_complex(self.mixing) * (torch.exp(exponent) - 1) / rate

    def at_rate(self, ratio: float = 1.0) -> DiscreteStateSpace:
        """Return the numbers of the recurrence in float64.

        Args:
            ratio: trained sample rate over the rate it is to run at: dt is multiplied by it.
        """
        with torch.no_grad():
            rate = -np.exp(self.log_decay.double().numpy()) + 1j * self.frequency.double().numpy()
            exponent = np.exp(self.log_step.double().numpy())[:, None] * ratio * rate
            mixing = self.mixing.double().numpy()
            scaled = 2 * (mixing[..., 0] + 1j * mixing[..., 1]) * (np.exp(exponent) - 1) / rate
            return DiscreteStateSpace(np.exp(exponent), scaled, self.skip.double().numpy().copy())


def has_kernel() -> bool:
    """Return whether the compiled recurrence is there; see `nn.compiled`."""
    return _library() is not None


@functools.cache
def _library() -> ctypes.CDLL | None:
    library = load_kernels(_SOURCE)
    if library is not None:
        library.strip_frames.restype = ctypes.c_int64
        library.scan.restype = library.scan_adjoint.restype = None
        library.scan.argtypes = [ctypes.c_int64] * 4 + [ctypes.c_void_p] * 9
        library.scan_adjoint.argtypes = [ctypes.c_int64] * 4 + [ctypes.c_void_p] * 14
    return library


class _Scan(torch.autograd.Function):
    """The compiled recurrence: signal ``(B, T, H)``, poles and mixing ``(N, H)`` in two parts each, skip ``(H,)``."""

    @staticmethod
    def forward(ctx: Any, signal: Tensor, *numbers: Tensor) -> Tensor:
        library = _library()
        assert library is not None
        signal, numbers = signal.contiguous(), tuple(x.contiguous() for x in numbers)
        batch, frames, channels = signal.shape
        states = torch.zeros((batch, 2, len(numbers[0]), channels))
        strips = -(-frames // library.strip_frames())
        kept = torch.empty((batch, strips, *states.shape[1:]))
        output = torch.empty_like(signal)
        tensors = (signal, *numbers, states, kept, output)
        library.scan(batch, frames, channels, len(numbers[0]), *(x.data_ptr() for x in tensors))
        ctx.save_for_backward(signal, *numbers, kept)
        return output

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> Any:
        library = _library()
        assert library is not None
        signal, *numbers, kept = ctx.saved_tensors
        batch, frames, channels = signal.shape
        gradients = [torch.empty_like(signal), *(torch.zeros_like(x) for x in numbers)]
        tensors = (signal, *numbers, kept, errors[0].contiguous(), *gradients)
        library.scan_adjoint(batch, frames, channels, len(numbers[0]), *(x.data_ptr() for x in tensors))
        return tuple(gradients)
