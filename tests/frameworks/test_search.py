"""Beam search: with enough beams it finds the best, locks hold, the noise belongs to the cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.analysis.segments import basic_pitches
from ritornello.frameworks.basic_guard import BasicGuard
from ritornello.frameworks.chance import Chance
from ritornello.frameworks.features import basic_features
from ritornello.frameworks.search import beam_search
from ritornello.score.framework import NoteCell

from .composing import networks
from .invented import plan

PITCHES = [60, 62, 64, 67]


def allow_few(histories: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    row = np.zeros((len(histories), 128), np.bool_)
    row[:, PITCHES] = True
    return row


def score_of(tokens: tuple[int, ...], noise: list[np.ndarray], penalty: float) -> float:  # type: ignore[type-arg]
    network, features = networks().basic, basic_features(plan(2))
    state, total = network.begin(features), -penalty * float(np.abs(np.diff(tokens)).sum())
    previous = None
    with torch.inference_mode():
        for step, token in enumerate(tokens):
            scores, state = network.step(previous, state)
            total += float(scores[0, token]) + float(noise[step][token])
            previous = torch.tensor([token])
    return total


@pytest.mark.parametrize(("temperature", "weight"), [(0.0, 0.0), (1.0, 0.0), (1.0, 0.5)])
def test_with_enough_beams_the_best_of_all_is_found(temperature: float, weight: float) -> None:
    features = basic_features(plan(2))
    chance = Chance(("law",))
    found = beam_search(
        networks().basic, features, None, allow_few, chance, width=300, temperature=temperature,
        penalty=(lambda rows: weight * np.abs(np.diff(rows, axis=1)).sum(1).astype(float)) if weight else None,
    )  # fmt: skip
    noise = [temperature * chance.at(step).gumbel(128) for step in range(len(features))]
    best = max(itertools.product(PITCHES, repeat=len(features)), key=lambda row: score_of(row, noise, weight))
    assert tuple(found) == best


def test_what_is_locked_comes_out() -> None:
    def allowed(histories: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        rows = allow_few(histories)
        if histories.shape[1] == 2:
            rows[:] = False
            rows[:, 71] = True
        return rows

    found = beam_search(networks().basic, basic_features(plan(2)), None, allowed, Chance((1,)), width=4)
    assert found[2] == 71 and set(found) <= {*PITCHES, 71}


@st.composite
def rhythms(draw: st.DrawFn) -> list[NoteCell]:
    onsets = sorted(draw(st.sets(st.integers(0, 7), min_size=1, max_size=4)))
    ends = [*onsets[1:], 8]
    return [NoteCell(on, draw(st.integers(1, end - on)), 0) for on, end in zip(onsets, ends, strict=True)]


@given(rhythms())
@settings(max_examples=40)
def test_the_guard_allows_just_what_leaves_the_basic_pitch_a_chance(notes: list[NoteCell]) -> None:
    onsets, lengths = (np.array(column) for column in ([n.onset for n in notes], [n.duration for n in notes]))

    def keeps(pitches: tuple[int, ...]) -> bool:
        return basic_pitches(onsets, lengths, np.array(pitches), 8, 8)[0] == 60

    guard = BasicGuard(notes, [60], 8, {0})
    some = [60, 62, 64]
    for length in range(len(notes)):
        rest = len(notes) - length
        for before in itertools.product(some, repeat=length):
            if not any(keeps((*before, *after)) for after in itertools.product(some, repeat=rest)):
                continue
            allowed = guard.allowed(np.array(before, np.int64))
            for pitch in some:
                can = any(keeps((*before, pitch, *after)) for after in itertools.product(some, repeat=rest - 1))
                assert allowed[pitch] == can


def test_where_two_wishes_exclude_each_other_the_hard_one_holds() -> None:
    notes = [NoteCell(0, 16, 0)]
    assert np.flatnonzero(BasicGuard(notes, [60, 64], 8, {1}).allowed(np.zeros(0, np.int64))).tolist() == [64]
    assert np.flatnonzero(BasicGuard(notes, [60, 64], 8, {0}).allowed(np.zeros(0, np.int64))).tolist() == [60]
