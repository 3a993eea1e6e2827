"""Build a test: find the pieces, draw the trials, make the clips, fill the page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ritornello.errors import ArgumentError, ReadError
from ritornello.evaluation.listening.clips import Clip, Sound, make_clip
from ritornello.evaluation.listening.draw import Drawn, draw_pairs, draw_pieces
from ritornello.evaluation.listening.items import HUMAN, Item, find_conditions, mixed_kinds
from ritornello.evaluation.listening.page import make_page
from ritornello.evaluation.listening.protocol import KEY, PAGE, TRIALS, Piece, Protocol, Trial
from ritornello.evaluation.listening.questions import Mode, parse_questions
from ritornello.files import write_bytes, write_json

MAX_PAGE_BYTES = 150_000_000
"""Largest page: browsers open it from a file without trouble, and 60 pairs of one-minute clips fit."""

LENGTH_RANGE_S = (5.0, 300.0)
TEMPO_RANGE_QPM = (20.0, 400.0)

_BASE64 = 4 / 3


@dataclass(frozen=True)
class Built:
    """A test that is ready to be written.

    Attributes:
        protocol: trials and key.
        page: the page, UTF-8.
        warnings: one line for each thing that weakens the test.
    """

    protocol: Protocol
    page: bytes
    warnings: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write `listen.html`, `trials.json` and `key.json` into a folder."""
        write_bytes(folder / PAGE, self.page)
        write_json(folder / TRIALS, self.protocol.trials_file())
        write_json(folder / KEY, self.protocol.key_file())


def build(
    human: Path,
    conditions: Sequence[str],
    *,
    mode: Mode = "paired",
    pairs: int = 12,
    seconds: float = 60.0,
    seed: int = 0,
    questions: Sequence[str] = (),
    sound: Sound | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Built:
    """Build a listening test.

    Args:
        human: folder of songs by people.
        conditions: ``NAME=FOLDER`` for each condition.
        mode: ``"paired"`` or ``"rated"``.
        pairs: pairs, or with ``"rated"`` pieces, that are judged, checks not counted; see `draw`.
        seconds: wanted length of a clip, 5..300.
        seed: decides pieces, sections, sides and order; the same seed and files give the same test.
        questions: names of questions or questions of one's own; see `parse_questions`.
        sound: how scores are played; None for their own parts and tempo.
        progress: called with (clips made, clips in all).

    Raises:
        ArgumentError: if an argument is out of range, a folder has too few pieces, or the page grows too large.
        ReadError, UnsuitableSongError: if a piece cannot be read or used.
    """
    sound = sound or Sound()
    _check(seconds, seed, sound.tempo_qpm)
    asked = parse_questions(questions, mode)
    items = find_conditions(human, conditions)
    is_mixed = mixed_kinds(items)
    _check_sound(items, sound)
    design, cuts = np.random.SeedSequence(seed).spawn(2)
    draw = draw_pairs if mode == "paired" else draw_pieces
    drawn = draw(items, pairs, np.random.default_rng(design))
    trials, clips = _make_trials(drawn, seconds, sound, cuts, progress)
    settings: dict[str, Any] = {
        "pairs": pairs, "seconds": seconds, "seed": seed, "plain": sound.plain, "tempo_qpm": sound.tempo_qpm,
        "soundfont": None if sound.soundfont is None else sound.soundfont.name,
        "pieces_found": {name: len(found) for name, found in items.items()},
    }  # fmt: skip
    sounds = {name: hashlib.sha256(clip.audio).hexdigest() for name, clip in clips.items()}
    protocol = Protocol(mode, asked, trials, sounds, settings)
    page = make_page(protocol.trials_file(), {name: clip.audio for name, clip in clips.items()})
    return Built(protocol, page, _warnings(trials, is_mixed, seconds))


def _check(seconds: float, seed: int, tempo_qpm: float | None) -> None:
    if not LENGTH_RANGE_S[0] <= seconds <= LENGTH_RANGE_S[1]:
        raise ArgumentError(f"--seconds {seconds:g} is out of range; it goes from 5 to 300")
    if seed < 0:
        raise ArgumentError(f"--seed {seed} is out of range; give a whole number from 0 on")
    if tempo_qpm is not None and not TEMPO_RANGE_QPM[0] <= tempo_qpm <= TEMPO_RANGE_QPM[1]:
        raise ArgumentError(f"--tempo {tempo_qpm:g} is out of range; it goes from 20 to 400 quarter notes a minute")


def _check_sound(items: Mapping[str, Sequence[Item]], sound: Sound) -> None:
    """Refuse options for the sound of scores where there are recordings, which they cannot change."""
    recording = next((item for found in items.values() for item in found if item.is_audio), None)
    given = [
        name
        for name, is_given in (("--plain", sound.plain), ("--tempo", sound.tempo_qpm), ("--soundfont", sound.soundfont))
        if is_given
    ]
    if recording is not None and given:
        raise ReadError(
            f"{recording.path}: is a recording, which {given[0]} cannot change; give scores or leave it out"
        )


def _make_trials(
    drawn: Sequence[Drawn],
    seconds: float,
    sound: Sound,
    cuts: np.random.SeedSequence,
    progress: Callable[[int, int], None] | None,
) -> tuple[tuple[Trial, ...], dict[str, Clip]]:
    """Return the trials and their clips, which are numbered as they come, so that numbers tell nothing."""
    trials: list[Trial] = []
    clips: dict[str, Clip] = {}
    total = sum(len(plan.pieces) for plan in drawn if plan.kind != "repeat")
    size = 0.0
    for number, (plan, chance) in enumerate(zip(drawn, cuts.spawn(len(drawn)), strict=True), start=1):
        name = f"t{number:03}"
        if plan.repeats is not None:
            earlier = trials[plan.repeats]
            trials.append(Trial(name, "repeat", earlier.pieces[::-1], earlier.name))
            continue
        rng = np.random.default_rng(chance)
        made: dict[int, Clip] = {}
        wanted = seconds
        # A condition's piece is cut first: where it ends early, the song by people is as short.
        for place in sorted(range(len(plan.pieces)), key=lambda index: plan.pieces[index][0] == HUMAN):
            made[place] = make_clip(plan.pieces[place][1], wanted, sound, rng)
            wanted = min(seconds, made[place].length_s)
        pieces: list[Piece] = []
        for place, (condition, item) in enumerate(plan.pieces):
            clip_name, clip = f"c{len(clips) + 1:03}", made[place]
            clips[clip_name] = clip
            pieces.append(Piece(clip_name, condition, item.name, clip.start_s, clip.length_s))
            size += _BASE64 * len(clip.audio)
        if size > MAX_PAGE_BYTES:
            raise ArgumentError(
                f"the page would pass {MAX_PAGE_BYTES / 1e6:.0f} MB after {len(clips)} of {total} clips; "
                "ask for fewer --pairs or --seconds and build a second test with another --seed"
            )
        trials.append(Trial(name, plan.kind, tuple(pieces)))
        if progress:
            progress(len(clips), total)
    return tuple(trials), clips


def _warnings(trials: Sequence[Trial], is_mixed: bool, seconds: float) -> tuple[str, ...]:
    warnings = []
    if is_mixed:
        warnings.append("some pieces are recordings and some rendered scores: the sound itself may tell who made what")
    heard = [
        piece.item for trial in trials if trial.kind != "repeat" for piece in trial.pieces if piece.condition == HUMAN
    ]
    again = len(heard) - len(set(heard))
    if again:
        warnings.append(
            f"{again} of {len(heard)} clips by people are of songs heard before; more songs would be better"
        )
    short = sum(piece.length_s < 0.8 * seconds for trial in trials for piece in trial.pieces)
    if short:
        warnings.append(f"{short} clips are more than a fifth shorter than {seconds:g} s: their pieces end early")
    return tuple(warnings)
