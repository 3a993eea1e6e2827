"""What the built-in player does with notes and controllers, measured on the sound of a sine."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.errors import ReadError
from ritornello.score.song import PITCH_BEND
from ritornello.sound.soundfont import SoundFont, load_soundfont, parse_soundfont
from ritornello.sound.synth import choose_preset
from sound.measure import cents, level_db, play, sine_hz
from sound.tiny_soundfont import PERIOD, ROOT_HZ, build, sine, span

LOOPED = {"sample_modes": 1, "vol_env_release": -3986}  # released in 0.1 s


def font(*zones: dict[str, int], **options) -> SoundFont:
    return parse_soundfont(build(tuple(zones) or (LOOPED,), **options))


def hz(soundfont: SoundFont, key: int, events=(), start_s: float = 0.2, stop_s: float = 0.9) -> float:
    return sine_hz(play(soundfont, [(0.0, 1.0, key, 100)], events), start_s, stop_s)


# Tuning


@pytest.mark.parametrize("key", [24, 48, 60, 61, 72, 96])
@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_keys_are_equal_tempered_at_every_sample_rate(key: int, rate: int) -> None:
    sound = play(font(), [(0.0, 1.0, key, 100)], rate=rate)
    assert abs(cents(sine_hz(sound, 0.2, 0.9, rate), ROOT_HZ * 2 ** ((key - 60) / 12))) < 0.5


@pytest.mark.parametrize(
    ("zone", "expected_cents"),
    [
        ({"coarse_tune": -12}, -1200), ({"fine_tune": 37}, 37), ({"root_key": 72}, -1200), ({"scale_tuning": 50}, 0),
        ({"key": 67}, 700), ({"coarse_tune": 1, "fine_tune": -50}, 50),
    ],
)  # fmt: skip
def test_tuning_generators(zone: dict[str, int], expected_cents: float) -> None:
    assert cents(hz(font(LOOPED | zone), 60), ROOT_HZ) == pytest.approx(expected_cents, abs=0.5)


def test_scale_tuning_bends_the_keyboard_and_correction_shifts_it() -> None:
    assert cents(hz(font(LOOPED | {"scale_tuning": 50}), 72), ROOT_HZ) == pytest.approx(600, abs=0.5)
    assert cents(hz(font(correction=-25), 60), ROOT_HZ) == pytest.approx(-25, abs=0.5)


def test_playing_above_the_root_does_not_alias() -> None:
    rng = np.random.default_rng(0)
    noise = (rng.uniform(-1, 1, 32_000) * 20_000).astype(np.int16)
    soundfont = font({}, sample=noise, rate=44100)
    plain, high = (play(soundfont, [(0.0, 0.1, key, 127)]) for key in (60, 84))
    # Two octaves up three quarters of the noise leave the audible range; folded back they would keep the level.
    assert level_db(plain, 0.01, 0.09) - level_db(high, 0.01, 0.09) == pytest.approx(6.0, abs=0.8)


# Samples and loops


def test_loop_modes() -> None:
    for mode, sounds_late in ((0, False), (1, True), (3, True)):
        sound = play(font({"sample_modes": mode}), [(0.0, 1.0, 60, 100)])
        assert (level_db(sound, 0.8, 0.95) > -40) is sounds_late, mode


def test_a_loop_has_no_seam() -> None:
    sound = play(font(), [(0.0, 2.0, 60, 100)])[0, 2000:80_000]
    # A click at a seam would be a second derivative beyond the sine's own.
    assert np.abs(np.diff(sound, 2)).max() < 1.02 * np.abs(sound).max() * (2 * np.pi * ROOT_HZ / 44100) ** 2


def test_mode_3_plays_the_rest_of_the_sample_after_the_release() -> None:
    wave = sine(200 * PERIOD)
    wave[100 * PERIOD :] = np.round(32767 * 0.5 * np.sin(2 * np.pi * 3 * np.arange(100 * PERIOD) / PERIOD))
    zone = {"sample_modes": 3, "vol_env_release": 2400}
    sound = play(font(zone, sample=wave, loop=(10 * PERIOD, 90 * PERIOD)), [(0.0, 0.5, 60, 100)])
    assert sine_hz(sound, 0.2, 0.5) == pytest.approx(ROOT_HZ, rel=1e-3)
    assert sine_hz(sound, 0.56, 0.7) == pytest.approx(3 * ROOT_HZ, rel=1e-2)


# Level


def test_velocity_attenuation_and_default_curve() -> None:
    loud, soft = (level_db(play(font(), [(0.0, 0.5, 60, v)]), 0.1, 0.4) for v in (127, 64))
    assert loud - soft == pytest.approx(40 * np.log10(127 / 64), abs=0.1)
    quiet = level_db(play(font(LOOPED | {"attenuation": 100}), [(0.0, 0.5, 60, 127)]), 0.1, 0.4)
    assert loud - quiet == pytest.approx(4.0, abs=0.1)  # 10 dB, of which 0.4 count


@pytest.mark.parametrize("number", [7, 11])
def test_volume_and_expression_follow_the_squared_law_at_any_time(number: int) -> None:
    sound = play(font(), [(0.0, 2.0, 60, 100)], [(0.0, number, 127), (1.0, number, 64)])
    assert level_db(sound, 0.2, 0.9) - level_db(sound, 1.1, 1.9) == pytest.approx(40 * np.log10(127 / 64), abs=0.1)


def test_a_controller_step_does_not_click() -> None:
    sound = play(font(), [(0.0, 1.0, 60, 100)], [(0.0, 7, 127), (0.5, 7, 20)])[0, 17_640:30_870]
    assert np.abs(np.diff(sound, 2)).max() < 1.3 * np.abs(sound).max() * (2 * np.pi * ROOT_HZ / 44100) ** 2


def test_pan_goes_from_side_to_side_with_constant_power() -> None:
    sound = play(font(), [(0.0, 3.0, 60, 100)], [(0.0, 10, 0), (1.0, 10, 64), (2.0, 10, 127)])
    left, middle, right = ((level_db(sound[0], t, t + 0.8), level_db(sound[1], t, t + 0.8)) for t in (0.1, 1.1, 2.1))
    assert left[0] - left[1] > 60
    assert middle[0] == pytest.approx(middle[1], abs=0.05)
    assert right[1] - right[0] > 30
    assert 10 ** (middle[0] / 10) + 10 ** (middle[1] / 10) == pytest.approx(10 ** (left[0] / 10), rel=0.02)


# Pitch over time


def test_pitch_bend_reaches_two_semitones_and_its_range_can_be_changed() -> None:
    assert cents(hz(font(), 60, [(0.0, PITCH_BEND, 8191)]), ROOT_HZ) == pytest.approx(200, abs=0.5)
    wide = [(0.0, 101, 0), (0.0, 100, 0), (0.0, 6, 12), (0.0, 38, 0), (0.0, PITCH_BEND, -8192)]
    assert cents(hz(font(), 60, wide), ROOT_HZ) == pytest.approx(-1200, abs=0.5)
    null = [(0.0, 101, 127), (0.0, 100, 127), (0.0, 6, 12), (0.0, PITCH_BEND, -8192)]
    assert cents(hz(font(), 60, null), ROOT_HZ) == pytest.approx(-200, abs=0.5)


def test_a_bend_moves_the_note_that_sounds() -> None:
    sound = play(font(), [(0.0, 2.0, 60, 100)], [(1.0, PITCH_BEND, 4096)])
    assert abs(cents(sine_hz(sound, 0.1, 0.9), ROOT_HZ)) < 0.5
    assert cents(sine_hz(sound, 1.1, 1.9), ROOT_HZ) == pytest.approx(100, abs=0.5)
    assert level_db(sound, 0.1, 0.9) == pytest.approx(level_db(sound, 1.1, 1.9), abs=0.05)


def test_modulation_wheel_makes_vibrato() -> None:
    def spread(events) -> float:
        sound = play(font(LOOPED | {"vib_lfo_freq": -851}), [(0.0, 2.0, 60, 100)], events)  # 5 Hz
        steps = np.arange(0.5, 1.5, 0.02)
        values = [cents(sine_hz(sound, t, t + 0.04), ROOT_HZ) for t in steps]
        return max(values) - min(values)

    assert spread([]) < 2
    assert 70 < spread([(0.0, 1, 127)]) < 105  # 50 cents each way
    assert 70 < spread([(0.3, 1, 127)]) < 105  # also when it moves under the note


def test_pitch_envelope() -> None:
    zone = LOOPED | {"mod_env_to_pitch": 1200, "mod_env_decay": -1200, "mod_env_sustain": 1000}  # down in half a second
    sound = play(font(zone), [(0.0, 1.5, 60, 100)])
    assert cents(sine_hz(sound, 0.7, 1.4), ROOT_HZ) == pytest.approx(0, abs=1)
    assert cents(sine_hz(sound, 0.1, 0.15), ROOT_HZ) == pytest.approx(900, abs=60)


# Filter


def test_lowpass_is_at_minus_3_db_at_its_cutoff_and_falls_12_db_an_octave() -> None:
    open_db = level_db(play(font(), [(0.0, 1.0, 60, 127)]), 0.2, 0.9)
    for octaves, expected_db in ((0, -3.0), (-1, -12.3), (-2, -24.1), (2, 0.0)):
        cutoff = round(1200 * np.log2(ROOT_HZ / 8.175798915643707) + 1200 * octaves)
        sound = play(font(LOOPED | {"filter_fc": cutoff}), [(0.0, 1.0, 60, 127)])
        assert level_db(sound, 0.2, 0.9) - open_db == pytest.approx(expected_db, abs=0.4)


def test_filter_envelope_opens_and_closes() -> None:
    zone = LOOPED | {"filter_fc": 5000, "mod_env_to_filter": 6000, "mod_env_decay": -1200, "mod_env_sustain": 1000}
    sound = play(font(zone), [(0.0, 1.5, 60, 127)])
    assert level_db(sound, 0.02, 0.06) - level_db(sound, 1.0, 1.4) > 15


# Time


def test_a_note_starts_on_time_and_its_release_rings() -> None:
    soundfont = font(LOOPED | {"vol_env_release": 0})  # one second
    sound = play(soundfont, [(0.5, 1.0, 60, 127)])
    assert not sound[:, :22050].any()
    assert np.abs(sound[:, 22050:22100]).max() > 1e-3
    assert level_db(sound, 1.2, 1.21) - level_db(sound, 0.9, 0.99) == pytest.approx(-20.5, abs=1.0)
    assert sound.shape[1] / 44100 == pytest.approx(1.0 + 0.8, abs=0.12)
    assert np.abs(sound[:, -1]).max() < 1e-4


def test_the_sustain_pedal_holds_notes_until_it_is_lifted() -> None:
    notes = [(0.0, 0.2, 60, 100)]
    held = play(font(), notes, [(0.1, 64, 127), (1.5, 64, 0)])
    assert level_db(held, 1.3, 1.45) > -30
    assert level_db(held, 1.65, 1.8) < -80
    assert level_db(play(font(), notes), 0.5, 0.6) < -80
    late = play(font(), notes, [(0.3, 64, 127), (1.5, 64, 0)])  # pressed after the release: too late
    assert level_db(late, 0.5, 0.6) < -80


def test_a_key_struck_again_under_the_pedal_does_not_pile_up() -> None:
    notes = [(0.25 * i, 0.25 * i + 0.1, 60, 100) for i in range(8)]
    sound = play(font(LOOPED | {"vol_env_release": -6000}), notes, [(0.0, 64, 127), (3.0, 64, 0)])
    assert level_db(sound, 1.9, 2.2) == pytest.approx(level_db(sound, 0.1, 0.2), abs=0.3)


@pytest.mark.parametrize("number", [120, 123])
def test_all_notes_off(number: int) -> None:
    sound = play(font(), [(0.0, 2.0, 60, 100)], [(0.5, number, 0)])
    assert level_db(sound, 0.7, 0.9) < -80


def test_reset_all_controllers() -> None:
    events = [(0.0, 11, 10), (0.0, PITCH_BEND, 8191), (0.0, 64, 127), (0.5, 121, 0)]
    sound = play(font(), [(0.6, 1.6, 60, 100)], events)
    assert abs(cents(sine_hz(sound, 0.8, 1.5), ROOT_HZ)) < 0.5
    assert level_db(sound, 0.8, 1.5) == pytest.approx(level_db(play(font(), [(0.6, 1.6, 60, 100)]), 0.8, 1.5), abs=0.05)
    assert level_db(sound, 1.8, 1.9) < -80


def test_exclusive_class_chokes_the_open_hi_hat() -> None:
    hats = tuple(LOOPED | {"keys": span(key, key), "exclusive_class": 1} for key in (42, 46))
    soundfont = font(*hats, address=(128, 0))
    ringing = play(soundfont, [(0.0, 2.0, 46, 100)], is_drums=True)
    choked = play(soundfont, [(0.0, 2.0, 46, 100), (0.5, 0.55, 42, 1)], is_drums=True)
    assert level_db(ringing, 0.8, 1.2) > -30
    assert level_db(choked, 0.8, 1.2) < -80


# Presets


def test_presets_fall_back_to_the_bank_the_family_and_any_other() -> None:
    soundfont = parse_soundfont(build(address=(0, 26), more_addresses=((8, 26), (128, 16))))
    chosen = {
        (26, 0): (0, 26), (26, 8): (8, 26), (26, 9): (0, 26), (24, 0): (0, 26), (73, 0): (0, 26),
    }  # fmt: skip
    for (program, bank), address in chosen.items():
        preset = choose_preset(soundfont, program, False, bank)
        assert (preset.bank, preset.program) == address
    assert choose_preset(soundfont, 17, True).program == 16
    assert choose_preset(soundfont, 40, True).program == 16
    with pytest.raises(ReadError, match="drum kit"):
        choose_preset(parse_soundfont(build(), "no-drums.sf2"), 0, True)


def test_a_melody_beyond_the_range_of_a_preset_still_sounds_and_in_tune() -> None:
    soundfont = font(LOOPED | {"keys": span(40, 70)})
    assert cents(hz(soundfont, 84), ROOT_HZ) == pytest.approx(2400, abs=0.5)


def test_the_same_performance_gives_the_same_samples() -> None:
    notes = [(0.1 * i, 0.1 * i + 0.3, 50 + i, 60 + i) for i in range(20)]
    one, other = (play(load_soundfont(), notes, [(0.5, PITCH_BEND, 3000)], program=48) for _ in range(2))
    assert np.array_equal(one, other)


def test_parts_add_up_note_by_note() -> None:
    notes = [(0.0, 0.5, 60, 100), (0.2, 0.9, 64, 80), (0.2, 0.4, 67, 50)]
    together = play(load_soundfont(), notes, program=0)
    alone = [play(load_soundfont(), [note], program=0) for note in notes]
    total = np.zeros_like(together)
    for sound in alone:
        total[:, : sound.shape[1]] += sound
    assert np.abs(total - together).max() < 1e-4
