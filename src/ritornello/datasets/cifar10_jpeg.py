"""Copies of CIFAR-10 as JPEG files: small images of ten classes, for comparing ways of training.

Krizhevsky, *Learning multiple layers of features from tiny images* (2009). The copies were compressed (quality about
75, chroma halved), so accuracies on them are comparable among themselves and never with published ones. Layout:
``train/CLASS/NNNN.jpg`` and ``test/CLASS/NNNN.jpg``. Validation is the last tenth of each training class.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.archive import Archive
from ritornello.errors import ArgumentError, ReadError

SIZE = 32
"""Height and width of an image in pixels."""

FIRST_VALIDATION_NUMBER = 4500
"""Training images from this number on are the validation split."""

SPLITS = ("train", "validation", "test")
"""Names of the splits."""

_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Images:
    """Images with their classes.

    Attributes:
        pixels: uint8 ``(N, 32, 32, 3)``, red, green, blue.
        labels: int64 ``(N,)``, places in ``classes``.
        classes: the names, sorted.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


class Cifar10Jpeg:
    """The data set as a folder or a zip.

    Args:
        path: the folder or zip.

    Raises:
        ReadError: if the path is missing, or does not hold a folder for each class.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.archive = Archive(path, marker="train")
        self.classes: tuple[str, ...] = self.archive.children("train")
        if len(self.classes) < 2:
            raise ReadError(
                f"{self.archive.path}: the train folder holds {len(self.classes)} classes; it needs 2 or more"
            )

    def names(self, split: str, per_class: int | None = None) -> tuple[tuple[str, int], ...]:
        """Return paths and labels of a split's images: the first so many of each class.

        Raises:
            ArgumentError: if the split is unknown or ``per_class`` below 1.
            ReadError: if a file has another name than NNNN.jpg, or a class is empty.
        """
        if split not in SPLITS:
            raise ArgumentError(f"split '{split}' is unknown; use one of {', '.join(SPLITS)}")
        if per_class is not None and per_class < 1:
            raise ArgumentError(f"per_class {per_class} is out of range; give 1 or more, or None for all")
        found: list[tuple[str, int]] = []
        for label, name in enumerate(self.classes):
            folder = f"{'test' if split == 'test' else 'train'}/{name}"
            own = []
            for file in self.archive.children(folder):
                stem, _, suffix = file.partition(".")
                if suffix.lower() not in ("jpg", "jpeg") or not (stem.isascii() and stem.isdigit()):
                    raise ReadError(
                        f"{self.archive.path}: {folder}/{file}: images are named by numbers, such as 0000.jpg"
                    )
                if split == "test" or (int(stem) >= FIRST_VALIDATION_NUMBER) == (split == "validation"):
                    own.append((f"{folder}/{file}", label))
            if not own:
                raise ReadError(f"{self.archive.path}: {folder}: no image of the {split} split")
            found += own[:per_class]
        return tuple(found)

    def load(self, split: str, per_class: int | None = None) -> Images:
        """Read the images of a split, class by class.

        Args:
            split: ``"train"``, ``"validation"`` or ``"test"``.
            per_class: the first so many of each class; None for all.

        Raises:
            ArgumentError: if an argument is out of range.
            ReadError: if a file is damaged, or no image of 32 x 32 pixels.
        """
        names = self.names(split, per_class)
        pixels = np.empty((len(names), SIZE, SIZE, 3), np.uint8)
        for place, (name, _) in enumerate(names):
            pixels[place] = self._decode(name)
        return Images(pixels, np.array([label for _, label in names], np.int64), self.classes)

    def _decode(self, name: str) -> NDArray[np.uint8]:
        from PIL import Image, UnidentifiedImageError

        data = self.archive.read(name, _MAX_BYTES)
        label = f"{self.archive.path}: {name}"
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                if image.size != (SIZE, SIZE):
                    raise ReadError(
                        f"{label}: an image of {image.size[0]} x {image.size[1]} pixels, not {SIZE} x {SIZE}"
                    )
                return np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            if isinstance(error, ReadError):
                raise
            raise ReadError(f"{label}: damaged, or no JPEG image") from None
