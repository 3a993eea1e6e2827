"""What every room's tests share: one thread each, no clock, and where the public data sets are, if they are here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# pytest -n auto fills the cores. Threads beside it wait for each other: a step of a small network then takes 300 times
# as long. Set before numpy and torch are loaded; processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from ritornello.datasets import Pop909

# No test is timed: on a machine that does something else an example may take any time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with `pop909.zip` and `band-midi.zip`: RITORNELLO_DATA, or `../shared/data` beside the checkout."""
    default = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("RITORNELLO_DATA", default))
    if not folder.is_dir():
        pytest.skip("no data sets here: set RITORNELLO_DATA to the folder that holds pop909.zip and band-midi.zip")
    return folder


@pytest.fixture(scope="session")
def pack(data_folder: Path) -> Pop909:
    """The POP909 pack."""
    path = data_folder / "pop909.zip"
    if not path.exists():
        pytest.skip("pop909.zip is not in the data folder")
    return Pop909(path)
