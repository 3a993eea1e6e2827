"""The calibrated unit: constants of the simulation that fit two recordings and published measurements.

They come from `calibration`, run on la2a-clips.zip; the targets, and what they came out as, are in
docs/train-compressor.md.
"""

from __future__ import annotations

from ritornello.compressor.simulation import UnitConstants

CALIBRATED = UnitConstants(
    drive_db=-14.15,
    drive_step_db=0.196,
    drive_bend_db=28.2,
    limit_tap=0.03263,
    saturation=10.85,
    tilt_db=8.703,
    tilt_hz=2432.0,
    rectifier_ms=0.1786,
    brightness=1262.0,
    field=6.832,
    attack_ms=71.11,
    attack_light=0.7817,
    attack_fill=26.65,
    release_ms=67.25,
    capture_s=0.06225,
    escape_s=0.2215,
    escape_fill=5.277,
    deep_s=18.89,
    deep_weight=0.01376,
    conductance_us=1369.0,
    cell_third=1.245,
    output_db=2.712,
)

ZERO_VU_DBFS = -7.9
"""Level of 0 VU, that is +4 dBu, in these recordings: peak of a sine."""
