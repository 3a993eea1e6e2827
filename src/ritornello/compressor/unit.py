"""The calibrated unit: constants of the simulation that fit two recordings and published measurements.

They come from `calibration`, run on la2a-clips.zip, and the taper of the knob from `taper`; the targets, and what they
came out as, are in docs/train-compressor.md.
"""

from __future__ import annotations

from ritornello.compressor.simulation import UnitConstants

CALIBRATED = UnitConstants(
    drive_db=10.66,
    taper_db=(-39.39, -27.37, -15.35, -3.34, -1.89, -0.64, 0.0, 1.99, 5.59, 12.44, 15.42),
    limit_tap=0.03524,
    saturation=43.65,
    tilt_db=8.856,
    tilt_hz=2642.0,
    rectifier_ms=0.1838,
    brightness=1018.0,
    field=6.701,
    attack_ms=67.78,
    attack_light=0.7188,
    attack_fill=31.82,
    release_ms=71.13,
    capture_s=0.06806,
    escape_s=0.1931,
    escape_fill=6.126,
    deep_s=17.35,
    deep_weight=0.02212,
    conductance_us=908.6,
    cell_third=1.559,
    output_db=2.365,
)

ZERO_VU_DBFS = -7.3
"""Level of 0 VU, that is +4 dBu, in these recordings: peak of a sine."""
