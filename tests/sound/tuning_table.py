"""Prints how far every General MIDI program is from equal temperament: ``python tests/sound/tuning_table.py [ENGINE]``.

One line per program: median and worst deviation in cents over the keys 36 to 96 in steps of four, and the keys whose
comb of harmonics stands out too little to speak of a pitch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from ritornello.score import Part, Song, make_notes
from ritornello.sound import render
from sound.measure import comb_deviation_cents

LEAST_SALIENCE = 2.5


def main(engine: str = "builtin") -> None:
    for program in range(128):
        rows = []
        for key in range(36, 97, 4):
            song = Song(parts=(Part("p", make_notes([0], [36], [key], 100), program=program),))
            sound = render(song, engine=engine)
            mono = sound.audio.samples.sum(axis=0)[5300:61_700]
            if len(mono) > 4000:
                rows.append((key, *comb_deviation_cents(mono, 440 * 2 ** ((key - 69) / 12))))
        pitched = np.array([row[1] for row in rows if row[2] >= LEAST_SALIENCE])
        vague = [row[0] for row in rows if row[2] < LEAST_SALIENCE]
        worst = pitched[np.abs(pitched).argmax()] if len(pitched) else np.nan
        median = np.median(pitched) if len(pitched) else np.nan
        print(f"{program:3} {sound.presets[0]:20} median {median:6.1f}  worst {worst:6.1f}  no pitch at {vague or '-'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
