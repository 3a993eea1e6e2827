"""Weights by name: a folder with ``model.safetensors`` and ``config.json``, from the package, the disk or a cache.

A name is looked for in this order: a folder ``weights/NAME`` of the package; a folder on disk of that path; the cache
(``$XDG_CACHE_HOME`` or ``~/.cache``, then ``ritornello/weights/NAME``); and, only for names such as ``owner/name`` and
where huggingface_hub is installed, the hub. Nothing is ever unpickled. torch is imported only to save or load.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ritornello.errors import ArgumentError, MissingDependencyError, ReadError
from ritornello.files import read_json, result_folder, write_json

if TYPE_CHECKING:
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")

PACKAGED = Path(__file__).parents[1] / "weights"
"""Where the shipped weights lie."""

WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_MAX_CONFIG_BYTES = 1024 * 1024


def cache_folder() -> Path:
    """Return the folder of the local cache; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ritornello" / "weights"


def resolve(name: str | os.PathLike[str]) -> Path:
    """Return the folder of weights; see the module for where they are looked for.

    Args:
        name: a name such as ``museformer-small``, a folder, or ``owner/name`` on the hub.

    Raises:
        ArgumentError: if nothing of that name is found; the message lists what there is.
        ReadError: if the hub does not give it.
        WriteError: if what the hub gives cannot be kept in the cache.
    """
    text = os.fspath(name)
    if text in _names(PACKAGED):
        return PACKAGED / text
    if text and _is_folder(Path(text)):
        return Path(text)
    cached = cache_folder() / text.replace("/", "--")
    if text and _is_folder(cached):
        return cached
    if _HUB_NAME.fullmatch(text) and importlib.util.find_spec("huggingface_hub") is not None:
        return _download(text, cached)
    known = ", ".join(available()) or "none"
    hub = "" if "/" not in text else "; names on the hub need huggingface_hub"
    raise ArgumentError(f"model '{text[:120]}' is not found; known: {known}; or give the folder of its weights{hub}")


def available() -> list[str]:
    """Return the names of the shipped and the cached weights."""
    return list(dict.fromkeys(_names(PACKAGED) + _names(cache_folder())))


def read_config(folder: Path, format: str, version: int) -> dict[str, Any]:
    """Return the description that lies beside weights.

    Args:
        folder: what `resolve` gave.
        format: the format that is wanted, such as ``"ritornello museformer"``.
        version: the version of it that is wanted.

    Raises:
        ReadError: if it is missing, damaged, or of another format or version.
    """
    path = folder / CONFIG_FILE
    config = read_json(path, _MAX_CONFIG_BYTES)
    if not isinstance(config, dict) or config.get("format") != format:
        raise ReadError(f"{path}: not weights of the format '{format}'")
    if config.get("version") != version or type(config["version"]) is not int:
        found = repr(config.get("version"))[:20]
        raise ReadError(f"{path}: weights of version {found}; this release reads version {version}")
    return config


def load_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of a weights folder, by name, in the precision they were stored in.

    Raises:
        ReadError: if the file is missing or damaged.
    """
    torch_file = _safetensors()
    path = folder / WEIGHTS_FILE
    if path.exists() and not path.is_file():  # the library would wait for what comes through a pipe
        raise ReadError(f"{path}: is no file; give a folder of weights")
    try:
        tensors: dict[str, Tensor] = torch_file.load_file(path)
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file") from None
    except Exception as error:  # SafetensorError is an Exception of the library's own
        raise ReadError(f"{path}: damaged, or no safetensors file ({str(error)[:80]})") from None
    return tensors


def network_with(make: Callable[[], Network], tensors: Mapping[str, Tensor], folder: Path, prefix: str = "") -> Network:
    """Return a network with weights that were read, in evaluation mode.

    Args:
        make: makes the network that the description beside the weights tells of.
        tensors: its state by name.
        folder: where they come from, for messages.
        prefix: what stands before their names in the file, for messages.

    Raises:
        ReadError: if the tensors are not those of such a network, or hold what is no finite number.
    """
    import torch

    with torch.device("meta"):  # damaged sizes must not take the memory of a network that they describe
        model = make().state_dict()
    wanted = {name: tuple(value.shape) for name, value in model.items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != found:
        odd = min(set(wanted.items()) ^ set(found.items()))[0]
        raise ReadError(
            f"{folder}: the weights do not fit their sizes: '{prefix}{odd}' is missing, too much or of another shape"
        )
    for name, value in tensors.items():
        # Whole numbers only where the network counts, as batch norm does.
        is_kind = value.is_floating_point() == model[name].is_floating_point() and not value.is_complex()
        if not is_kind or not bool(torch.isfinite(value.float()).all()):
            raise ReadError(f"{folder}: damaged weights: '{prefix}{name}' holds what is no finite number")
    network = make()
    network.load_state_dict(tensors)
    return network.eval()


def save_weights(
    folder: str | os.PathLike[str],
    tensors: Mapping[str, Tensor],
    config: Mapping[str, Any],
    *,
    half: bool = True,
    force: bool = False,
) -> None:
    """Write a weights folder, whole or not at all.

    Args:
        folder: the folder to make.
        tensors: a model's state by name.
        config: JSON values for ``config.json``, with ``"format"`` and ``"version"``.
        half: whether floating-point tensors are stored as bfloat16.
        force: replace the files of an existing folder.

    Raises:
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
    """
    import torch

    stored = {
        name: tensor.detach().cpu().to(torch.bfloat16 if half and tensor.is_floating_point() else tensor.dtype)
        for name, tensor in tensors.items()
    }
    with result_folder(folder, force) as place:
        _safetensors().save_file({name: tensor.contiguous() for name, tensor in stored.items()}, place / WEIGHTS_FILE)
        (place / WEIGHTS_FILE).chmod(0o644)
        write_json(place / CONFIG_FILE, dict(config))


def _safetensors() -> Any:
    try:
        import safetensors.torch as torch_file
    except ImportError:
        raise MissingDependencyError('weights need torch and safetensors; run: pip install "ritornello[ml]"') from None
    return torch_file


def _names(folder: Path) -> list[str]:
    places = sorted(folder.iterdir()) if folder.is_dir() else []
    return [place.name for place in places if (place / WEIGHTS_FILE).is_file()]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no system takes
        return False


def _download(name: str, place: Path) -> Path:
    from huggingface_hub import snapshot_download

    with result_folder(place, force=True) as folder:  # half of a model must not be found the next time
        try:
            snapshot_download(name, local_dir=folder, allow_patterns=[WEIGHTS_FILE, CONFIG_FILE])
        except Exception as error:  # of many kinds: no network, no such repository, no permission
            reason = " ".join(str(error).split())[:120]
            raise ReadError(f"model '{name}': the hub does not give it ({reason})") from None
        for file in (WEIGHTS_FILE, CONFIG_FILE):
            if not (folder / file).is_file():
                raise ReadError(f"model '{name}': it has no {file} on the hub, so it is none of ours")
    return place
