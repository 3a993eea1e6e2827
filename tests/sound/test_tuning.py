"""Every pitched program of General MIDI is within 20 cents of equal temperament; what has no pitch says so.

The pitch is measured on the sound: the comb of twelve harmonics, within 120 cents, that gathers most of the spectrum.
"""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.sound.soundfont import default_soundfont, load_soundfont, parse_soundfont
from sound.measure import comb_deviation_cents, play

FAMILIES = {
    "piano": (0, (36, 48, 60, 72, 84)), "chromatic percussion": (11, (60, 72, 84)), "organ": (16, (36, 48, 60, 72, 84)),
    "guitar": (24, (40, 52, 64, 76)), "bass": (33, (28, 36, 43, 50)), "strings": (40, (55, 67, 79, 91)),
    "ensemble": (48, (48, 60, 72, 84)), "brass": (56, (55, 64, 72, 79)), "reed": (65, (49, 58, 67, 79)),
    "pipe": (73, (60, 72, 84, 93)), "synth lead": (80, (48, 60, 72, 84)), "synth pad": (89, (48, 60, 72, 84)),
    "synth effects": (98, (60, 72, 84)), "ethnic": (104, (48, 60, 72)), "percussive (steel drum)": (114, (60, 72, 84)),
}  # fmt: skip
"""One program of each family that has a pitch, on keys of the instrument's range; sound effects have none."""


def deviation(program: int, key: int, reach: int = 120) -> tuple[float, float]:
    sound = play(load_soundfont(), [(0.0, 1.5, key, 100)], program=program)
    mono = sound.sum(axis=0)[round(0.12 * 44100) : round(1.4 * 44100)]
    return comb_deviation_cents(mono, 440 * 2 ** ((key - 69) / 12), reach=reach)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_program_of_each_family_is_in_tune(family: str) -> None:
    program, keys = FAMILIES[family]
    for key in keys:
        off, salience = deviation(program, key)
        assert salience > 2.5, (family, key)
        assert abs(off) <= 20, (family, key)


@pytest.mark.parametrize(
    ("program", "key"),
    [(21, 84), (22, 72), (23, 84), (76, 84), (67, 36), (60, 62), (51, 84), (9, 97), (78, 84), (65, 64)],
)
def test_what_the_corrections_are_for(program: int, key: int) -> None:
    assert abs(deviation(program, key)[0]) <= 16


EXCEPTIONS = {31: "string harmonics", 47: "timpani, with partials as 2:3:4", 55: "a chord", 86: "fifths"}
"""Programs below the percussive ones whose strongest comb is another note than the one asked for, and what it is."""


@pytest.mark.parametrize("program", [program for program in range(112) if program not in EXCEPTIONS])
def test_every_pitched_program_sounds_the_note_that_is_asked_for(program: int) -> None:
    # Wide enough for every pitch class: a sample with a wrong root key would be heard as another note.
    assert max(abs(deviation(program, key, reach=650)[0]) for key in (60, 67, 74)) <= 20


def test_sound_effects_have_no_pitch() -> None:
    for program in (122, 126, 127):  # seashore, applause, gunshot
        assert deviation(program, 60)[1] < 2.0


def test_other_soundfonts_are_played_as_they_are() -> None:
    data = bytearray(default_soundfont().read_bytes())
    data[-46 - 4 - 1] ^= 1  # one bit of the last sample's header: no longer the file that was measured
    assert not parse_soundfont(bytes(data)).is_corrected
    assert np.array_equal(parse_soundfont(bytes(data)).memory, load_soundfont().memory)
