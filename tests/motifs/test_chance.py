"""Chance: the law is found again in its own samples, q values by hand, surrogates keep what they must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import ArgumentError
from ritornello.motifs.chance import Gumbel, q_values, surrogate


def test_a_law_is_found_again_in_its_samples() -> None:
    rng = np.random.default_rng(0)
    fits = [Gumbel.fit(rng.gumbel(0.6, 0.05, 256)) for _ in range(40)]
    assert np.mean([fit.location for fit in fits]) == pytest.approx(0.6, abs=0.01)
    assert np.mean([fit.scale for fit in fits]) == pytest.approx(0.05, abs=0.005)


def test_p_values_of_the_law_are_even() -> None:
    rng = np.random.default_rng(1)
    p = np.concatenate([Gumbel.fit(rng.gumbel(0.6, 0.05, 256)).p_value(rng.gumbel(0.6, 0.05, 20)) for _ in range(100)])
    assert 0.03 <= np.mean(p <= 0.05) <= 0.07 and 0.004 <= np.mean(p <= 0.01) <= 0.02


def test_what_is_equal_everywhere_has_a_law_too() -> None:
    fit = Gumbel.fit(np.ones(60))
    assert fit.scale > 0 and np.isfinite(fit.p_value(1.0))


def test_few_songs_say_nothing() -> None:
    with pytest.raises(ArgumentError, match="at least 50"):
        Gumbel.fit(np.ones(49))
    with pytest.raises(ArgumentError, match="finite"):
        Gumbel.fit(np.full(60, np.nan))


def test_q_values_by_hand() -> None:
    assert q_values([0.001, 0.03, 0.04], [1, 2, 3], 4).tolist() == pytest.approx([0.004, 0.16 / 3, 0.16 / 3])
    assert q_values([0.001, 0.001], [1, 1], 10).tolist() == pytest.approx([0.01, 0.01])  # two hits of one song
    assert q_values([0.5, 0.9], [1, 2], 100).tolist() == [1, 1]
    for wrong in (([0.1, 0.2], [1, 2], 1), ([0.2, 0.1], [1, 2], 9)):
        with pytest.raises(ArgumentError):
            q_values(*wrong)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(40, 80)), min_size=2, max_size=20), st.integers(0, 99))
def test_surrogates_keep_steps_and_lengths(notes: list, seed: int) -> None:
    onset = np.cumsum([step for step, _ in notes]).astype(float)
    pitch = np.array([height for _, height in notes], float)
    other_onset, other_pitch = surrogate(onset, pitch, np.random.default_rng(seed))
    assert sorted(np.diff(other_onset)) == sorted(np.diff(onset))
    assert sorted(np.diff(other_pitch)) == sorted(np.diff(pitch)) and other_pitch[0] == pitch[0]
