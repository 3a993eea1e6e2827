"""What the zones of a SoundFont preset mean: regions with resolved generators and modulators.

Follows the *SoundFont Technical Specification 2.04*, sections 8.1 (generators), 8.2 and 8.4 (modulators) and 9.4
(instrument level replaces, preset level adds). Changed: the amount of the default pan modulator is 500, as FluidSynth
has it (1000 in the text would reach the edge at half the controller's way); the default velocity-to-filter modulator
is recognised in both published forms, so that the many SoundFonts that switch it off are believed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ritornello.errors import ReadError
from ritornello.sound.soundfont import Modulator, Preset, Sample, SoundFont, Zone

MAX_REGIONS = 20_000
"""Most zone pairs that one preset may combine; real presets stay below 1,000."""

PITCH_WHEEL, WHEEL_RANGE, VELOCITY, KEY, PRESSURE = 14, 16, 2, 3, 13
"""General controllers of section 8.2.1 that we know."""

# Generators by name: number, default, lowest and highest value (section 8.1.3), whether presets may add to it.
_GENERATORS: dict[str, tuple[int, int, int, int, bool]] = {
    "start_offset": (0, 0, 0, 32767, False),
    "end_offset": (1, 0, -32768, 0, False),
    "loop_start_offset": (2, 0, -32768, 32767, False),
    "loop_end_offset": (3, 0, -32768, 32767, False),
    "start_offset_coarse": (4, 0, 0, 32767, False),
    "mod_lfo_to_pitch": (5, 0, -12000, 12000, True),
    "vib_lfo_to_pitch": (6, 0, -12000, 12000, True),
    "mod_env_to_pitch": (7, 0, -12000, 12000, True),
    "filter_fc": (8, 13500, 1500, 13500, True),
    "filter_q": (9, 0, 0, 960, True),
    "mod_lfo_to_filter": (10, 0, -12000, 12000, True),
    "mod_env_to_filter": (11, 0, -12000, 12000, True),
    "end_offset_coarse": (12, 0, -32768, 0, False),
    "mod_lfo_to_volume": (13, 0, -960, 960, True),
    "pan": (17, 0, -500, 500, True),
    "mod_lfo_delay": (21, -12000, -12000, 5000, True),
    "mod_lfo_freq": (22, 0, -16000, 4500, True),
    "vib_lfo_delay": (23, -12000, -12000, 5000, True),
    "vib_lfo_freq": (24, 0, -16000, 4500, True),
    "mod_env_delay": (25, -12000, -12000, 5000, True),
    "mod_env_attack": (26, -12000, -12000, 8000, True),
    "mod_env_hold": (27, -12000, -12000, 5000, True),
    "mod_env_decay": (28, -12000, -12000, 8000, True),
    "mod_env_sustain": (29, 0, 0, 1000, True),
    "mod_env_release": (30, -12000, -12000, 8000, True),
    "key_to_mod_env_hold": (31, 0, -1200, 1200, True),
    "key_to_mod_env_decay": (32, 0, -1200, 1200, True),
    "vol_env_delay": (33, -12000, -12000, 5000, True),
    "vol_env_attack": (34, -12000, -12000, 8000, True),
    "vol_env_hold": (35, -12000, -12000, 5000, True),
    "vol_env_decay": (36, -12000, -12000, 8000, True),
    "vol_env_sustain": (37, 0, 0, 1440, True),
    "vol_env_release": (38, -12000, -12000, 8000, True),
    "key_to_vol_env_hold": (39, 0, -1200, 1200, True),
    "key_to_vol_env_decay": (40, 0, -1200, 1200, True),
    "loop_start_offset_coarse": (45, 0, -32768, 32767, False),
    "key": (46, -1, -1, 127, False),
    "velocity": (47, -1, -1, 127, False),
    "attenuation": (48, 0, 0, 1440, True),
    "loop_end_offset_coarse": (50, 0, -32768, 32767, False),
    "coarse_tune": (51, 0, -120, 120, True),
    "fine_tune": (52, 0, -99, 99, True),
    "sample_modes": (54, 0, 0, 3, False),
    "scale_tuning": (56, 100, 0, 1200, True),
    "exclusive_class": (57, 0, 0, 127, False),
    "root_key": (58, -1, -1, 127, False),
}
GENERATOR_NUMBERS: Final = {name: row[0] for name, row in _GENERATORS.items()}
_KEY_RANGE, _VELOCITY_RANGE, _INSTRUMENT, _SAMPLE_ID = 43, 44, 41, 53

_CC = 0x80
_VELOCITY_TO_FILTER: Modulator = (0x0102, 8, -2400, 0, 0)
_VELOCITY_TO_FILTER_2_01 = (0x0102, 8, 0x0D02, 0)
DEFAULT_MODULATORS: tuple[Modulator, ...] = (
    (0x0502, 48, 960, 0, 0),  # velocity to attenuation, concave and falling
    _VELOCITY_TO_FILTER,
    (0x000D, 6, 50, 0, 0),  # channel pressure to vibrato
    (_CC | 1, 6, 50, 0, 0),  # modulation wheel to vibrato
    (_CC | 7 | 0x0500, 48, 960, 0, 0),  # volume
    (_CC | 10 | 0x0200, 17, 500, 0, 0),  # pan
    (_CC | 11 | 0x0500, 48, 960, 0, 0),  # expression
    (0x020E, 52, 12700, 0x0010, 0),  # pitch wheel times its range to tuning in cents
)
"""Section 8.4 without the two effect sends."""


@dataclass(frozen=True, eq=False)
class Region:
    """A sample with everything that decides how it sounds, for a range of keys and velocities.

    Attributes:
        keys: first and last key.
        velocities: first and last velocity.
        sample: the sample header.
        generators: value by name, in the units of the specification.
        modulators: all that apply, defaults included.
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    sample: Sample
    generators: dict[str, int]
    modulators: tuple[Modulator, ...]

    def plays(self, key: int, velocity: int) -> bool:
        """Whether a note of this key and velocity sounds the region."""
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]

    def modulation(self, target: str, controller: Callable[[int, bool], Any]) -> Any:
        """Return what the modulators add to a generator.

        Args:
            target: name of the generator.
            controller: gives the value in 0..127 of a source: its number, and whether it is a MIDI controller.

        Returns:
            A number, or an array if a controller's value is one.
        """
        number = GENERATOR_NUMBERS[target]
        total: Any = 0.0
        for source, modulator_target, amount, amount_source, transform in self.modulators:
            if modulator_target != number or amount == 0:
                continue
            value = amount * _source_value(source, controller) * _source_value(amount_source, controller, none=1.0)
            total = total + (np.abs(value) if transform == 2 else value)
        return total


def _source_value(source: int, controller: Callable[[int, bool], Any], none: float = 0.0) -> Any:
    """Map a controller's 0..1 through the shape of a source (section 8.2.2)."""
    index, is_cc = source & 0x7F, bool(source & _CC)
    if index == 0 and not is_cc:
        return none
    raw = np.asarray(controller(index, is_cc), dtype=np.float64)
    falling, bipolar, shape = bool(source & 0x0100), bool(source & 0x0200), source >> 10
    # 64 is the middle of a bipolar controller and 127 the top of a unipolar one, both exactly.
    value = np.clip((raw - 64.0) / 64.0, -1.0, 1.0) if bipolar else np.clip(raw / 127.0, 0.0, 1.0)
    if falling:
        value = -value if bipolar else 1.0 - value
    position, sign = np.abs(value), np.where(value < 0, -1.0, 1.0)
    if shape == 1:  # concave: 0..1 over 96 dB
        position = np.minimum(-40.0 / 96.0 * np.log10(np.maximum(1.0 - position, 1e-6)), 1.0)
    elif shape == 2:  # convex
        position = np.maximum(1.0 + 40.0 / 96.0 * np.log10(np.maximum(position, 1e-6)), 0.0)
    elif shape == 3:  # switch
        return sign if bipolar else np.where(value >= 0.5, 1.0, 0.0)
    return sign * position


def preset_regions(soundfont: SoundFont, preset: Preset) -> tuple[Region, ...]:
    """Return the regions of a preset, generators and modulators resolved.

    Raises:
        ReadError: if the preset combines more zones than `MAX_REGIONS` or holds compressed samples.
    """
    regions: list[Region] = []
    instruments: dict[int, list[Zone]] = {}
    combined = 0
    preset_global, preset_zones = _split_global(soundfont.preset_zones(preset), _INSTRUMENT)
    for outer in preset_zones:
        index = outer.generators[_INSTRUMENT] & 0xFFFF
        if index not in instruments:
            instruments[index] = soundfont.instrument_zones(index)
        inner_global, inner_zones = _split_global(instruments[index], _SAMPLE_ID)
        combined += len(instruments[index])
        if combined > MAX_REGIONS:
            raise ReadError(f"{soundfont.name}: preset '{preset.name}' combines more than {MAX_REGIONS} zones")
        for inner in inner_zones:
            sample = soundfont.sample(inner.generators[_SAMPLE_ID] & 0xFFFF)
            if sample is not None:
                region = _resolve(preset_global, outer, inner_global, inner, sample)
                if region is not None:
                    regions.append(region)
    return tuple(regions)


def _split_global(zones: list[Zone], link: int) -> tuple[Zone, list[Zone]]:
    """Return the global zone (the first, if it links nowhere) and the zones that link on."""
    leading = zones[0] if zones and link not in zones[0].generators else Zone({}, ())
    return leading, [zone for zone in zones if link in zone.generators]


def _resolve(preset_global: Zone, outer: Zone, inner_global: Zone, inner: Zone, sample: Sample) -> Region | None:
    below = {**inner_global.generators, **inner.generators}
    above = {**preset_global.generators, **outer.generators}
    ranges = []
    for kind in (_KEY_RANGE, _VELOCITY_RANGE):
        (low, high), (outer_low, outer_high) = _range(below.get(kind)), _range(above.get(kind))
        ranges.append((max(low, outer_low), min(high, outer_high)))
    if any(low > high for low, high in ranges):
        return None
    generators = {}
    for name, (number, default, lowest, highest, adds) in _GENERATORS.items():
        value = below.get(number, default) + (above.get(number, 0) if adds else 0)
        generators[name] = min(max(value, lowest), highest)
    amounts = {_identity(modulator): modulator[2] for modulator in DEFAULT_MODULATORS}
    for zone in (inner_global, inner):
        amounts.update({_identity(modulator): modulator[2] for modulator in zone.modulators})
    added = {_identity(modulator): modulator[2] for modulator in preset_global.modulators}
    added.update({_identity(modulator): modulator[2] for modulator in outer.modulators})
    for identity, amount in added.items():
        amounts[identity] = amounts.get(identity, 0) + amount
    modulators = tuple((i[0], i[1], amount, i[2], i[3]) for i, amount in amounts.items())
    return Region(ranges[0], ranges[1], sample, generators, modulators)


def _range(amount: int | None) -> tuple[int, int]:
    return (0, 127) if amount is None else (amount & 0xFF, min((amount >> 8) & 0xFF, 127))


def _identity(modulator: Modulator) -> tuple[int, int, int, int]:
    source, target, _, amount_source, transform = modulator
    identity = (source, target, amount_source, transform)
    if identity == _VELOCITY_TO_FILTER_2_01:
        return (_VELOCITY_TO_FILTER[0], _VELOCITY_TO_FILTER[1], 0, 0)
    return identity
