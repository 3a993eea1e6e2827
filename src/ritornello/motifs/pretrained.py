"""Vectors of windows by name: `load_embedder().embed(windows)`, float32 ``(W, D)``, compared by Euclidean distance.

``"combined"`` is the training-free descriptor and needs numpy only. Every other name is a weights folder with
``model.safetensors``, the encoder's tensors under ``encoder.`` and those of the whitened descriptor beside it, and
``config.json``: ``{"format": "ritornello motifs", "version": 1, "encoder": sizes, "joined_weight": w, …}``.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ritornello.errors import ArgumentError, MissingDependencyError, ReadError
from ritornello.motifs import descriptors
from ritornello.motifs.descriptors import Vectors
from ritornello.motifs.joined import Whitening
from ritornello.motifs.windows import BAR_FRAMES, Window, note_frames
from ritornello.nn.weights import CONFIG_FILE, load_tensors, network_with, read_config, resolve, save_weights
from ritornello.training.runs import is_run

if TYPE_CHECKING:
    from ritornello.motifs.model import MotifEncoder

NAME = "motifs-pop909"
"""The weights that ship with the package."""

FORMAT, VERSION, SYSTEM = "ritornello motifs", 1, "motifs"

WEIGHTS_FOLDER = "weights"
"""Where a training run keeps what it made."""

LENGTH_WEIGHT = 0.3
"""Of the logarithm (base 2) of a window's length in bars, the last number of a joined vector."""

_CURVE_SCALE = (0.45, 0.42, 0.32, 1.65, 0.62, 0.76)  # deviation of each curve of `descriptors.COMBINED` in POP909
_BLOCK = 1024


class Embedder(Protocol):
    """What turns windows into vectors.

    Attributes:
        name: what it is called; indices made with another one do not fit.
        dimensions: D.
    """

    name: str
    dimensions: int

    def embed(self, windows: Sequence[Window], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return one vector a window, float32 ``(W, D)``; it does not depend on the other windows."""


class CombinedEmbedder:
    """The training-free combined descriptor, each curve divided by its deviation."""

    name = "combined"
    dimensions = len(descriptors.COMBINED) * BAR_FRAMES

    def embed(self, windows: Sequence[Window], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return vectors ``(W, 192)``, see `Embedder`."""
        scale = np.repeat(np.array(_CURVE_SCALE, np.float32), BAR_FRAMES)
        found = np.empty((len(windows), self.dimensions), np.float32)
        for first in range(0, len(windows), _BLOCK):
            part = windows[first : first + _BLOCK]
            found[first : first + len(part)] = descriptors.combined(descriptors.bar_rolls(part)) / scale
            if progress is not None:
                progress(first + len(part), len(windows))
        return found


class NetworkEmbedder:
    """A trained encoder, and what is joined to its vectors.

    Args:
        encoder: the network.
        whitening: of the combined descriptor that is joined, or None for the network's vector alone.
        joined_weight: length of the joined descriptor, on average over labelled bars, beside a vector of length 1.
        name: what it is called.

    Attributes:
        training: what is known about how it was made.
    """

    def __init__(self, encoder: MotifEncoder, whitening: Whitening | None, joined_weight: float, name: str) -> None:
        self.encoder, self.whitening, self.joined_weight, self.name = encoder, whitening, joined_weight, name
        joined = 0 if whitening is None else len(whitening.scale) + 1
        self.dimensions = encoder.config.dimensions + joined
        self.training: dict[str, Any] = {}

    def embed(self, windows: Sequence[Window], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return vectors ``(W, D)``: the network's, the whitened descriptor and the window's length; see `Embedder`."""
        from ritornello.motifs.model import embed_notes

        found = np.empty((len(windows), self.dimensions), np.float32)
        for first in range(0, len(windows), _BLOCK):
            part = windows[first : first + _BLOCK]
            vectors = [embed_notes(self.encoder, note_frames(part))]
            if self.whitening is not None:
                vectors.append(self.joined(part))
            found[first : first + len(part)] = np.concatenate(vectors, axis=1)
            if progress is not None:
                progress(first + len(part), len(windows))
        return found

    def joined(self, windows: Sequence[Window]) -> Vectors:
        """Return what stands beside the network's vectors, float32 ``(W, 193)``; nothing without a whitening."""
        if self.whitening is None:
            return np.zeros((len(windows), 0), np.float32)
        bars = np.array([[window.length / 4] for window in windows], np.float32).reshape(len(windows), 1)
        whitened = self.joined_weight * self.whitening(descriptors.bar_rolls(windows))
        return np.concatenate((whitened, LENGTH_WEIGHT * np.log2(bars)), axis=1, dtype=np.float32)


def load_embedder(name: str | os.PathLike[str] = NAME) -> Embedder:
    """Return an embedder by name.

    Args:
        name: ``"combined"``, a name such as ``motifs-pop909``, a weights folder, or a training run.

    Raises:
        ArgumentError: if nothing of that name is found.
        MissingDependencyError: if torch is not installed and a network is asked for.
        ReadError: if the weights are damaged or of another format or version.
    """
    label = os.fspath(name)
    if label == CombinedEmbedder.name:
        return CombinedEmbedder()
    if importlib.util.find_spec("torch") is None:
        raise MissingDependencyError('torch is not installed; run: pip install "ritornello[ml]", or use "combined"')
    folder = resolve(os.path.join(label, WEIGHTS_FOLDER) if is_run(name, SYSTEM) else name)  # noqa: PTH118
    description = read_config(folder, FORMAT, VERSION)
    return _embedder(folder, load_tensors(folder), description, Path(label).name)


def _embedder(folder: Path, tensors: dict[str, Any], description: dict[str, Any], label: str) -> NetworkEmbedder:
    from ritornello.motifs.model import EncoderConfig, MotifEncoder

    try:
        config = EncoderConfig(**description["encoder"])
        weight = float(description["joined_weight"])
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError(f"{folder / CONFIG_FILE}: damaged sizes ({str(error)[:80]})") from None
    own = {key.removeprefix("encoder."): value for key, value in tensors.items() if key.startswith("encoder.")}
    encoder = network_with(functools.partial(MotifEncoder, config), own, folder, "encoder.")
    whitening = None
    if "joined.scale" in tensors:
        scale, matrix = (tensors[f"joined.{part}"].float().numpy() for part in ("scale", "matrix"))
        size = CombinedEmbedder.dimensions
        if scale.shape != (size,) or matrix.shape != (size, size) or not np.isfinite(matrix).all() or scale.min() <= 0:
            raise ReadError(f"{folder}: damaged, the joined descriptor does not fit")
        whitening = Whitening(scale, matrix)
    embedder = NetworkEmbedder(encoder, whitening, weight, label)
    embedder.training = description.get("training") or {}
    return embedder


def export_run(
    run: str | os.PathLike[str], out: str | os.PathLike[str], *, half: bool = True, force: bool = False
) -> None:
    """Write the weights of a training run as a folder of their own.

    Raises:
        ArgumentError: if the run has no weights yet.
        ReadError: if they are damaged.
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
    """
    place = Path(run) / WEIGHTS_FOLDER
    if not place.is_dir():
        raise ArgumentError(f"{run}: has no weights yet; go on with the training")
    embedder = load_embedder(place)
    assert isinstance(embedder, NetworkEmbedder)
    save_embedder(embedder, out, embedder.training, half=half, force=force)


def save_embedder(
    embedder: NetworkEmbedder,
    folder: str | os.PathLike[str],
    training: dict[str, Any] | None = None,
    *,
    half: bool = False,
    force: bool = False,
) -> None:
    """Write an embedder as a folder that `load_embedder` reads.

    Args:
        embedder: what to write.
        folder: the folder to make.
        training: JSON values: data, recipe, whatever is to be known.
        half: whether to store bfloat16, which moves the whitened descriptor by a tenth or so.
        force: replace the files of an existing folder.

    Raises:
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
    """
    import torch

    tensors = {f"encoder.{key}": value for key, value in embedder.encoder.state_dict().items()}
    if embedder.whitening is not None:
        tensors["joined.scale"] = torch.from_numpy(embedder.whitening.scale)
        tensors["joined.matrix"] = torch.from_numpy(embedder.whitening.matrix)
    description = {
        "format": FORMAT, "version": VERSION, "encoder": embedder.encoder.config.as_dict(),
        "joined_weight": embedder.joined_weight, "training": training or {},
    }  # fmt: skip
    save_weights(folder, tensors, description, half=half, force=force)
