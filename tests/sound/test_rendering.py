"""A Song as sound: loudness, ceiling, stems, tails, repeatability, and honest refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ritornello.errors import ArgumentError, MissingDependencyError, ReadError, UnsuitableSongError
from ritornello.score import Part, Song, Tempo, make_notes
from ritornello.score.song import CONTROL_DTYPE
from ritornello.sound import Rendering, fluidsynth, render, render_stems, rendering
from ritornello.sound.balance import ROLE_LEVEL_LU, WINDOW_LU
from ritornello.sound.loudness import true_peak
from sound.measure import cents, level_db, sine_hz
from sound.tiny_soundfont import build, span


def band() -> Song:
    """Eight bars: a tune, chords, bass and drums."""
    beats = np.arange(0, 8 * 48, 12)
    tune = Part("tune", make_notes(beats, 11, 67 + np.array([0, 2, 4, 5, 7, 5, 4, 2] * 4)), program=73, role="melody")
    chords = np.repeat(beats[::2], 3)
    keys = Part("keys", make_notes(chords, 20, np.tile([60, 64, 67], 16), 70), program=0, role="chords")
    bass = Part("bass", make_notes(beats[::2], 22, np.tile([36, 43], 8), 90), program=33, role="bass")
    drums = Part("drums", make_notes(beats, 3, np.tile([36, 42, 38, 46], 8), 100), is_drums=True, role="drums")
    return Song(parts=(tune, keys, bass, drums))


@pytest.fixture(scope="module")
def rendered() -> Rendering:
    return render(band(), engine="builtin", stems=True)


def test_loudness_and_peak(rendered: Rendering) -> None:
    assert rendered.audio.loudness_lufs == pytest.approx(-16.0, abs=1.0)
    assert true_peak(rendered.audio.samples) <= 10 ** (-0.95 / 20)
    assert rendered.audio.channels == 2


def test_stems_sum_to_the_mix(rendered: Rendering) -> None:
    assert len(rendered.stems) == 4
    assert {stem.frames for stem in rendered.stems} == {rendered.audio.frames}
    total = np.sum([stem.samples for stem in rendered.stems], axis=0)
    assert np.abs(total - rendered.audio.samples).max() < 1e-4
    assert all(stem.peak > 0.01 for stem in rendered.stems)


def test_stems_sum_to_the_mix_when_peaks_are_limited() -> None:
    song = band().replace(parts=(band().parts[3], band().parts[0]))
    loud = render(song, engine="builtin", target_lufs=-9.0, stems=True)
    assert np.abs(np.sum([s.samples for s in loud.stems], axis=0) - loud.audio.samples).max() < 1e-4
    assert true_peak(loud.audio.samples) <= 10 ** (-0.95 / 20)


def test_render_stems_gives_the_same_stems(rendered: Rendering) -> None:
    assert render_stems(band(), engine="builtin") == rendered.stems


def test_the_same_song_gives_the_same_bytes(rendered: Rendering) -> None:
    assert np.array_equal(render(band(), engine="builtin").audio.samples, rendered.audio.samples)


def test_the_report_names_what_played(rendered: Rendering) -> None:
    assert (rendered.engine, rendered.soundfont, rendered.warnings) == ("builtin", "TimGM6mb.sf2", ())
    assert len(rendered.presets) == 4


def test_sound_starts_with_the_song_and_rings_out(rendered: Rendering) -> None:
    assert np.abs(rendered.audio.samples[:, : 44100 // 20]).max() > 0.01
    assert band().duration_s < rendered.audio.duration_s < band().duration_s + 5
    assert rendered.audio.samples[:, -1].tolist() == [0.0, 0.0]
    late = Song(parts=(Part("p", make_notes([48], [12], [60])),))  # a bar of rest stays a bar of rest
    assert np.abs(render(late, engine="builtin").audio.samples[:, : 44100 * 2]).max() < 1e-3


def test_the_melody_is_in_front_whatever_the_presets_are() -> None:
    tune, keys, bass, drums = band().parts
    soft = replace(tune, program=79, notes=make_notes(tune.notes["onset"], 11, tune.notes["pitch"], 40))
    loud = replace(keys, program=62, notes=make_notes(keys.notes["onset"], 20, keys.notes["pitch"], 127))
    song = Song(parts=(bass, loud, drums, soft))
    stems = render_stems(song, engine="builtin")
    levels = [stem.loudness_lufs for stem in stems]
    for part, level in zip(song.parts, levels, strict=True):
        below = level - levels[3] - ROLE_LEVEL_LU[part.role]
        assert WINDOW_LU[0] - 0.5 <= below <= WINDOW_LU[1] + 0.5, part.name


def test_volumes_that_a_song_sets_are_left_alone() -> None:
    tune, keys = band().parts[:2]
    controls = np.array([(0, 7, 127)], CONTROL_DTYPE)
    even = [replace(part, controls=controls) for part in (tune, keys)]
    own = [level_db(stem.samples, 0, 16) for stem in render_stems(Song(parts=tuple(even)), engine="builtin")]
    quiet = replace(keys, controls=np.array([(0, 7, 32)], CONTROL_DTYPE))
    other = [level_db(stem.samples, 0, 16) for stem in render_stems(Song(parts=(even[0], quiet)), engine="builtin")]
    assert (own[1] - own[0]) - (other[1] - other[0]) == pytest.approx(40 * np.log10(127 / 32), abs=0.1)


def test_sample_rate_target_and_soundfont_are_used(tmp_path) -> None:
    path = tmp_path / "own.sf2"
    path.write_bytes(build())
    song = Song(parts=(Part("p", make_notes([0], [96], [60])),))
    result = render(song, engine="builtin", sample_rate=22050, soundfont=path, target_lufs=-23.0)
    assert result.audio.sample_rate == 22050
    assert result.soundfont == "own.sf2"
    assert result.audio.loudness_lufs == pytest.approx(-23.0, abs=0.2)
    assert abs(cents(sine_hz(result.audio.samples, 0.5, 3.5, 22050), 500.0)) < 0.5


def test_a_missing_instrument_is_told(tmp_path) -> None:
    path = tmp_path / "one.sf2"
    path.write_bytes(build())
    song = Song(parts=(Part("oboe", make_notes([0], [48], [60]), program=68),))
    (warning,) = render(song, engine="builtin", soundfont=path).warnings
    assert "oboe" in warning
    assert "68" in warning
    with pytest.raises(ReadError, match="drum kit"):
        render(Song(parts=(Part("d", make_notes([0], [48], [36]), is_drums=True),)), engine="builtin", soundfont=path)


def test_bad_arguments_are_refused() -> None:
    song = band()
    for options in ({"sample_rate": 7999}, {"sample_rate": 200_000}, {"engine": "loud"}, {"target_lufs": 0.0}):
        with pytest.raises(ArgumentError):
            render(song, **options)
    with pytest.raises(ArgumentError, match="no notes"):
        render(Song())
    with pytest.raises(ArgumentError, match="no notes"):
        render(Song(parts=(Part("empty"),)))
    with pytest.raises(ReadError, match=r"none\.sf2"):
        render(song, soundfont="none.sf2")


def test_silent_and_endless_songs_are_refused(tmp_path) -> None:
    mute = Part("mute", make_notes([0], [48], [60]), controls=np.array([(0, 7, 0)], CONTROL_DTYPE))
    with pytest.raises(UnsuitableSongError, match="silent"):
        render(Song(parts=(mute,)), engine="builtin")
    path = tmp_path / "high.sf2"
    path.write_bytes(build(({"velocities": span(120, 127)},)))
    with pytest.raises(UnsuitableSongError, match="silent"):
        render(Song(parts=(Part("p", make_notes([0], [48], [60], 20)),)), engine="builtin", soundfont=path)
    endless = Song(parts=(Part("p", make_notes([0, 100_000], [48, 48], [60, 62])),), tempi=(Tempo(0, 120),))
    with pytest.raises(UnsuitableSongError, match="minutes"):
        render(endless, engine="builtin")


def test_an_empty_part_gives_a_silent_stem() -> None:
    song = Song(parts=(Part("p", make_notes([0], [48], [60])), Part("empty")))
    stems = render_stems(song, engine="builtin")
    assert stems[1].frames == stems[0].frames
    assert stems[1].peak == 0


def test_without_fluidsynth_auto_says_builtin_and_fluidsynth_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(rendering, "find_fluidsynth", lambda: None)
    monkeypatch.setattr(fluidsynth, "find_fluidsynth", lambda: None)
    song = Song(parts=(Part("p", make_notes([0], [24], [60])),))
    assert render(song).engine == "builtin"
    with pytest.raises(MissingDependencyError, match="builtin"):
        render(song, engine="fluidsynth")


def test_rates_beyond_fluidsynth_are_played_by_the_built_in_engine() -> None:
    song = Song(parts=(Part("Tune", make_notes([0, 12], 12, [60, 64]), role="melody"),))
    assert render(song, sample_rate=176_400).engine == "builtin"
    with pytest.raises(ValueError, match="builtin"):
        render(song, sample_rate=176_400, engine="fluidsynth")
