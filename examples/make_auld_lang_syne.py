"""Make the bundled example: "Auld Lang Syne" (traditional, public domain) in an arrangement of our own.

    python examples/make_auld_lang_syne.py examples/auld-lang-syne.mid

Fifty-two bars in F major: intro, verse, refrain, interlude, verse, refrain, refrain, outro; flute, piano, bass and
brushes. Verse and refrain vary a little when they return, as people sing them.
"""

from __future__ import annotations

import sys

import numpy as np

from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Part, Song, Tempo, make_notes

SIXTEENTH, BEAT, BAR = 3, 12, 48
FORM = "i4A8B8x4A8B8B8o4"

# Note names with octave and length in sixteenths; a pickup stands at the end of the bar before.
VERSE = """
F4:6 F4:2 F4:4 A4:4 | G4:6 F4:2 G4:4 A4:4 | F4:6 F4:2 A4:4 C5:4 | D5:12 D5:4
C5:6 A4:2 A4:4 F4:4 | G4:6 F4:2 G4:4 A4:4 | F4:6 D4:2 D4:4 C4:4 | F4:12 D5:4
"""
REFRAIN = """
C5:6 A4:2 A4:4 F4:4 | G4:6 F4:2 G4:4 D5:4 | C5:6 A4:2 A4:4 C5:4 | D5:12 F5:4
C5:6 A4:2 A4:4 F4:4 | G4:6 F4:2 G4:4 A4:4 | F4:6 D4:2 D4:4 C4:4 | F4:12 R:4
"""
VERSE_AGAIN = VERSE.replace("C5:6 A4:2 A4:4 F4:4", "C5:4 A4:4 A4:2 G4:2 F4:4").replace(
    "F4:6 F4:2 A4:4 C5:4", "F4:6 G4:2 A4:4 C5:4"
)
REFRAIN_AGAIN = REFRAIN.replace("G4:6 F4:2 G4:4 D5:4", "G4:6 F4:2 G4:2 A4:2 D5:4")

CHORDS = {
    "i": "F | Bb/F | C7 | F",
    "A": "F | C7 | F F7 | Bb | F/A | C7 | Dm Gm7 | C7 F",
    "B": "F/A Dm | Gm7 C7 | F F7/A | Bb Bdim7 | F/C | Gm7 C7 | Dm Bb | C7 F",
    "x": "Dm | Bb | Gm7 | C7",
    "o": "Bb | Bbm6 | F/C C7 | F",
}


def tune(text: str, start_bar: int) -> list[tuple[int, int, int]]:
    """Return (onset, duration, pitch) of a tune text that begins on a bar."""
    notes, tick = [], start_bar * BAR
    for token in text.replace("|", " ").split():
        name, length = token.split(":")
        duration = int(length) * SIXTEENTH
        if name != "R":
            notes.append((tick, duration, Key.parse(name[:-1]).tonic + 12 * (int(name[-1]) + 1)))
        tick += duration
    return notes


def chord_spans(form: Form) -> list[ChordSpan]:
    """Return the chords of every segment; two chords in a bar share it."""
    spans = []
    for segment, start in zip(form, form.starts, strict=True):
        for bar, text in enumerate(CHORDS[segment.letter].split("|")):
            names = text.split()
            length = BAR // len(names)
            for index, name in enumerate(names):
                spans.append(ChordSpan((start + bar) * BAR + index * length, length, Chord.parse(name)))
    return spans


def piano(spans: list[ChordSpan], form: Form) -> list[tuple[int, int, int, int]]:
    """Return the accompaniment: broken chords in the verses, a fuller off-beat pattern in the refrains."""
    notes = []
    for span in spans:
        letter = form.segments[form.segment_at_bar(span.onset // BAR)].letter
        tones = sorted((pitch - 50) % 12 + 50 for pitch in span.chord.pitch_classes)
        for step in range(span.duration // (2 * SIXTEENTH)):
            tick = span.onset + step * 2 * SIXTEENTH
            if letter == "B":
                if step % 2:
                    notes += [(tick, 5, pitch, 56) for pitch in tones[-3:]]
                elif step % 4 == 0:
                    notes += [(tick, 6, tones[0], 62), (tick, 6, tones[-1], 60)]
            else:
                order = (0, 1, 2, 1) if len(tones) < 4 else (0, 1, 3, 2)
                notes.append((tick, 6, tones[order[step % 4]], 60 if step % 4 == 0 else 52))
    last = spans[-1]
    return [note for note in notes if note[0] < last.onset] + [
        (last.onset, last.duration, pitch, 58) for pitch in (53, 57, 60, 65)
    ]


def bass(spans: list[ChordSpan]) -> list[tuple[int, int, int, int]]:
    """Return root on the first beat, fifth or octave on the third, and a step towards the next chord."""
    notes = []
    for index, span in enumerate(spans):
        root = (span.chord.bass - 33) % 12 + 33
        if span is spans[-1]:
            notes.append((span.onset, span.duration, root, 74))
            break
        goal = (spans[index + 1].chord.bass - 33) % 12 + 33
        if span.duration == BAR:
            fifth = root + 7 if root + 7 <= 48 else root - 5
            notes += [(span.onset, 18, root, 78), (span.onset + 24, 12, fifth, 70)]
            notes.append((span.onset + 36, 12, goal - 2 if goal > root else goal + 2, 66))
        else:
            notes += [(span.onset, 18, root, 76), (span.onset + 18, 6, root, 62)]
    return notes


def brushes(form: Form) -> list[tuple[int, int, int, int]]:
    """Return kick, brushed snare and hi-hat; the intro and the last bar have none."""
    notes = []
    for segment, start in zip(form, form.starts, strict=True):
        if segment.letter in "io":
            continue
        for bar in range(start, start + segment.bars):
            for eighth in range(8):
                notes.append((bar * BAR + eighth * 6, 3, 42, 52 if eighth % 2 == 0 else 38))
            notes += [(bar * BAR, 3, 36, 70), (bar * BAR + 24, 3, 36, 60)]
            notes += [(bar * BAR + 12, 3, 38, 58), (bar * BAR + 36, 3, 38, 62)]
    return notes


def arrangement() -> Song:
    """Return the example song."""
    form = Form.parse(FORM)
    pickup = tune("R:12 C4:4", 3)
    melody = pickup + tune(VERSE, 4) + tune(REFRAIN, 12)
    melody += tune("R:12 C4:4", 23) + tune(VERSE_AGAIN, 24) + tune(REFRAIN, 32)
    melody += tune("R:12 D5:4", 39) + tune(REFRAIN_AGAIN, 40)
    melody += tune("D5:8 C5:4 A4:4 | F4:6 D4:2 D4:4 C4:4 | F4:12 G4:4 | F4:16", 48)
    accents = [78 + 8 * (onset % BAR == 0) + 4 * (pitch > 70) for onset, _, pitch in melody]
    spans = chord_spans(form)

    def part(name: str, rows: list[tuple[int, int, int, int]], program: int, **more: object) -> Part:
        return Part(name, make_notes(*np.array(rows).T), program, **more)  # type: ignore[arg-type]

    return Song(
        parts=(
            part("Melody", [(*note, accent) for note, accent in zip(melody, accents, strict=True)], 73, role="melody"),
            part("Piano", piano(spans, form), 0, role="chords"),
            part("Bass", bass(spans), 32, role="bass"),
            part("Drums", brushes(form), 0, role="drums", is_drums=True),
        ),
        tempi=(Tempo(0, 92.0),),
        keys=(KeyRegion(0, Key.parse("F")),),
        chords=tuple(spans),
        form=form,
        title="Auld Lang Syne",
    )


if __name__ == "__main__":
    song = arrangement()
    song.write(sys.argv[1], force=True)
    print(song)
