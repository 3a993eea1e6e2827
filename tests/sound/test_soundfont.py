"""SoundFont files: the tables are read, the bundled set is found, damaged files end in one sentence."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ReadError
from ritornello.sound.soundfont import load_soundfont, parse_soundfont
from ritornello.sound.synth import choose_preset
from ritornello.sound.zones import preset_regions
from sound.measure import play
from sound.tiny_soundfont import RATE, ROOT_KEY, build, sine


def test_the_bundled_set_has_all_of_general_midi_and_is_found_without_importing_its_package() -> None:
    soundfont = load_soundfont()
    assert {(0, program) for program in range(128)} <= set(soundfont.presets)
    assert (128, 0) in soundfont.presets
    assert soundfont.is_corrected
    script = "import sys; from ritornello.sound.soundfont import load_soundfont as load; load(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "pretty_midi" not in loaded


def test_tables_are_read_as_written() -> None:
    soundfont = parse_soundfont(build(correction=-7, more_addresses=((8, 3),)), "tiny.sf2")
    assert list(soundfont.presets) == [(0, 0), (8, 3)]
    sample = soundfont.sample(0)
    assert sample is not None
    assert (sample.name, sample.rate, sample.key, sample.correction) == ("Sine", RATE, ROOT_KEY, -7)
    assert np.array_equal(soundfont.memory[sample.start : sample.end], sine())
    assert soundfont.sample(1) is None  # the last header only closes the table
    assert not soundfont.is_corrected


def test_a_file_is_read_anew_when_it_was_replaced(tmp_path) -> None:
    path = tmp_path / "ö.sf2"
    path.write_bytes(build(correction=1))
    assert load_soundfont(path).sample(0).correction == 1
    path.unlink()
    path.write_bytes(build(correction=2, sample=sine(5000)))
    assert load_soundfont(path).sample(0).correction == 2


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"MThd" * 10, b"RIFF\x04\0\0\0sfbk", b"RIFF\x04\0\0\0sfbk" + b"\0" * 99]
)
def test_what_is_no_soundfont_is_one_line(tmp_path, content: bytes) -> None:
    path = tmp_path / "bad.sf2"
    path.write_bytes(content)
    with pytest.raises(ReadError) as caught:
        load_soundfont(path)
    assert "bad.sf2" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path) -> None:
    for path in (tmp_path, tmp_path / "none.sf2", "nul\0byte.sf2"):
        with pytest.raises(ReadError, match=r"\.sf2"):
            load_soundfont(path)


def test_compressed_samples_are_refused_by_name() -> None:
    data = bytearray(build())
    data[-46 - 2] |= 0x10  # the type of the only sample, before the closing header
    soundfont = parse_soundfont(bytes(data), "small.sf3")
    with pytest.raises(ReadError, match=r"small\.sf3.*SF3"):
        preset_regions(soundfont, soundfont.presets[0, 0])


def test_a_preset_that_multiplies_its_zones_is_refused() -> None:
    # 200 preset zones (the presets' zones joined into the first) times 200 instrument zones.
    data = build(tuple({"sample_modes": 1} for _ in range(200)), more_addresses=tuple((1, n) for n in range(199)))
    soundfont = parse_soundfont(data, "bomb.sf2")
    preset = replace(soundfont.presets[0, 0], zones=range(200))
    with pytest.raises(ReadError, match=r"bomb\.sf2.*zones"):
        preset_regions(soundfont, preset)


BASE = build(({"sample_modes": 1, "vol_env_release": -2000, "filter_fc": 9000}, {"sample_modes": 3, "pan": 100}))
TABLES = BASE.index(b"pdta")


def play_everything(data: bytes) -> None:
    """Read, resolve and play a note of every preset (five at most); only ReadError may come out."""
    try:
        soundfont = parse_soundfont(data, "fuzz.sf2")
        for preset in list(soundfont.presets.values())[:5]:
            chosen = choose_preset(soundfont, min(preset.program, 127), preset.bank == 128, preset.bank)
            preset_regions(soundfont, chosen)
            sound = play(soundfont, [(0.0, 0.05, 60, 90), (0.02, 0.1, 127, 1)], program=min(preset.program, 127))
            assert np.isfinite(sound).all()
    except ReadError as error:
        assert "\n" not in str(error)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(TABLES, len(BASE) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_flipped_bytes_in_the_tables_do_no_harm(flips: list[tuple[int, int]]) -> None:
    data = bytearray(BASE)
    for position, value in flips:
        data[position] = value
    play_everything(bytes(data))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(BASE)), st.binary(max_size=40))
def test_cut_files_do_no_harm(length: int, rest: bytes) -> None:
    play_everything(BASE[:length] + rest)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.integers(0, 60), st.integers(-32768, 32767), max_size=30),
    st.lists(
        st.tuples(*(st.integers(0, 65535),) * 2, st.integers(-32768, 32767), st.integers(0, 65535), st.just(0)),
        max_size=4,
    ),
)
def test_any_generators_and_modulators_make_finite_sound(
    amounts: dict[int, int], modulators: list[tuple[int, int, int, int, int]]
) -> None:
    from sound import tiny_soundfont

    tiny_soundfont.GENERATORS.update({f"_{number}": number for number in range(61)})
    zone = {f"_{number}": amount for number, amount in amounts.items() if number not in (41, 43, 44, 53)}
    play_everything(build((zone,), modulators=tuple(modulators)))
