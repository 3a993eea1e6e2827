"""Tiny networks and tables of invented songs: what the tests of composing compose with."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import nn

from ritornello.frameworks.config import NetworkConfig
from ritornello.frameworks.features import TASKS, TaskName
from ritornello.frameworks.model import FrameworkNetwork
from ritornello.frameworks.pretrained import FrameworkNetworks
from ritornello.frameworks.tables import Tables, build_tables
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, make_notes


def network(task: TaskName) -> FrameworkNetwork:
    torch.manual_seed(TASKS.index(task))
    model = FrameworkNetwork(NetworkConfig(task, width=16, heads=2, feed_forward=16, hidden=8, copying=False))
    for value in model.parameters():
        nn.init.normal_(value, std=0.2)
    return model.eval()


@cache
def networks() -> FrameworkNetworks:
    return FrameworkNetworks(network("basic"), network("rhythm"), network("melody"), "tiny")


def human_song(seed: int, meter: Meter, mode: str = "major") -> Song:
    """An invented song of two phrases, each of which comes twice."""
    rng = np.random.default_rng(seed)
    form = Form.parse("A4B4A4B4")
    chords = [Chord.parse(name) for name in ("C Am F G C F G C" if mode == "major" else "Am F C E7 Am Dm E Am").split()]
    bar = meter.bar_ticks
    spans = [ChordSpan(i * bar, bar, chords[i % 8]) for i in range(16)]
    onset, duration, pitch = [], [], []
    halves = [sorted(rng.choice(bar // 3, int(rng.integers(1, 5)), replace=False)) for _ in range(8)]
    for index in range(16):
        steps = halves[index % 8] if index % 8 != 7 else [0]
        for step, after in zip(steps, [*steps[1:], bar // 3], strict=True):
            onset.append(index * bar + 3 * int(step))
            duration.append(3 * int(after - step))
            pitch.append(int(rng.choice([60, 62, 64, 65, 67, 69, 72])) if index % 8 != 7 else 60)
    return Song(
        parts=(Part("Melody", make_notes(onset, duration, pitch), role="melody"),),
        meters=(meter,),
        keys=(KeyRegion(0, Key(0) if mode == "major" else Key(9, "minor")),),
        chords=tuple(spans),
        form=form,
    )


@cache
def tables() -> Tables:
    songs = [human_song(seed, Meter(0, 4, 4)) for seed in range(6)]
    songs += [human_song(seed, Meter(0, 3, 4)) for seed in range(6, 9)]
    songs += [human_song(seed, Meter(0, 4, 4), "minor") for seed in range(9, 12)]
    return build_tables(songs)
