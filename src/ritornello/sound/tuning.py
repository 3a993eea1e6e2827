"""Corrections for TimGM6mb, the SoundFont that is used when none is given.

Some of its samples sound up to 150 cents away from the pitch that their headers claim, mostly because the length of a
short loop was rounded to whole frames. The table holds what was measured, region by region, over one octave or more:
median deviation of the fundamental where it exceeds 14 cents, with the opposite sign (127 is the most that a header
holds). With it every pitched program is within 20 cents on the keys that it is made for
(`tests/sound/test_tuning.py`). A few zones are widened where keys within an instrument's reach were silent.
Other files are played as they are.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLES_CRC32 = 1476484683
_GENERATORS_CRC32 = 731125458

_SAMPLE_CENTS: dict[bytes, int] = {
    b"A#2 FrenchHorn1": -18, b"Aahs C6": -18, b"Aahs F5": -14, b"Accordion Bb2": 15, b"Accordion Bb4": 65,
    b"Accordion D4": 41, b"Accordion D5": 65, b"Accordion Gb2": 14, b"Accordion Gb4": 51, b"AltoHiF": 14,
    b"BariAb3": -23, b"Brass C6": 127, b"C4 FrenchHorn1": -20, b"FluteE5": -15, b"French Horns Eb3": 20,
    b"G4 FrenchHorn1": -14, b"Glockenspiel D6": -20, b"Harmonica A3": 28, b"Harmonica C4": 34, b"Saw Wave C6": 79,
    b"Soft Trumpet C6": 127, b"SopHiB": 18, b"SteelDrum D1": -16, b"SteelDrum D5": -15, b"SynthStrings G4": -11,
    b"Timp Drum A1": 15, b"Yolo Ob": -17,
}  # fmt: skip

_GENERATOR_AMOUNTS: dict[int, int] = {
    22551: 47, 22573: 47,  # Bottle Chiff, fine tuning above its middle: 31 cents flat
    22467: 43, 22468: 79, 22493: -11,  # Whistle, fine tuning and root: a major sixth flat
    22464: 0 | 101 << 8,  # Whistle, keys 0 to 101: those from 79 on were silent
    23488: 0 | 63 << 8,  # Oboe: keys below 36 were silent
    37999: 65 | 108 << 8,  # Baritone sax: keys above 79 were silent
    38249: 62 | 64 << 8,  # Alto sax: key 64 was silent
}  # fmt: skip
"""New amounts by row of the instrument generators: fine tuning, root and key range of some zones."""


def is_known(samples: NDArray[Any], generators: NDArray[Any]) -> bool:
    """Whether the tables of sample headers and instrument generators are those of TimGM6mb."""
    sums = (zlib.crc32(samples.tobytes()), zlib.crc32(generators.tobytes()))
    return sums == (_SAMPLES_CRC32, _GENERATORS_CRC32)


def corrected(samples: NDArray[Any], generators: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return copies of both tables with the corrections."""
    samples, generators = samples.copy(), generators.copy()
    for name, cents in _SAMPLE_CENTS.items():
        samples["correction"][np.flatnonzero(samples["name"] == name)] += cents
    for row, amount in _GENERATOR_AMOUNTS.items():
        generators["amount"][row] = amount
    return samples, generators


def corrected_file(data: bytes, tables: dict[bytes, NDArray[Any]]) -> bytes:
    """Return the bytes of a TimGM6mb file with the corrections in its tables.

    Args:
        data: the file.
        tables: the corrected tables by chunk name; the others are left alone.
    """
    for kind in (b"shdr", b"igen"):
        size = tables[kind].nbytes
        start = data.rindex(kind + size.to_bytes(4, "little")) + 8
        data = data[:start] + tables[kind].tobytes() + data[start + size :]
    return data
