"""Audio: samples and a sample rate, the noun that everything about sound shares; read from and written to files."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, MissingDependencyError, ReadError
from ritornello.files import read_bytes, write_bytes

MAX_AUDIO_BYTES = 1024**3
"""Largest audio file that is read, in bytes."""

MAX_AUDIO_SAMPLES = 2**28
"""Most samples, over all channels, that are read from a file: 50 minutes of stereo at 44.1 kHz."""

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4000, 384_000

Subtype = Literal["PCM_16", "PCM_24", "FLOAT"]

FileKind = Literal["WAV", "FLAC", "OGG", "MP3"]


@dataclass(frozen=True, eq=False)
class Audio:
    """Sound as samples.

    Attributes:
        samples: float32 ``(channels, frames)``, full scale -1..1, read-only; a one-dimensional array becomes mono.
        sample_rate: frames per second, 4000..384000.
    """

    samples: NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        samples: NDArray[np.float32] = np.atleast_2d(np.asarray(self.samples, dtype=np.float32))
        if samples.ndim != 2 or not 1 <= samples.shape[0] <= 64:
            raise ArgumentError(f"audio samples have shape {samples.shape}; it must be (channels, frames)")
        if not LOWEST_RATE_HZ <= self.sample_rate <= HIGHEST_RATE_HZ:
            raise ArgumentError(
                f"sample rate {self.sample_rate} Hz is out of range {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}"
            )
        # The sum is NaN or infinite if any sample is, and needs no array of its own.
        if not np.isfinite(samples.sum(dtype=np.float64)):
            raise ArgumentError("audio samples must be finite numbers")
        samples = samples.view()
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "sample_rate", int(self.sample_rate))

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate

    @property
    def peak(self) -> float:
        """Largest absolute sample value; 0 for empty audio."""
        return float(max(self.samples.max(), -self.samples.min())) if self.frames else 0.0

    @property
    def loudness_lufs(self) -> float:
        """Integrated loudness in LUFS (ITU-R BS.1770-4); ``-inf`` for silence and for less than 0.4 s.

        Raises:
            ArgumentError: with more than two channels.
        """
        from ritornello.sound.loudness import integrated_lufs

        return integrated_lufs(self.samples, self.sample_rate)

    def to_mono(self) -> Audio:
        """Return the mean of all channels as one."""
        return Audio(self.samples.mean(axis=0, keepdims=True), self.sample_rate)

    def to_stereo(self) -> Audio:
        """Return two channels: mono doubled, stereo as it is.

        Raises:
            ArgumentError: with more than two channels.
        """
        if self.channels > 2:
            raise ArgumentError(f"audio with {self.channels} channels has no one way to stereo; mix it down first")
        return Audio(np.broadcast_to(self.samples, (2, self.frames)), self.sample_rate)

    def resample(self, sample_rate: int) -> Audio:
        """Return the audio at another sample rate in Hz (soxr, very high quality)."""
        import soxr

        if sample_rate == self.sample_rate:
            return self
        if not LOWEST_RATE_HZ <= sample_rate <= HIGHEST_RATE_HZ:
            raise ArgumentError(f"sample rate {sample_rate} Hz is out of range {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}")
        moved = soxr.resample(self.samples.T, self.sample_rate, sample_rate, quality="VHQ")
        return Audio(np.ascontiguousarray(moved.T), sample_rate)

    def with_gain_db(self, gain_db: float) -> Audio:
        """Return the audio made louder by some decibels."""
        return Audio(self.samples * np.float32(10.0 ** (gain_db / 20.0)), self.sample_rate)

    def write(self, path: str | os.PathLike[str], subtype: Subtype = "PCM_16") -> None:
        """Write the audio; the suffix chooses the format: ``.wav``, ``.flac`` or ``.ogg`` (Vorbis).

        Args:
            path: the file; it appears only when it is complete.
            subtype: how WAV and FLAC keep samples: 16-bit, 24-bit, or float (WAV only). Integers clip beyond -1..1.

        Raises:
            ArgumentError: if the suffix is none of these, or the subtype does not go with it.
            WriteError: if the place is not writable.
        """
        path = Path(path)
        kinds: dict[str, FileKind] = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG"}
        kind = kinds.get(path.suffix.lower())
        if kind is None:
            raise ArgumentError(f"{path}: unknown suffix '{path.suffix}'; audio is written as .wav, .flac or .ogg")
        if kind == "FLAC" and subtype == "FLOAT":
            raise ArgumentError(f"{path}: FLAC keeps PCM_16 or PCM_24, not FLOAT")
        write_bytes(path, self.encode(kind, subtype))

    def encode(self, kind: FileKind, subtype: Subtype = "PCM_16") -> bytes:
        """Return the bytes of an audio file: ``"WAV"``, ``"FLAC"``, ``"OGG"`` (Vorbis) or ``"MP3"`` (variable rate).

        Args:
            kind: the format.
            subtype: how WAV and FLAC keep samples; the other two have their own way.

        Raises:
            MissingDependencyError: if the installed libsndfile cannot write the format.
        """
        import soundfile

        if kind not in soundfile.available_formats():
            raise MissingDependencyError(f"libsndfile cannot write {kind} here; run: pip install -U soundfile")
        packed = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, subtype)
        buffer = io.BytesIO()
        with soundfile.SoundFile(buffer, "w", self.sample_rate, self.channels, packed, format=kind) as file:
            # In pieces: libsndfile's Vorbis encoder overflows its stack on one long write.
            for start in range(0, self.frames, 2**16):
                file.write(self.samples[:, start : start + 2**16].T)
        return buffer.getvalue()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Audio):
            return NotImplemented
        return self.sample_rate == other.sample_rate and np.array_equal(self.samples, other.samples)

    __hash__ = None  # type: ignore[assignment]  # equal by content, and arrays do not hash

    def __repr__(self) -> str:
        return (
            f"Audio({self.channels} channels, {self.duration_s:.2f} s at {self.sample_rate} Hz, peak {self.peak:.3f})"
        )


def read_audio(path: str | os.PathLike[str]) -> Audio:
    """Read an audio file: WAV, FLAC, OGG, MP3, AIFF and what else libsndfile knows.

    Raises:
        ReadError: if the file is missing, empty, too large, no audio, or damaged.
    """
    path = Path(path)
    return decode_audio(read_bytes(path, MAX_AUDIO_BYTES), str(path))


def decode_audio(data: bytes, name: str) -> Audio:
    """Return the audio that the bytes of a file hold; ``name`` names it in errors.

    Raises:
        ReadError: if they are no audio, damaged or too long.
    """
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.frames * file.channels > MAX_AUDIO_SAMPLES:
                raise ReadError(f"{name}: {file.frames / file.samplerate / 60:.0f} minutes of audio is too long")
            if not LOWEST_RATE_HZ <= file.samplerate <= HIGHEST_RATE_HZ:
                raise ReadError(f"{name}: sample rate {file.samplerate} Hz is out of range")
            samples = file.read(dtype="float32", always_2d=True)
            return Audio(np.ascontiguousarray(samples.T), file.samplerate)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        reason = str(error).split(": ")[-1].rstrip(".")
        raise ReadError(f"{name}: is no audio file that can be read ({reason}); give a WAV, FLAC, OGG or MP3") from None
    except ArgumentError as error:
        raise ReadError(f"{name}: {error}") from None
