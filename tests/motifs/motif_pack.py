"""Invented songs with motif labels in the layout of POP909 and of its label set; and an invented BPS-Motif movement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import symusic

RHYTHMS = ((0, 1, 2, 3), (0, 0.5, 1, 2.5), (0, 1.5, 3), (0, 2, 2.5, 3, 3.5))


def write_song(root: Path, id: str, seed: int, bars: int = 12, shift: float = 0.0) -> None:
    """Write a song whose bar k has the rhythm of motif k % 3, after `shift` quarter notes, and its labels."""
    rng = np.random.default_rng(seed)
    structure, midi, labels = root / "structure" / id, root / "POP909" / id, root / "labels"
    for folder in (structure, midi, labels):
        folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "melody.txt": "60 4\n64 4\n67 8\n" * (bars // 1),
        "finalized_chord.txt": "C:maj [0, 4, 7] 0 4\n" * bars,
        "analyzed_key.txt": "C:maj\n",
        "tempo.txt": "90",
        "human_label1.txt": f"A{bars}\n",
        "human_label2.txt": f"A{bars}\n",
    }
    for name, text in texts.items():
        (structure / name).write_text(text)
    (midi / "beat_midi.txt").write_text(f"{shift * 60 / 90:.9f} 1.0 1.0\n")
    score = symusic.Score(480)
    score.tempos.append(symusic.Tempo(0, 90))
    rhythms = [RHYTHMS[number] for number in rng.permutation(len(RHYTHMS))[:3]]
    chords = [60 + rng.choice(12, 3, replace=False) for _ in range(4)]
    for name in ("MELODY", "BRIDGE", "PIANO"):
        track = symusic.Track(name=name)
        for bar in range(bars):
            if name == "PIANO":
                notes = [(onset, int(pitch)) for onset in rhythms[bar % 3] for pitch in chords[bar % 4]]
            else:
                notes = [(0, 60), (1, 64), (2, 67)]
            for onset, pitch in notes:
                time = round(480 * (shift + 4 * bar + onset))
                track.notes.append(symusic.Note(time, 240 if name == "PIANO" else 480, pitch, 80))
        score.tracks.append(track)
    (midi / f"{id}.mid").write_bytes(score.dumps_midi())
    label = symusic.Score(480)
    label.tracks.append(symusic.Track())
    for bar in range(bars):
        label.tracks[0].notes.append(symusic.Note(round(480 * (shift + 4 * bar)), 1920, 60 + bar % 3, 80))
    (labels / f"{id}.mid").write_bytes(label.dumps_midi())


def write_pack(root: Path, ids: tuple[str, ...] = ("001", "002", "021", "022", "024", "025", "026")) -> Path:
    """Write songs of validation (001, 002), training, and held out (025); return the folder."""
    for seed, id in enumerate(ids):
        write_song(root, id, seed, shift=0.5 * (seed % 2))
    return root


def write_bps(root: Path) -> Path:
    """Write two movements with two motifs each, four occurrences a motif, the second transposed; return the folder."""
    for folder in ("csv_notes", "csv_label", "motif_midi"):
        (root / folder).mkdir(parents=True)
    shapes = {"a": [(0, 0), (1, 4), (2, 7)], "b": [(0, 0), (0.5, -2), (1, -4), (1.5, -5), (2, -7)]}
    for movement in ("01", "02"):
        notes = ["onset,midi_number,morphetic_number,duration,staff_number,measure,type"]
        labels = ["start,end,type,measure,start_beat,duration,track,TS,measure_score,start_midi,end_midi"]
        score = symusic.Score(480)
        score.tracks.append(symusic.Track())
        for place in range(8):
            kind, start = "ab"[place % 2], 4.0 * place - 1
            for onset, step in shapes[kind]:
                pitch = 60 + step + place
                notes.append(f"{start + onset},{pitch}, ,0.5,0,{place},{kind}")
                time = round(480 * (start + 1 + onset))
                score.tracks[0].notes.append(symusic.Note(time, 239, pitch, 80))
            notes.append(f"{start},{40 + place},40,3.0,1,{place},")
            labels.append(f"{start},{start + 3},{kind},{place},0,3,0,4/4,{place},{start + 1},{start + 4}")
        (root / "csv_notes" / f"{movement}-1.csv").write_text("\n".join(notes) + "\n")
        (root / "csv_label" / f"{movement}-1.csv").write_text("\n".join(labels) + "\n")
        (root / "motif_midi" / f"{movement}-1.mid").write_bytes(score.dumps_midi())
    return root
