"""Images as JPEG files: splits by number, labels by folder, damage in one line."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ritornello.datasets.cifar10_jpeg import Cifar10Jpeg
from ritornello.errors import ArgumentError, ReadError


def jpeg(shade: int, size: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), shade, np.uint8)).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def write_images(root: Path, numbers: tuple[int, ...] = (0, 1, 4499, 4500), tests: int = 2) -> Path:
    for label, name in enumerate(("cat", "ship")):
        for split, own in (("train", numbers), ("test", tuple(range(tests)))):
            folder = root / split / name
            folder.mkdir(parents=True)
            for place, number in enumerate(own):
                (folder / f"{number:04d}.jpg").write_bytes(jpeg(100 * label + place))
    return root


def test_splits_labels_and_pixels(tmp_path: Path) -> None:
    data = Cifar10Jpeg(write_images(tmp_path / "images"))
    train, validation, test = (data.load(split) for split in ("train", "validation", "test"))
    assert data.classes == train.classes == ("cat", "ship")
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1] and validation.labels.tolist() == [0, 1]
    assert test.pixels.shape == (4, 32, 32, 3) and test.pixels.dtype == np.uint8
    np.testing.assert_allclose(train.pixels.mean((1, 2, 3)), [0, 1, 2, 100, 101, 102], atol=1)
    assert data.load("train", 1).labels.tolist() == [0, 1]


def test_a_zip_gives_the_same(tmp_path: Path) -> None:
    root = write_images(tmp_path / "images")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for file in sorted(root.rglob("*.jpg")):
            archive.write(file, f"cifar/{file.relative_to(root)}")
    zipped, plain = (Cifar10Jpeg(path).load("train") for path in (tmp_path / "images.zip", root))
    np.testing.assert_array_equal(zipped.pixels, plain.pixels)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no 'train'"):
        (tmp_path / "empty").mkdir()
        Cifar10Jpeg(tmp_path / "empty")
    root = write_images(tmp_path / "images")
    data = Cifar10Jpeg(root)
    with pytest.raises(ArgumentError, match="train, validation, test"):
        data.load("all")
    with pytest.raises(ArgumentError, match="per_class 0"):
        data.load("train", 0)
    (root / "test" / "cat" / "0000.jpg").write_bytes(jpeg(3, size=16))
    with pytest.raises(ReadError, match=r"test/cat/0000.jpg: an image of 16 x 16"):
        data.load("test")
    (root / "test" / "cat" / "0000.jpg").rename(root / "test" / "cat" / "first.jpg")
    with pytest.raises(ReadError, match=r"first.jpg: images are named by numbers"):
        data.load("test")


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_images_are_told_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    root = tmp_path / "images"
    if not root.exists():
        write_images(root, numbers=(0,), tests=1)
    whole = jpeg(7)
    cut = data.draw(st.integers(0, len(whole)))
    middle = data.draw(st.binary(max_size=20))
    (root / "train" / "cat" / "0000.jpg").write_bytes(whole[:cut] + middle + whole[cut + len(middle) :])
    try:
        assert Cifar10Jpeg(root).load("train").pixels.shape == (2, 32, 32, 3)
    except ReadError as error:
        assert "train/cat/0000.jpg" in str(error) and "\n" not in str(error)
