"""The calibrated unit: constants of the simulation that fit published measurements and two recordings.

Fitted by `ritornello train compressor --model simulation` (see docs/train-compressor.md).
"""

from __future__ import annotations

from ritornello.compressor.simulation import UnitConstants

CALIBRATED = UnitConstants()
