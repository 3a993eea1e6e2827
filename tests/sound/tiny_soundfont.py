"""A SoundFont built in memory: one sine (or any) sample, zones with the generators and modulators a test asks for."""

from __future__ import annotations

import struct

import numpy as np

RATE = 32_000
PERIOD = 64  # frames of one sine period: 500 Hz at RATE
ROOT_HZ = RATE / PERIOD
ROOT_KEY = 60
"""The sample is a 500 Hz sine that claims to be key 60: tests work with ratios to `ROOT_HZ`."""

GENERATORS = {
    "mod_lfo_to_pitch": 5, "vib_lfo_to_pitch": 6, "mod_env_to_pitch": 7, "filter_fc": 8, "filter_q": 9,
    "mod_env_to_filter": 11, "mod_lfo_to_volume": 13, "pan": 17, "mod_lfo_freq": 22, "vib_lfo_delay": 23,
    "vib_lfo_freq": 24, "mod_env_attack": 26, "mod_env_decay": 28, "mod_env_sustain": 29, "vol_env_delay": 33,
    "vol_env_attack": 34, "vol_env_hold": 35, "vol_env_decay": 36, "vol_env_sustain": 37, "vol_env_release": 38,
    "key_to_vol_env_decay": 40, "keys": 43, "velocities": 44, "key": 46, "velocity": 47, "attenuation": 48,
    "coarse_tune": 51, "fine_tune": 52, "sample_modes": 54, "scale_tuning": 56, "exclusive_class": 57, "root_key": 58,
}  # fmt: skip

Zone = dict[str, int]
Modulator = tuple[int, int, int, int, int]


def sine(frames: int = 100 * PERIOD, amplitude: float = 0.5) -> np.ndarray:
    return np.round(32767 * amplitude * np.sin(2 * np.pi * np.arange(frames) / PERIOD)).astype(np.int16)


def build(
    zones: tuple[Zone, ...] = ({"sample_modes": 1},),
    *,
    preset_zone: Zone | None = None,
    modulators: tuple[Modulator, ...] = (),
    sample: np.ndarray | None = None,
    loop: tuple[int, int] = (10 * PERIOD, 90 * PERIOD),
    correction: int = 0,
    rate: int = RATE,
    address: tuple[int, int] = (0, 0),
    more_addresses: tuple[tuple[int, int], ...] = (),
) -> bytes:
    """Return the bytes of a SoundFont whose presets all play one instrument made of these zones."""
    wave = sine() if sample is None else sample
    addresses = (address, *more_addresses)
    preset = [[*_amounts(preset_zone or {}), (41, 0)]]
    instrument = [[*_amounts(zone), (53, 0)] for zone in zones]
    phdr = b"".join(_phdr(f"Preset {i}", *where, 0) for i, where in enumerate(addresses[:1]))
    # Further presets repeat the same zone.
    for index, where in enumerate(addresses[1:], 1):
        phdr += _phdr(f"Preset {index}", *where, index)
        preset.append(preset[0])
    phdr += _phdr("EOP", 0, 0, len(preset))
    pbag, pgen, pmod = _bags(preset, [()] * len(preset))
    ibag, igen, imod = _bags(instrument, [modulators] * len(instrument))
    inst = struct.pack("<20sH", b"Instrument", 0) + struct.pack("<20sH", b"EOI", len(instrument))
    header = struct.pack("<20sIIIIIBbHH", b"Sine", 0, len(wave), loop[0], loop[1], rate, ROOT_KEY, correction, 0, 1)
    shdr = header + struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    tables = ("phdr", phdr), ("pbag", pbag), ("pmod", pmod), ("pgen", pgen), ("inst", inst), ("ibag", ibag)
    tables += ("imod", imod), ("igen", igen), ("shdr", shdr)
    memory = np.concatenate([wave, np.zeros(46, np.int16)]).tobytes()
    body = b"sfbk" + _list("INFO", _chunk("ifil", struct.pack("<HH", 2, 1)))
    body += _list("sdta", _chunk("smpl", memory)) + _list("pdta", b"".join(_chunk(*table) for table in tables))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _amounts(zone: Zone) -> list[tuple[int, int]]:
    # Ranges come first in a zone: section 8.1.2.
    numbers = sorted((GENERATORS[name], amount) for name, amount in zone.items())
    return sorted(numbers, key=lambda pair: pair[0] not in (43, 44))


def span(low: int, high: int) -> int:
    """Return the amount of a key or velocity range."""
    return low | high << 8


def _phdr(name: str, bank: int, program: int, bag: int) -> bytes:
    return struct.pack("<20sHHHIII", name.encode(), program, bank, bag, 0, 0, 0)


def _bags(zones: list[list[tuple[int, int]]], modulators: list[tuple[Modulator, ...]]) -> tuple[bytes, bytes, bytes]:
    bags, generators, rows = b"", b"", b""
    count = modulator_count = 0
    for zone, own in zip(zones, modulators, strict=True):
        bags += struct.pack("<HH", count, modulator_count)
        for number, amount in zone:
            generators += struct.pack("<HH", number, amount & 0xFFFF)
        for source, target, amount, amount_source, transform in own:
            rows += struct.pack("<HHhHH", source, target, amount, amount_source, transform)
        count, modulator_count = count + len(zone), modulator_count + len(own)
    return (
        bags + struct.pack("<HH", count, modulator_count),
        generators + struct.pack("<HH", 0, 0),
        rows + struct.pack("<HHhHH", 0, 0, 0, 0, 0),
    )


def _chunk(name: str, data: bytes) -> bytes:
    return name.encode() + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(form: str, data: bytes) -> bytes:
    return _chunk("LIST", form.encode() + data)
