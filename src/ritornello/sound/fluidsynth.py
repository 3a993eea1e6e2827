"""FluidSynth as a separate program: a part goes in as a MIDI file, its sound comes back as a float WAV file.

The program, not the library: a crash or a bad SoundFont then cannot take Python with it, and it is what packages of
every system install. Reverb and chorus are off, so that the sum of the parts is the sound of the whole.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import MissingDependencyError, RitornelloError
from ritornello.score import smf
from ritornello.score.song import PITCH_BEND
from ritornello.sound.audio import read_audio
from ritornello.sound.performance import BEND_RANGE, PartPerformance
from ritornello.sound.soundfont import SoundFont

_DIVISION = 2000  # MIDI ticks per quarter note at 120 a minute: 0.25 ms each
_TICKS_PER_S = 2 * _DIVISION
_TAIL_S = 6.0
_TIMEOUT_S = 600


HIGHEST_FLUIDSYNTH_RATE_HZ = 96_000
"""The highest sample rate that FluidSynth takes."""


def find_fluidsynth() -> str | None:
    """Return the path of the ``fluidsynth`` program, or None if the system has none."""
    return shutil.which("fluidsynth")


@contextmanager
def tuned_soundfont(path: Path, soundfont: SoundFont) -> Iterator[Path]:
    """Give a SoundFont file for FluidSynth: the file itself, or for a while a copy with our tuning corrections."""
    if not soundfont.is_corrected:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ritornello-") as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(soundfont.corrected_file(path))
        yield copy


def render_part_fluidsynth(performance: PartPerformance, soundfont: Path, rate: int) -> NDArray[np.float32]:
    """Play one part with FluidSynth.

    Returns:
        float32 ``(2, frames)`` from second 0 on.

    Raises:
        MissingDependencyError: if the program is not installed.
        RitornelloError: if it fails; the message is its own first error.
    """
    program = find_fluidsynth()
    if program is None:
        raise MissingDependencyError("fluidsynth is not installed; install it or choose the engine 'builtin'")
    if not len(performance.notes):
        return np.zeros((2, 0), np.float32)
    with tempfile.TemporaryDirectory(prefix="ritornello-") as folder:
        midi, sound = Path(folder, "part.mid"), Path(folder, "part.wav")
        midi.write_bytes(part_to_midi(performance))
        settings = ("synth.reverb.active=0", "synth.chorus.active=0", "synth.polyphony=512", "synth.gain=0.3")
        options = [word for setting in settings for word in ("-o", setting)]
        # Written in blocks of 4096 frames: with its default of 64 the system calls cost more than the sound.
        command = [program, "-n", "-i", "-q", *options, "-z", "4096", "-r", str(rate), "-T", "wav", "-O", "float"]
        command += ["-F", str(sound), str(soundfont.resolve()), str(midi)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RitornelloError(f"fluidsynth failed on part '{performance.name}': {error}") from None
        # It exits with 0 and plays its default SoundFont when it cannot load the one it was given.
        lines = (done.stderr + done.stdout).strip().splitlines()
        errors = [line for line in lines if "error" in line.lower()]
        if done.returncode != 0 or errors or not sound.is_file() or sound.stat().st_size == 0:
            reason = (errors or lines or ["no reason given"])[0].removeprefix("fluidsynth: ")
            raise RitornelloError(f"fluidsynth failed on part '{performance.name}': {reason}")
        return np.array(read_audio(sound).to_stereo().samples)


def part_to_midi(performance: PartPerformance) -> bytes:
    """Return a MIDI file of one part, exact to a quarter of a millisecond, with room for its last release."""
    channel = 9 if performance.is_drums else 0
    # At one time: controllers first, then keys up, then keys down.
    messages: list[tuple[int, int, bytes]] = [(0, 0, bytes((0xC0 | channel, performance.program)))]
    for time_s, number, value in performance.events.tolist():
        tick = round(time_s * _TICKS_PER_S)
        if number == PITCH_BEND:
            wheel = min(max(round(value) + 8192, 0), 16383)
            messages.append((tick, 0, bytes((0xE0 | channel, wheel & 127, wheel >> 7))))
        elif number == BEND_RANGE:
            for controller, data in ((101, 0), (100, 0), (6, int(value)), (38, round(value % 1 * 100)), (101, 127)):
                messages.append((tick, 0, bytes((0xB0 | channel, controller, data))))
        elif number <= 127:
            messages.append((tick, 0, bytes((0xB0 | channel, number, min(max(round(value), 0), 127)))))
    for onset_s, release_s, key, velocity in performance.notes.tolist():
        onset = round(onset_s * _TICKS_PER_S)
        messages.append((onset, 2, bytes((0x90 | channel, key, velocity))))
        messages.append((max(round(release_s * _TICKS_PER_S), onset + 1), 1, bytes((0x80 | channel, key, 64))))
    messages.sort(key=lambda message: message[:2])
    tempo = smf.meta_bytes(smf.SET_TEMPO, (500_000).to_bytes(3, "big"))
    events = [(0, tempo), *((tick, message) for tick, _, message in messages)]
    return smf.file_bytes([smf.track_bytes(events, end=messages[-1][0] + round(_TAIL_S * _TICKS_PER_S))], _DIVISION)
