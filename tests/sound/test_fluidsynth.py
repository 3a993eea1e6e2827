"""FluidSynth as an engine: its MIDI input is exact, and both engines agree on level, place and spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.errors import RitornelloError
from ritornello.score import Part, Song, make_notes
from ritornello.score.reading import read_data
from ritornello.score.song import CONTROL_DTYPE, PITCH_BEND
from ritornello.sound import render
from ritornello.sound.fluidsynth import find_fluidsynth, part_to_midi, render_part_fluidsynth, tuned_soundfont
from ritornello.sound.performance import perform
from ritornello.sound.soundfont import default_soundfont, load_soundfont, parse_soundfont
from ritornello.sound.synth import render_part
from sound.measure import level_db
from sound.test_rendering import band

needs_fluidsynth = pytest.mark.skipif(find_fluidsynth() is None, reason="the program fluidsynth is not installed")


def test_a_part_survives_its_midi_file() -> None:
    controls = np.array([(0, 64, 127), (12, PITCH_BEND, -300), (24, 7, 90)], CONTROL_DTYPE)
    part = Part("p", make_notes([0, 12, 12], [12, 6, 30], [60, 64, 67], [1, 90, 127]), program=40, controls=controls)
    (played,) = perform(Song(parts=(part,)))
    (back,) = read_data(part_to_midi(played), "part.mid").parts
    assert back.program == 40
    assert np.array_equal(back.notes, part.notes)
    assert {(12, PITCH_BEND, -300), (24, 7, 90)} <= {tuple(row) for row in back.controls.tolist()}


def test_the_tuned_copy_differs_from_the_file_only_in_its_corrections() -> None:
    path, soundfont = default_soundfont(), load_soundfont()
    with tuned_soundfont(path, soundfont) as copy:
        original, tuned = path.read_bytes(), copy.read_bytes()
        assert len(original) == len(tuned)
        changed = np.count_nonzero(np.frombuffer(original, np.uint8) != np.frombuffer(tuned, np.uint8))
        assert 20 < changed < 100
        assert parse_soundfont(tuned).sample(0) == soundfont.sample(0)
    assert not copy.exists()


@needs_fluidsynth
def test_fluidsynth_renders_stems_that_sum_to_the_mix() -> None:
    result = render(band(), engine="fluidsynth", stems=True)
    assert result.engine == render(Song(parts=band().parts[:1])).engine == "fluidsynth"
    assert result.audio.loudness_lufs == pytest.approx(-16.0, abs=1.0)
    assert np.abs(np.sum([s.samples for s in result.stems], axis=0) - result.audio.samples).max() < 1e-4


@needs_fluidsynth
def test_a_broken_soundfont_is_one_line(tmp_path) -> None:
    path = tmp_path / "broken.sf2"
    path.write_bytes(b"RIFF")
    with pytest.raises(RitornelloError) as caught:
        render_part_fluidsynth(perform(band())[0], path, 44100)
    assert "\n" not in str(caught.value)


@needs_fluidsynth
def test_both_engines_agree_part_by_part() -> None:
    path, soundfont = default_soundfont(), load_soundfont()
    differences = []
    with tuned_soundfont(path, soundfont) as tuned:
        for played in perform(band()):
            own, other = render_part(played, soundfont, 44100), render_part_fluidsynth(played, tuned, 44100)
            differences.append(level_db(own, 0, 16) - level_db(other, 0, 16))
            sides = [level_db(sound[0], 0, 16) - level_db(sound[1], 0, 16) for sound in (own, other)]
            assert sides[0] == pytest.approx(sides[1], abs=0.5)
            assert np.corrcoef(bands(own).ravel(), bands(other).ravel())[0, 1] > 0.95
    # The engines' overall gains differ; the balance between the parts does not.
    assert max(differences) - min(differences) < 1.5


def bands(sound: np.ndarray) -> np.ndarray:
    """Return the amplitude in 40 bands of 46 ms frames: (frames, 40)."""
    mono = sound.sum(axis=0)[: 16 * 44100]
    frames = np.lib.stride_tricks.sliding_window_view(mono, 2048)[::1024] * np.hanning(2048)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.unique(np.round(np.geomspace(2, 1024, 41)).astype(int))
    return np.sqrt(np.add.reduceat(power, edges[:-1], axis=1))
