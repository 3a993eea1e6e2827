from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import ArgumentError
from ritornello.museformer.tokens import vocabulary as v


def test_the_ids_stand_where_the_papers_tokenizer_has_them() -> None:
    known = {
        "<pad>": 1, "</s>": 2, "b-0": 4, "b-1": 5, "o-0": 6, "o-63": 69, "i-0": 70, "i-25": 71, "i-43": 72, "i-48": 73,
        "i-80": 74, "i-128": 75, "p-0": 76, "p-255": 331, "d-0": 332, "d-127": 459, "v-0": 460, "v-31": 491, "t-0": 492,
        "t-48": 540, "<c>": 541, "</c>": 542, "u-0": 543, "u-16": 559,
    }  # fmt: skip
    assert {name: v.token_id(name) for name in known} == known
    assert (v.PAD, v.START, v.END, v.BAR_END, v.CONTINUE) == (1, 2, 2, 5, 541)
    firsts = (v.ONSET0, v.INSTRUMENT0, v.PITCH0, v.DRUM_PITCH0, v.DURATION0, v.VELOCITY0, v.TEMPO0, v.PLAN0)
    names = ("o-0", "i-0", "p-0", "p-128", "d-0", "v-0", "t-0", "u-0")
    assert firsts == tuple(v.token_id(name) for name in names)


def test_every_id_has_its_own_name() -> None:
    assert len(set(v.TOKEN_NAMES)) == v.SIZE == 560
    assert [v.token_id(v.token_name(id)) for id in range(v.SIZE)] == list(range(v.SIZE))


@pytest.mark.parametrize("id", [-1, 560])
def test_an_id_out_of_range_is_refused(id: int) -> None:
    with pytest.raises(ArgumentError, match="0 to 559"):
        v.token_name(id)


def test_a_word_that_is_no_token_is_refused() -> None:
    with pytest.raises(ArgumentError, match="'q-3' is no token"):
        v.token_id("q-3")


def test_families_stand_in_the_order_of_a_bar() -> None:
    assert [family.number for family in v.FAMILIES] == [80, 128, 43, 25, 0, 48]
    assert [v.token_name(token) for token in v.FAMILY_TOKENS] == ["i-80", "i-128", "i-43", "i-25", "i-0", "i-48"]
    assert v.family(" Piano").number == 0
    with pytest.raises(ArgumentError, match="melody, drums, bass, guitar, piano, strings"):
        v.family("tuba")


def test_durations_have_the_buckets_of_the_spec() -> None:
    assert v.encode_duration([0, 1, 6, 12, 24, 36, 48, 192, 5000]).tolist() == [1, 1, 6, 12, 18, 24, 27, 48, 48]
    assert v.decode_duration([0, 1, 12, 27, 48]).tolist() == [1, 1, 12, 48, 180]


def test_duration_buckets_round_down_and_stay() -> None:
    positions = np.arange(1, v.LONGEST_DURATION + 1)
    buckets = v.encode_duration(positions)
    assert (np.diff(buckets) >= 0).all()
    assert set(buckets.tolist()) == set(range(v.MIN_DURATION_BUCKET, v.MAX_DURATION_BUCKET + 1))
    assert (v.decode_duration(buckets) <= positions).all()
    assert np.array_equal(v.encode_duration(v.decode_duration(buckets)), buckets)


def test_velocities_round_to_the_middle_of_four() -> None:
    velocities = np.arange(1, 128)
    steps = v.encode_velocity(velocities)
    assert np.abs(v.decode_velocity(steps) - velocities).max() <= 2
    assert np.array_equal(v.encode_velocity(v.decode_velocity(steps)), steps)


@given(st.floats(2, 1000))
def test_a_tempo_comes_back_within_a_twenty_fourth_of_an_octave(qpm: float) -> None:
    step = v.encode_tempo(qpm)
    assert v.MIN_TEMPO_STEP <= step <= v.MAX_TEMPO_STEP
    clipped = min(max(qpm, v.MIN_QPM), v.MAX_QPM)
    assert abs(np.log2(v.decode_tempo(step) / clipped)) <= 1 / 24 + 1e-9
    assert v.encode_tempo(v.decode_tempo(step)) == step


def test_120_quarter_notes_a_minute_are_step_35() -> None:
    assert v.encode_tempo(120) == 35
    assert (v.MIN_TEMPO_STEP, v.MAX_TEMPO_STEP) == (7, 44)
