"""A data set of two invented songs in POP909's layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import symusic

MELODY = [(0, 16), (60, 4), (64, 4), (67, 6), (0, 2), (65, 4), (62, 4), (60, 8), (60, 4), (64, 4), (67, 8), (72, 16)]
CHORDS = "C:maj [0, 4, 7] 0 4\nC:maj [0, 4, 7] 0 2\nG:maj7 [2, 5, 7, 11] 11 2\nN []  3\nF:maj/5\x01 [0, 5, 9] 0 9 2\n"


def write_song(root: Path, id: str, shift_sixteenths: int = 8, **texts: str) -> None:
    structure, midi = root / "structure" / id, root / "POP909" / id
    structure.mkdir(parents=True)
    midi.mkdir(parents=True)
    files = {
        "melody.txt": "".join(f"{pitch} {duration}\n" for pitch, duration in MELODY),
        "finalized_chord.txt": CHORDS,
        "analyzed_key.txt": "C:maj\n\n\n",
        "tempo.txt": "90",
        "human_label1.txt": "i1A2A2\n",
        "human_label2.txt": "i1A4\n",
    }
    for name, text in files.items():
        (structure / name).write_text(texts.get(name.removesuffix(".txt"), text))
    score = symusic.Score(480)
    for name in ("MELODY", "BRIDGE", "PIANO"):
        track = symusic.Track(name=name)
        position = 0
        for pitch, duration in MELODY:
            if pitch:
                lower = 0 if name == "MELODY" else 12
                start = (position + shift_sixteenths) * 120
                track.notes.append(symusic.Note(start, duration * 120, pitch - lower, 80))
            position += duration
        score.tracks.append(track)
    (midi / f"{id}.mid").write_bytes(score.dumps_midi())


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_song(tmp_path, "001")
    write_song(tmp_path, "013", analyzed_key="C:maj\nD:maj\n")
    return tmp_path
