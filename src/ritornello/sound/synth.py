"""The built-in synthesizer: plays a part through a SoundFont, each distinct tone once.

Notes that sound the same region, key and modulation share one tone (`ritornello.sound.voice`); a note is a slice of it
with a gain for each side and a release. Volume and expression act on the whole part, as they do on a MIDI channel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError
from ritornello.score.song import PITCH_BEND
from ritornello.sound.envelope import low_frequency_oscillator, modulation_envelope
from ritornello.sound.performance import BEND_RANGE, EXPRESSION, PAN, VOLUME, PartPerformance
from ritornello.sound.soundfont import DRUM_BANK, Preset, SoundFont
from ritornello.sound.voice import FilterSettings, Times, Tone, WaveSettings, make_wave
from ritornello.sound.zones import (
    GENERATOR_NUMBERS,
    KEY,
    PITCH_WHEEL,
    PRESSURE,
    VELOCITY,
    WHEEL_RANGE,
    Region,
    preset_regions,
)

MAX_NOTE_S = 60.0
"""A note is let go after this time, however long its key is held."""

_LONGEST_TAIL_S = 20
_ATTENUATION_SCALE = 0.4
"""What the first hardware made of the attenuation generator; SoundFonts are balanced for it, and FluidSynth follows."""

_CHOKE_S = 0.05
"""Time in which an open hi-hat falls silent when the closed one is struck."""

_Controller = Callable[[int, bool], Any]

_PITCH = ("fine_tune", "coarse_tune", "vib_lfo_to_pitch", "mod_lfo_to_pitch")
_SETTLED = (*_PITCH, "filter_fc", "filter_q", "attenuation", "pan")
"""Generators that modulators may change; those of pitch also while a note sounds, the others at its onset."""


@dataclass(frozen=True, slots=True)
class _Voice:
    """A note in a region: frames since the song's start, the tone it needs, and its gains."""

    onset: int
    release: int
    wave: WaveSettings
    filter: FilterSettings
    gain: float
    pan: float
    is_choked: bool = False

    @property
    def frames(self) -> int:
        """Frames for which the key is held."""
        return self.release - self.onset


def choose_preset(soundfont: SoundFont, program: int, is_drums: bool, bank: int = 0) -> Preset:
    """Return the preset for a program, or the nearest one that the SoundFont has.

    Raises:
        ReadError: if it has no drum kit for drums, or only drum kits for anything else.
    """
    if is_drums:
        wanted = [(DRUM_BANK, program), (DRUM_BANK, program // 8 * 8), (DRUM_BANK, 0)]
    else:
        family = range(program // 8 * 8, program // 8 * 8 + 8)
        wanted = [(bank, program), (0, program), *((0, other) for other in family), (0, 0)]
    for address in wanted:
        if address in soundfont.presets:
            return soundfont.presets[address]
    rest = sorted(address for address in soundfont.presets if (address[0] == DRUM_BANK) == is_drums)
    if not rest:
        raise ReadError(
            f"{soundfont.name}: has no {'drum kit' if is_drums else 'melodic preset'}; give another .sf2 file"
        )
    return soundfont.presets[rest[0]]


def render_part(performance: PartPerformance, soundfont: SoundFont, rate: int) -> NDArray[np.float32]:
    """Play one part.

    Args:
        performance: notes and controllers.
        soundfont: where the sounds come from.
        rate: frames per second.

    Returns:
        float32 ``(2, frames)`` from second 0 until the last release has ended; ``(2, 0)`` without notes.

    Raises:
        ReadError: if the SoundFont has no usable preset, or the preset is damaged.
    """
    if not len(performance.notes):
        return np.zeros((2, 0), np.float32)
    preset = choose_preset(soundfont, performance.program, performance.is_drums, performance.bank)
    regions = preset_regions(soundfont, preset)
    voices = _choke(_voices(performance, regions, rate), regions)
    waves: dict[WaveSettings, dict[FilterSettings, list[_Voice]]] = defaultdict(lambda: defaultdict(list))
    for voice in voices:
        waves[voice.wave][voice.filter].append(voice)
    bus = np.zeros((2, max((voice.release for voice in voices), default=0) + _LONGEST_TAIL_S * rate), np.float32)
    end = 0
    for settings, tones in waves.items():
        region = regions[settings.region]
        longest = max(voice.frames for group in tones.values() for voice in group)
        curve = _pitch_curve(performance, region, settings) if settings.note is not None else None
        wave = make_wave(soundfont.memory, region, settings, longest, rate, curve)
        if wave is None:
            continue
        for filter_settings, group in tones.items():
            tone = Tone(wave, filter_settings, max(voice.frames for voice in group))
            for voice in group:
                end = max(end, _add(bus, voice, tone.body[: voice.frames], voice.onset, performance, rate))
                if voice.frames < len(tone.body):
                    tail = tone.tail(voice.frames)
                    if voice.is_choked:
                        fade = np.linspace(1.0, 0.0, round(_CHOKE_S * rate), dtype=np.float32)[: len(tail)]
                        tail = tail[: len(fade)] * fade
                    end = max(end, _add(bus, voice, tail, voice.release, performance, rate))
    bus = bus[:, :end]
    _apply_volume(bus, performance, rate)
    return bus


def _voices(performance: PartPerformance, regions: tuple[Region, ...], rate: int) -> Iterator[_Voice]:
    """Yield what each note sounds, in order of onset."""
    notes = performance.notes
    onsets = np.round(notes["onset_s"] * rate).astype(np.int64)
    # Equal durations give equal frames wherever they start, so that notes share their tones and releases.
    held_s = np.clip(performance.sounding_until_s - notes["onset_s"], 0.0, MAX_NOTE_S)
    releases = onsets + np.maximum(np.round(held_s * rate).astype(np.int64), 1)
    playing: dict[tuple[int, int], list[int]] = {}
    known: dict[tuple[Any, ...], tuple[WaveSettings, FilterSettings, float, float]] = {}
    at_onsets = {
        number: performance.curve(number).at(notes["onset_s"]).tolist()
        for number in sorted(_sources(regions, _SETTLED))
    }
    bending = [performance.curve(number) for number in sorted(_sources(regions, _PITCH))]
    bending = [curve for curve in bending if len(curve.times_s) > 1]
    columns = (notes["key"].tolist(), notes["velocity"].tolist(), onsets.tolist(), releases.tolist())
    for note, (key, velocity, onset, release) in enumerate(zip(*columns, strict=True)):
        if (key, velocity) not in playing:
            playing[key, velocity] = _playing(regions, key, velocity, performance.is_drums)
        values = {number: column[note] for number, column in at_onsets.items()}
        moves = any(not curve.is_constant(onset / rate, release / rate + 1.0) for curve in bending)
        for index in playing[key, velocity]:
            region = regions[index]
            address = (index, key, velocity, *values.values())
            if address not in known:
                known[address] = _settle(region, index, key, velocity, values)
            wave, filter_settings, gain, pan = known[address]
            if moves:
                wave = replace(wave, note=note, held_frames=release - onset)
            elif _depends_on_release(region, wave.key, (release - onset) / rate):
                wave = replace(wave, held_frames=release - onset)
            yield _Voice(onset, release, wave, filter_settings, gain, pan)


def _depends_on_release(region: Region, key: int, held_s: float) -> bool:
    """Whether the wave itself, not only its level and filter, changes when the key is released."""
    if region.generators["sample_modes"] == 3:
        return True
    depth = region.generators["mod_env_to_pitch"]
    if depth == 0:
        return False
    level = modulation_envelope(region.generators, key, np.array([held_s]), None)[0]
    return bool(abs(depth * level) >= 0.5)  # half a cent


def _playing(regions: tuple[Region, ...], key: int, velocity: int, is_drums: bool) -> list[int]:
    """Return the regions that a note sounds; beyond the range of a melodic preset, those at its edge."""
    playing = [index for index, region in enumerate(regions) if region.plays(key, velocity)]
    if playing or is_drums:
        return playing
    for distance in range(1, 128):
        for near in (key - distance, key + distance):
            playing = [index for index, region in enumerate(regions) if region.plays(near, velocity)]
            if playing:
                return playing
    return []


def _sources(regions: tuple[Region, ...], targets: Iterable[str]) -> set[int]:
    """Return the numbers of the curves that modulators of some generators listen to; volume and expression aside."""
    numbers = {GENERATOR_NUMBERS[target] for target in targets}
    general = {PITCH_WHEEL: PITCH_BEND, WHEEL_RANGE: BEND_RANGE}
    found: set[int] = set()
    for source, target, amount, amount_source, _ in {row for region in regions for row in region.modulators}:
        if target in numbers and amount != 0:
            for word in (source, amount_source):
                index = word & 0x7F
                if word & 0x80:
                    found.add(index)
                elif index in general:
                    found.add(general[index])
    return found - {VOLUME, EXPRESSION}


def _controller(key: int, velocity: int, value_of: Callable[[int], Any]) -> _Controller:
    """Return what gives modulators the value (0..127) of a source."""

    def controller(number: int, is_cc: bool) -> Any:
        if is_cc:
            # Volume and expression act on the whole part, afterwards.
            return 127.0 if number in (VOLUME, EXPRESSION) else value_of(number)
        if number == PITCH_WHEEL:
            return 64.0 + value_of(PITCH_BEND) / 128.0
        if number == WHEEL_RANGE:
            return value_of(BEND_RANGE)
        # Songs carry no aftertouch.
        return {VELOCITY: float(velocity), KEY: float(key), PRESSURE: 0.0}.get(number, 0.0)

    return controller


def _settle(
    region: Region, index: int, key: int, velocity: int, values: dict[int, float]
) -> tuple[WaveSettings, FilterSettings, float, float]:
    """Return the tone, gain and pan of a note whose controllers have some values at its onset."""
    generators = region.generators
    sounding_key = generators["key"] if generators["key"] >= 0 else key
    velocity = generators["velocity"] if generators["velocity"] > 0 else velocity
    controller = _controller(sounding_key, velocity, lambda number: values.get(number, 0.0))

    def modulated(name: str) -> float:
        return float(generators[name] + region.modulation(name, controller))

    tuning = region.modulation("fine_tune", controller) + 100.0 * region.modulation("coarse_tune", controller)
    wave = WaveSettings(
        region=index,
        key=sounding_key,
        cents=round(float(tuning), 3),
        vibrato_cents=round(modulated("vib_lfo_to_pitch"), 1),
        mod_lfo_cents=round(modulated("mod_lfo_to_pitch"), 1),
    )
    q_centibels = min(max(round(modulated("filter_q"), 1), 0.0), 960.0)
    filter_settings = FilterSettings(round(modulated("filter_fc"), 1), q_centibels)
    attenuation = _ATTENUATION_SCALE * generators["attenuation"] + region.modulation("attenuation", controller)
    gain = 10.0 ** (-min(max(float(attenuation), 0.0), 1440.0) / 200.0)
    return wave, filter_settings, gain, modulated("pan")


def _choke(voices: Iterator[_Voice], regions: tuple[Region, ...]) -> list[_Voice]:
    """Return the voices, each cut short where a later one of its exclusive class starts."""
    result = list(voices)
    latest: dict[int, list[int]] = {}
    for index, voice in enumerate(result):
        group = regions[voice.wave.region].generators["exclusive_class"]
        if group == 0:
            continue
        sounding = latest.setdefault(group, [])
        if sounding and result[sounding[0]].onset < voice.onset:
            for other in sounding:
                result[other] = replace(result[other], release=min(result[other].release, voice.onset), is_choked=True)
            sounding.clear()
        sounding.append(index)
    return result


def _pitch_curve(performance: PartPerformance, region: Region, settings: WaveSettings) -> Callable[[Times], Times]:
    """Return how far a note's pitch moves from where it was at its onset, in cents over seconds since then."""
    assert settings.note is not None
    note = performance.notes[settings.note]
    onset_s = float(note["onset_s"])

    def curve(times_s: Times) -> Times:
        controller = _controller(
            settings.key, int(note["velocity"]), lambda number: performance.curve(number).at(onset_s + times_s)
        )

        def change(name: str) -> Any:
            value = region.modulation(name, controller) + np.zeros(len(times_s))
            return value - value[0]

        cents = change("fine_tune") + 100.0 * change("coarse_tune")
        for name, lfo in (("vib_lfo_to_pitch", "vib_lfo"), ("mod_lfo_to_pitch", "mod_lfo")):
            delay, freq = region.generators[f"{lfo}_delay"], region.generators[f"{lfo}_freq"]
            cents = cents + change(name) * low_frequency_oscillator(delay, freq, times_s)
        result: Times = cents
        return result

    return curve


def _add(
    bus: NDArray[np.float32], voice: _Voice, wave: NDArray[np.float32], at: int, performance: PartPerformance, rate: int
) -> int:
    """Add a wave to both sides with the voice's gain and pan; return the frame after it."""
    stop = at + len(wave)
    pan = performance.curve(PAN)
    if len(pan.times_s) == 1 or pan.is_constant(voice.onset / rate, stop / rate):
        angle: Any = np.float32(_angle(voice.pan))
    else:
        corners = np.arange(at, stop + 64, 64)
        moved = (pan.at(corners / rate) - pan.value(voice.onset / rate)) * (500.0 / 64.0)
        angle = np.interp(np.arange(at, stop), corners, _angle(voice.pan + moved)).astype(np.float32)
    gain = np.float32(voice.gain)
    bus[0, at:stop] += wave * (gain * np.cos(angle))
    bus[1, at:stop] += wave * (gain * np.sin(angle))
    return stop


def _angle(pan: Any) -> Any:
    """Return the angle of constant-power panning; pan is -500 (left) to 500."""
    return (np.clip(pan, -500.0, 500.0) + 500.0) * (np.pi / 2000.0)


def _apply_volume(bus: NDArray[np.float32], performance: PartPerformance, rate: int) -> None:
    """Multiply a part by its volume and expression, each 40 dB per decade as in General MIDI."""
    curves = [performance.curve(VOLUME), performance.curve(EXPRESSION)]
    corners = np.unique(np.concatenate([curve.times_s for curve in curves]))
    gains = np.prod([(curve.at(corners) / 127.0) ** 2 for curve in curves], axis=0).astype(np.float32)
    frames = np.append(np.round(corners * rate).astype(np.int64), max(bus.shape[1], round(corners[-1] * rate)))
    gains = np.append(gains, gains[-1])
    for index in range(len(gains) - 1):
        start, stop = int(frames[index]), int(frames[index + 1])
        if stop <= start or start >= bus.shape[1]:
            continue
        if gains[index] == gains[index + 1]:
            bus[:, start:stop] *= gains[index]
        else:
            ramp = np.linspace(gains[index], gains[index + 1], stop - start, endpoint=False, dtype=np.float32)
            bus[:, start:stop] *= ramp[: bus.shape[1] - start]
