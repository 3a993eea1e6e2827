"""Invented songs in POP909's layout and as phrases: what the tests of frameworks learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ritornello.frameworks.data import PhraseNotes, PhrasePlan, SongPhrases
from ritornello.score import Chord

CHORDS = ["C:maj [0, 4, 7] 0", "G:maj [2, 7, 11] 7", "A:min [0, 4, 9] 9", "F:maj [0, 5, 9] 5"]
SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


def write_song(root: Path, id: str, seed: int, key: str = "C:maj", form: str = "A2A2B2") -> None:
    """Write a song of six bars of 4/4."""
    rng = np.random.default_rng(seed)
    structure, midi = root / "structure" / id, root / "POP909" / id
    structure.mkdir(parents=True)
    midi.mkdir(parents=True)
    (midi / f"{id}.mid").write_bytes(b"not read")
    phrases = {}
    for letter in "AB":
        lengths = rng.choice([2, 2, 4, 4, 8], 20).tolist()
        while sum(lengths) > 32:
            lengths.pop()
        lengths[-1] += 32 - sum(lengths)
        phrases[letter] = [(int(rng.choice(SCALE)), length) for length in lengths]
    lines = [f"{pitch} {length}" for letter in "AAB" for pitch, length in phrases[letter]]
    (structure / "melody.txt").write_text("\n".join(lines) + "\n")
    (structure / "finalized_chord.txt").write_text("".join(f"{CHORDS[i % 4]} 2\n" for i in range(12)))
    (structure / "analyzed_key.txt").write_text(f"{key}\n")
    (structure / "tempo.txt").write_text("90")
    for label in ("human_label1.txt", "human_label2.txt"):
        (structure / label).write_text(form)


def write_pack(root: Path) -> Path:
    """Write three songs for training, one of them minor, one for validation and one for testing."""
    for id, seed, key in (("001", 1, "C:maj"), ("002", 2, "C:maj"), ("004", 3, "A:min"), ("005", 4, "C:maj")):
        write_song(root, id, seed, key)
    write_song(root, "003", 5)
    return root


def plan(bars: int = 2, letter: str = "A", steps_per_bar: int = 16, steps_per_beat: int = 4) -> PhrasePlan:
    """A phrase's plan with a chord a bar."""
    names = ["C", "Am", "F", "G7/B", "Dm7"]
    beats = steps_per_bar // steps_per_beat
    chords = tuple(Chord.parse(names[bar % len(names)]) for bar in range(bars) for _ in range(beats))
    return PhrasePlan(letter, bars, steps_per_bar, steps_per_beat, chords, ends_section=letter == "B")


def song(seed: int, letters: str = "ABA", bars: int = 2, steps_per_bar: int = 16) -> SongPhrases:
    """A song of random phrases."""
    rng = np.random.default_rng(seed)
    phrases = []
    for letter in letters:
        steps = bars * steps_per_bar
        onsets = np.sort(rng.choice(steps, size=int(rng.integers(3, steps // 2)), replace=False)).astype(np.int64)
        durations = np.maximum(1, np.diff(np.append(onsets, steps)) - rng.integers(0, 2, len(onsets)))
        pitches = rng.choice(SCALE, len(onsets)).astype(np.int64)
        phrases.append(PhraseNotes(f"{seed}", plan(bars, letter, steps_per_bar), onsets, durations, pitches))
    return SongPhrases(f"{seed}", tuple(phrases))
