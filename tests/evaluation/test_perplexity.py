from __future__ import annotations

import numpy as np
import pytest

from ritornello.errors import ArgumentError
from ritornello.evaluation.perplexity import paired_log_difference, perplexity_at


def test_tokens_are_pooled_over_songs() -> None:
    songs = [np.log([2.0, 2.0, 8.0, 8.0]), np.log([2.0])]
    found = perplexity_at(songs, lengths=(1, 2, 4))
    assert found[1].value == pytest.approx(2)
    assert found[2].value == pytest.approx(2)  # the short song counts with what it has
    assert found[4].value == pytest.approx(2 ** ((1 + 1 + 3 + 3 + 1) / 5))
    assert found[4].low == pytest.approx(2) and found[4].high == pytest.approx(4)  # either song alone
    uniform = perplexity_at([np.full(50, np.log(560))] * 3, lengths=(10,))[10]
    assert (uniform.value, uniform.low, uniform.high) == (pytest.approx(560),) * 3


def test_songs_are_drawn_whole() -> None:
    rng = np.random.default_rng(0)
    levels = rng.normal(0.5, 0.1, 100)
    songs = [np.full(400, level) for level in levels]
    found = perplexity_at(songs, lengths=(400,))[400]
    spread = 1.96 * levels.std() / 10
    assert np.log(found.low) == pytest.approx(levels.mean() - spread, abs=0.004)
    assert np.log(found.high) == pytest.approx(levels.mean() + spread, abs=0.004)


def test_the_difference_is_paired() -> None:
    rng = np.random.default_rng(1)
    hard = [rng.normal(1, 0.5) + rng.normal(0, 0.1, rng.integers(50, 200)) for _ in range(60)]
    easier = [song - 0.01 - rng.normal(0, 0.02, len(song)) for song in hard]
    difference = paired_log_difference(easier, hard, 100)
    both = [perplexity_at(songs, lengths=(100,))[100] for songs in (easier, hard)]
    assert difference.value == pytest.approx(np.log(both[0].value / both[1].value))
    assert difference.high < 0  # although the intervals of the two overlap almost wholly
    assert both[0].high > both[1].low
    assert paired_log_difference(hard, hard, 100).high == 0
    back = paired_log_difference(hard, easier, 100)
    assert (back.value, back.low, back.high) == pytest.approx((-difference.value, -difference.high, -difference.low))


def test_wrong_arguments_are_refused() -> None:
    song = [0.5, 0.5]
    for nlls, length in (([], 1), ([[]], 1), ([[float("nan")]], 1), ([song], 0)):
        with pytest.raises(ArgumentError):
            perplexity_at(nlls, lengths=(length,))
    with pytest.raises(ArgumentError, match="same songs"):
        paired_log_difference([song], [song, song], 2)
    with pytest.raises(ArgumentError, match="song 1"):
        paired_log_difference([song], [song[:1]], 2)
    assert paired_log_difference([song], [song[:1]], 1).value == 0  # beyond the length nothing is compared
