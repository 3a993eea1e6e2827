"""A whole song from a framework: what is open is written, what is given is kept, what an edit made stale is drawn anew.

After Dai, Jin, Gomes and Dannenberg, *Controllable deep melody generation via hierarchical music structure
representation* (ISMIR 2021): form, then for each phrase chords, rhythm, basic melody and notes. Repeats, locks and the
editing loop are our design: `marks` tells what depends on an edit, `repeats` makes repeats alike the way people do, and
every random number belongs to its cell (`chance`), so that nothing else moves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritornello.arrange.styles import default_style, style_of, styled_parts
from ritornello.errors import ArgumentError
from ritornello.frameworks.chance import Chance
from ritornello.frameworks.phrase_writer import PhraseWriter
from ritornello.frameworks.pretrained import FrameworkNetworks, load_networks
from ritornello.frameworks.realise import Settings
from ritornello.frameworks.regenerate import reopened
from ritornello.frameworks.report import report_of
from ritornello.frameworks.tables import Tables, load_tables_of
from ritornello.score import Key, Part, Song
from ritornello.score.framework import Framework

MODEL_VERSION = "frameworks-1"

MELODY_PROGRAM = 73
"""General MIDI program of the melody: flute."""

MAX_BARS = 600
"""Longest form that is filled."""

_LEVEL, _ON_BAR, _ON_BEAT = 78, 12, 6  # velocity of the melody, and how much more on a bar line and on a beat


@dataclass(frozen=True)
class Composition:
    """A composed song.

    Attributes:
        song: melody, chords, bass and perhaps drums, with keys, chord symbols and form.
        framework: everything that was decided, with the marks that a later run needs.
        report: measurements as plain values.
    """

    song: Song
    framework: Framework
    report: dict[str, Any]


def compose(
    framework: Framework,
    *,
    seed: int | None = None,
    n: int = 1,
    regenerate: Sequence[str] = (),
    style: str | None = None,
    networks: FrameworkNetworks | None = None,
    tables: Tables | None = None,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Composition]:
    """Compose what is open in a framework.

    Args:
        framework: the plan. Given and locked cells are kept; cells that an earlier run wrote are kept unless what they
            were made from has changed. A framework without a key is read in C major.
        seed: the random seed; by default the framework's, or 0. The same plan and seed give the same songs.
        n: how many songs; the first is the same for any number.
        regenerate: what is drawn anew although nothing changed, in the words of `framework_locks`: ``"melody@B2"``.
        style: name of the accompaniment, see `arrange.styles`; by default one that suits the metre.
        networks: the networks; by default the shipped ones.
        tables: the counts; by default those beside the shipped networks.
        settings: temperatures and the weight of contours.
        progress: called with phrases done and phrases in all.

    Raises:
        ArgumentError: if locks contradict each other (the message names the cells), a word of `regenerate` names
            nothing, the style is unknown, or the metre is none that the networks know.
        ReadError: if the weights are damaged.
    """
    seed = seed if seed is not None else framework.seed or 0
    if seed < 0:
        raise ArgumentError(f"seed {seed} is out of range; give a whole number from 0 on")
    if n < 1:
        raise ArgumentError(f"n {n} is out of range; give a whole number from 1 on")
    if framework.form.bars > MAX_BARS:
        raise ArgumentError(f"the form has {framework.form.bars} bars; at most {MAX_BARS} are filled")
    if not framework.form.letters and not any(segment.is_melodic for segment in framework.form):
        raise ArgumentError(f"the form {framework.form} has no melodic phrase; capital letters have a melody")
    if framework.steps_per_beat > 8:
        raise ArgumentError(
            f"beats of {framework.steps_per_beat} steps are not handled; use a metre such as 4/4 or 3/4"
        )
    arrangement = style_of(style if style is not None else default_style(framework.metre))
    networks = networks if networks is not None else load_networks()
    tables = tables if tables is not None else load_tables_of(networks.name)
    framework, again = reopened(framework, regenerate)
    total = n * len(framework.phrases)
    # The form is part of the place: with one seed, songs of different forms have nothing to do with each other.
    place = Chance(("compose", seed, str(framework.form), str(framework.metre)))
    results = []
    for candidate in range(n):
        writer = PhraseWriter(framework, networks, tables, settings or Settings(), place.at(candidate), again)

        def one_more(done: int, first: int = candidate * len(framework.phrases)) -> None:
            if progress is not None:
                progress(first + done, total)

        phrases = writer.write(one_more)
        whole = framework.replace(
            phrases=phrases, key=framework.key or Key(0), seed=seed, model_version=MODEL_VERSION,
            title=framework.title or f"Composition {seed}" + (f".{candidate + 1}" if candidate else ""),
        )  # fmt: skip
        shared = whole.shared()
        song = _song(whole)
        song = song.replace(
            parts=(*song.parts, *styled_parts(arrangement, song.chords, song.form.bars, framework.metre, song.form))
            if song.form is not None
            else song.parts
        )
        results.append(Composition(song, shared, report_of(whole, writer.redrawn, arrangement.name, networks.name)))
    return results


def _song(framework: Framework) -> Song:
    """Return the melody as a song, its notes louder on beats."""
    song = framework.song()
    notes = framework.melody()
    metre = framework.metre
    velocity = np.full(len(notes), _LEVEL)
    velocity += np.where(notes["onset"] % metre.beat_ticks == 0, _ON_BEAT, 0)
    velocity += np.where(notes["onset"] % metre.bar_ticks == 0, _ON_BAR - _ON_BEAT, 0)
    notes["velocity"] = velocity
    return dataclasses.replace(song, parts=(Part("Melody", notes, MELODY_PROGRAM, role="melody"),))
