"""The picture is checked by its pixels: what is drawn, where, and in whose colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from ritornello.errors import WriteError
from ritornello.score import Form, Part, Song, make_notes
from ritornello.show import write_piano_roll
from ritornello.show.palette import LETTER_COLORS, ROLE_COLORS, letter_color


def song(bars: int = 16, role: str = "melody") -> Song:
    onsets = np.arange(0, bars * 48, 12)
    notes = make_notes(onsets, 12, 60 + onsets // 12 % 12, 127)
    return Song(parts=(Part("Tune", notes, role=role),), form=Form.parse(f"A{bars // 2}B{bars // 2}"))  # type: ignore[arg-type]


def pixels_of(path: Path, color: str) -> int:
    image = imread(path)[..., :3]
    return int((np.abs(image - to_rgb(color)).max(axis=-1) < 0.02).sum())


def test_notes_have_the_colour_of_their_role(tmp_path: Path) -> None:
    write_piano_roll(song(role="melody"), tmp_path / "melody.png")
    write_piano_roll(song(role="bass"), tmp_path / "bass.png")
    assert pixels_of(tmp_path / "melody.png", ROLE_COLORS["melody"]) > 1000
    assert pixels_of(tmp_path / "melody.png", ROLE_COLORS["bass"]) == 0
    assert pixels_of(tmp_path / "bass.png", ROLE_COLORS["bass"]) > 1000


def test_both_phrase_families_have_a_lane_of_their_colour(tmp_path: Path) -> None:
    write_piano_roll(song(), tmp_path / "roll.png")
    first, second = (pixels_of(tmp_path / "roll.png", color) for color in LETTER_COLORS[:2])
    assert first > 1000
    assert second == pytest.approx(first, rel=0.2)


def test_equal_songs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_piano_roll(song(), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("bars", [1, 2, 47, 300])
def test_any_length_is_drawn(tmp_path: Path, bars: int) -> None:
    notes = make_notes([0, (bars - 1) * 48], 48, [40, 90])
    write_piano_roll(Song(parts=(Part("Tune", notes),)), tmp_path / "roll.png")
    assert pixels_of(tmp_path / "roll.png", "#ffffff") > 10_000


def test_a_song_without_notes_is_an_empty_grid(tmp_path: Path) -> None:
    write_piano_roll(Song(), tmp_path / "roll.png")
    colors = [color for role, color in ROLE_COLORS.items() if role != "drums"]  # their grey is in the edges of letters
    assert all(pixels_of(tmp_path / "roll.png", color) == 0 for color in colors)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot be written"):
        write_piano_roll(song(), tmp_path / "nowhere" / "roll.png")


def test_letters_beyond_the_palette_start_again() -> None:
    letters = tuple("ABCDEFGHIJ")
    assert letter_color("I", letters) == letter_color("A", letters)
    assert letter_color("x", letters) != letter_color("X", letters)
