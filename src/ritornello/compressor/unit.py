"""The calibrated unit: constants of the simulation that fit published measurements and two recordings.

The targets, and what they came out as, are in docs/train-compressor.md.
"""

from __future__ import annotations

from ritornello.compressor.simulation import UnitConstants

CALIBRATED = UnitConstants(
    drive_db=-24.53,
    tilt_db=7.73,
    rectifier_ms=0.371,
    brightness=70.3,
    field=4.627,
    attack_ms=17.18,
    attack_light=7.39,
    release_ms=62.9,
    capture_s=0.01434,
    escape_s=0.212,
    conductance_us=691.7,
    output_db=2.3,
)
"""Zero VU, that is +4 dBu, is a peak of -9.1 dBFS of a sine in these recordings."""
