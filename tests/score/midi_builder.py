"""Small MIDI files by hand, for tests of what other programs write."""

from __future__ import annotations

from ritornello.score import smf


def midi_file(*tracks: list[tuple[int, bytes]], file_format: int = 1, division: int = 480) -> bytes:
    """Return a file of tracks, each a list of (tick, event bytes), in order."""
    header = b"MThd\0\0\0\6" + b"".join(value.to_bytes(2, "big") for value in (file_format, len(tracks), division))
    return header + b"".join(smf.track_bytes(sorted(events, key=lambda event: event[0])) for events in tracks)


def note(onset: int, duration: int, pitch: int, velocity: int = 80, channel: int = 0) -> list[tuple[int, bytes]]:
    return [
        (onset, bytes((0x90 | channel, pitch, velocity))),
        (onset + duration, bytes((0x80 | channel, pitch, 0))),
    ]


def control(tick: int, number: int, value: int, channel: int = 0) -> tuple[int, bytes]:
    return tick, bytes((0xB0 | channel, number, value))


def program(tick: int, number: int, channel: int = 0) -> tuple[int, bytes]:
    return tick, bytes((0xC0 | channel, number))


def meta(tick: int, kind: int, data: bytes) -> tuple[int, bytes]:
    return tick, smf.meta_bytes(kind, data)


def time_signature(tick: int, numerator: int, power: int) -> tuple[int, bytes]:
    return meta(tick, smf.TIME_SIGNATURE, bytes((numerator, power, 24, 8)))


def tempo(tick: int, microseconds: int) -> tuple[int, bytes]:
    return meta(tick, smf.SET_TEMPO, microseconds.to_bytes(3, "big"))
