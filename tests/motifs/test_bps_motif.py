"""BPS-Motif on an invented movement, and its published counts, if it is here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.datasets.bps_motif import BpsMotif
from ritornello.errors import ArgumentError, ReadError, RitornelloError

from .motif_pack import write_bps


@pytest.fixture
def movements(tmp_path: Path) -> Path:
    return write_bps(tmp_path)


def test_occurrences_and_their_notes(movements: Path) -> None:
    data = BpsMotif(movements)
    assert data.ids == ("01", "02")
    assert data.fold("02") == 0
    occurrences = data.occurrences("01")
    assert [one.type for one in occurrences] == list("abababab")
    own, all_notes = data.motif_notes("01"), data.notes("01")
    for place, one in enumerate(occurrences):
        marked = own.between(one.start_midi, one.end_midi, one.track)
        heard = all_notes.between(one.start, one.end)
        assert marked.pitch.tolist() == heard.pitch[heard.is_motif].tolist()
        assert len(heard.pitch) == len(marked.pitch) + 1
        assert marked.onset.tolist() == pytest.approx(heard.onset[heard.is_motif].tolist())
        assert np.allclose(marked.duration, 0.5)  # the file ends notes a tick early
        assert marked.pitch[0] == 60 + place
    assert set(all_notes.morphetic.tolist()) == {-1, 40}  # of some notes it is not known


def test_what_is_missing_or_damaged_is_one_line(movements: Path) -> None:
    data = BpsMotif(movements)
    with pytest.raises(ArgumentError, match="two digits"):
        data.notes("99")
    (movements / "csv_notes" / "01-1.csv").write_text("onset,type\n1,\n")
    with pytest.raises(ReadError, match="no table"):
        data.notes("01")
    (movements / "csv_label" / "01-1.csv").write_text("start,end,type,track,start_midi,end_midi\n1,x,a,0,1,2\n")
    with pytest.raises(ReadError, match="no table"):
        data.occurrences("01")
    with pytest.raises(ReadError, match="csv_label"):
        BpsMotif(movements / "csv_notes")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.sampled_from(["csv_notes/01-1.csv", "csv_label/01-1.csv", "motif_midi/01-1.mid"]), st.binary(max_size=30),
       st.integers(0, 400))  # fmt: skip
def test_damaged_files_end_in_one_line_or_are_read(movements: Path, name: str, junk: bytes, place: int) -> None:
    path = movements / name
    whole = path.read_bytes()
    data = BpsMotif(movements)
    try:
        path.write_bytes(whole[:place] + junk + whole[place + len(junk) :])
        found = data.notes("01"), data.motif_notes("01")
        assert all(np.isfinite(notes.onset).all() for notes in found)
        assert all(np.isfinite(one.start) for one in data.occurrences("01"))
    except RitornelloError as error:
        assert "\n" not in str(error)
    finally:
        path.write_bytes(whole)


def test_the_published_counts(data_folder: Path) -> None:
    path = data_folder / "bps-motif.zip"
    if not path.exists():
        pytest.skip("bps-motif.zip is not in the data folder")
    data = BpsMotif(path)
    types = [(id, one.type) for id in data.ids for one in data.occurrences(id)]
    notes = [data.notes(id) for id in data.ids]
    assert (len(data.ids), len(types), len(set(types))) == (32, 4_944, 263)
    marked = np.concatenate([own.is_motif for own in notes])
    assert len(marked) == 126_943
    assert marked.mean() == pytest.approx(0.277, abs=5e-4)
