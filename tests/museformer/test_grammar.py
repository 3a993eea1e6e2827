from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.datasets import BandMidi
from ritornello.errors import ArgumentError
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import TokenSong, decode, encode, split_bars, text_to_tokens, tokens_to_text
from ritornello.museformer.tokens.grammar import BarGrammar, BarRules, Limits, follows, masks
from ritornello.museformer.tokens.grammar_check import grammar_errors

from .band_songs import band

FAMILY_NAMES = [family.name for family in v.FAMILIES]


def names(mask: np.ndarray) -> set[str]:
    return {v.token_name(int(id)) for id in np.flatnonzero(mask)}


def walk(grammar: BarGrammar, seed: int) -> list[int]:
    """Walk the automaton at random to its end."""
    rng = np.random.default_rng(seed)
    ids: list[int] = []
    while not grammar.is_done:
        ids.append(int(rng.choice(np.flatnonzero(grammar.mask()))))
        grammar.advance(ids[-1])
    return ids


def after(text: str, **settings: object) -> set[str]:
    grammar = BarGrammar(**settings)  # type: ignore[arg-type]
    for word in text.split():
        grammar.advance(v.token_id(word))
    return names(grammar.mask())


def kinds(allowed: set[str]) -> dict[str, set[int]]:
    result: dict[str, set[int]] = {}
    for name in allowed:
        kind, _, number = name.partition("-")
        result.setdefault(kind, set()).add(int(number) if number else 0)
    return result


def test_each_state_offers_what_the_spec_says() -> None:
    assert kinds(after("")) == {"t": set(range(7, 45))}
    assert kinds(after("t-35")) == {"o": set(range(48)), "b": {1}}
    assert kinds(after("t-35 o-3")) == {"i": {80, 128, 43, 25, 0, 48}}
    assert kinds(after("t-35 o-3 i-25")) == {"p": set(range(128))}
    assert kinds(after("t-35 o-3 i-128")) == {"p": set(range(128, 256))}
    assert kinds(after("t-35 o-3 i-25 p-60")) == {"d": set(range(1, 49))}
    assert kinds(after("t-35 o-3 i-25 p-60 d-4")) == {"v": set(range(32))}
    expected = {"p": set(range(60)), "i": {0, 48}, "o": set(range(4, 48)), "b": {1}}
    assert kinds(after("t-35 o-3 i-25 p-60 d-4 v-9")) == expected
    expected = {"p": set(range(128, 164)), "i": {43, 25, 0, 48}, "o": set(range(4, 48)), "b": {1}}
    assert kinds(after("t-35 o-3 i-128 p-164 d-4 v-9")) == expected
    assert kinds(after("t-35 o-47 i-48 p-0 d-4 v-9")) == {"b": {1}}


def test_the_end_comes_between_bars_and_not_too_early() -> None:
    assert "</s>" not in after("t-35 b-1")
    assert "</s>" in after("t-35 b-1", limits=Limits(min_tokens=2))
    assert "</s>" not in after("", limits=Limits(min_tokens=0))  # a song has a bar
    assert "</s>" not in after("t-35 o-3", limits=Limits(min_tokens=0))
    assert after("t-35 b-1 t-35 b-1", limits=Limits(bars=2)) == {"</s>"}
    assert "</s>" not in after("t-35 b-1", limits=Limits(bars=2, min_tokens=0))
    assert after("t-35 b-1", limits=Limits(bars=2), bars=1) == {"</s>"}


def test_control_tokens_are_given_and_never_offered() -> None:
    grammar = BarGrammar(Limits(min_tokens=0), bars=1)
    grammar.advance(v.CONTINUE)
    assert kinds(names(grammar.mask())) == {"t": set(range(7, 45))}
    grammar.advance(v.PLAN0 + 1)
    for token in (v.CONTINUE, v.PLAN0, v.END, v.BAR_END):
        with pytest.raises(ArgumentError, match="not allowed"):
            grammar.advance(token)
    grammar.advance(v.TEMPO0 + 35)
    with pytest.raises(ArgumentError, match="token 4 of bar 2"):
        grammar.advance(v.PLAN0)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(8, 400), st.integers(8, 120), st.integers(0, 200))
def test_any_walk_is_accepted_by_the_checker_and_keeps_its_limits(
    seed: int, max_tokens: int, max_bar_tokens: int, min_tokens: int
) -> None:
    ids = walk(BarGrammar(Limits(None, min_tokens, max_tokens, max_bar_tokens)), seed)
    bars = split_bars(ids)
    assert grammar_errors(bars) == []
    assert ids[-1] == v.END
    assert len(ids) <= max_tokens
    assert max(len(bar) for bar in bars) <= max_bar_tokens
    # Room that is too small for a bar is left unused, more is not.
    assert len(ids) > min(min_tokens, max_tokens - 3)
    song = decode(TokenSong(bars))
    assert sum(len(part.notes) for part in song.parts) == sum(int((bar >= v.VELOCITY0).sum()) - 1 for bar in bars)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.sets(st.sampled_from(FAMILY_NAMES)), st.integers(7, 44))
def test_rules_hold_in_every_bar(seed: int, families: set[str], tempo: int) -> None:
    rules = BarRules(frozenset(families), tempo)
    bars = split_bars(walk(BarGrammar(Limits(bars=3, max_bar_tokens=200), rules), seed))
    assert len(bars) == 3
    assert {int(bar[0]) for bar in bars} == {v.TEMPO0 + tempo}
    used = {int(id) for bar in bars for id in bar if v.INSTRUMENT0 <= id < v.PITCH0}
    assert used <= {v.family(name).token for name in families}


def test_rules_may_differ_from_bar_to_bar() -> None:
    rules = [BarRules(tempo=20), BarRules(tempo=30)]
    bars = split_bars(walk(BarGrammar(Limits(bars=2, max_bar_tokens=50), lambda bar: rules[bar]), 1))
    assert [int(bar[0]) - v.TEMPO0 for bar in bars] == [20, 30]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.sets(st.sampled_from(FAMILY_NAMES)), st.integers(8, 300))
def test_kept_notes_stay_and_only_the_rest_is_new(seed: int, families: set[str], max_bar_tokens: int) -> None:
    bar = encode(band()).bars[1]
    rules = BarRules(frozenset(families), 35, tuple(bar.tolist()))
    (new,) = split_bars(walk(BarGrammar(Limits(bars=1, max_bar_tokens=max_bar_tokens), rules), seed))
    assert grammar_errors([new]) == []
    before, after_ = decode(TokenSong((bar,))), decode(TokenSong((new,)))
    for name, old_part, new_part in zip(FAMILY_NAMES, before.parts, after_.parts, strict=True):
        if name not in families:
            assert np.array_equal(old_part.notes, new_part.notes)


def test_near_the_limit_only_the_shortest_way_out_is_offered() -> None:
    text = "t-35 o-0 i-80 p-60 d-6 v-20"
    for room, expected in ((2, "b"), (3, "b"), (4, "pb"), (5, "pib"), (6, "piob"), (99, "piob")):
        assert set(kinds(after(text, limits=Limits(max_bar_tokens=6 + room)))) == set(expected), room
        assert set(kinds(after(text, limits=Limits(max_tokens=7 + room)))) == set(expected), room


def test_given_bars_are_counted() -> None:
    grammar = BarGrammar(Limits(bars=2))
    grammar.take_bar(40)
    assert (grammar.bars, grammar.tokens) == (1, 40)
    grammar.advance(v.TEMPO0 + 35)
    with pytest.raises(ArgumentError, match="whole bar"):
        grammar.take_bar(40)
    grammar.advance(v.BAR_END)
    assert names(grammar.mask()) == {"</s>"}


def test_masks_stand_in_rows() -> None:
    one, other = BarGrammar(), BarGrammar()
    other.advance(v.TEMPO0 + 35)
    both = masks([one, other])
    assert both.shape == (2, v.SIZE)
    assert np.array_equal(both[0], one.mask()) and np.array_equal(both[1], other.mask())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Limits(bars=0), "0 bars"),
        (lambda: Limits(max_bar_tokens=7), "8 or more"),
        (lambda: BarRules(frozenset({"tuba"})), "tuba"),
        (lambda: BarRules(tempo=6), "7 to 44"),
    ],
)
def test_impossible_wishes_are_refused(make, reason: str) -> None:
    with pytest.raises(ArgumentError, match=reason):
        make()


BAD_BARS = {
    "no tempo": ("o-0 i-80 p-60 d-6 v-20 b-1", "kind o cannot follow the bar line"),
    "two tempi": ("t-35 t-35 b-1", "kind t cannot follow t"),
    "not closed": ("t-35 o-0 i-80 p-60 d-6 v-20", "not closed"),
    "slow": ("t-6 b-1", "does not belong"),
    "equal onsets": ("t-35 o-3 i-80 p-60 d-6 v-20 o-3 i-0 p-60 d-6 v-20 b-1", "onset 3 after onset 3"),
    "late onset": ("t-35 o-48 i-80 p-60 d-6 v-20 b-1", "does not belong"),
    "families": ("t-35 o-3 i-0 p-60 d-6 v-20 i-25 p-60 d-6 v-20 b-1", "families out of order"),
    "family twice": ("t-35 o-3 i-0 p-60 d-6 v-20 i-0 p-50 d-6 v-20 b-1", "families out of order"),
    "rising": ("t-35 o-3 i-0 p-60 d-6 v-20 p-61 d-6 v-20 b-1", "pitch 61 after pitch 60"),
    "equal": ("t-35 o-3 i-0 p-60 d-6 v-20 p-60 d-6 v-20 b-1", "pitch 60 after pitch 60"),
    "drum": ("t-35 o-3 i-0 p-160 d-6 v-20 b-1", "pitch 160 does not belong"),
    "no drum": ("t-35 o-3 i-128 p-60 d-6 v-20 b-1", "pitch 60 does not belong"),
    "no velocity": ("t-35 o-3 i-80 p-60 d-6 b-1", "kind b cannot follow d"),
    "no length": ("t-35 o-3 i-80 p-60 d-0 v-20 b-1", "does not belong"),
    "too long": ("t-35 o-3 i-80 p-60 d-49 v-20 b-1", "does not belong"),
    "no note": ("t-35 o-3 i-80 b-1", "kind b cannot follow i"),
    "plan first": ("u-1 <c> t-35 b-1", "kind c cannot follow u"),
    "plan": ("u-3 t-35 b-1", "does not belong"),
    "old bar": ("t-35 b-0", "does not belong"),
    "after the end": ("t-35 b-1 t-35", "kind t cannot follow b"),
}


@pytest.mark.parametrize(("text", "reason"), BAD_BARS.values(), ids=BAD_BARS)
def test_both_refuse_a_bar_that_breaks_the_grammar(text: str, reason: str) -> None:
    bar = np.array([v.token_id(word) for word in text.split()])
    errors = grammar_errors([encode(band()).bars[0], bar])
    assert reason in "; ".join(str(error) for error in errors)
    assert all(error.bar == 2 for error in errors)
    assert not follows([bar])


def test_both_accept_control_tokens_before_the_tempo() -> None:
    for text in ("<c> u-2 t-35 b-1", "<c> t-35 b-1", "u-0 t-35 b-1"):
        assert grammar_errors(text_to_tokens(text)) == []
        assert follows(text_to_tokens(text))


def test_an_error_says_where_it_is() -> None:
    (error,) = grammar_errors(text_to_tokens("t-35 b-1 t-35 o-3 i-0 p-60 d-6 v-20 p-61 d-6 v-20 b-1"))
    assert str(error) == "bar 2, token 7: pitch 61 after pitch 60"


def test_real_bars_are_accepted_by_both(data_folder: Path) -> None:
    path = data_folder / "band-midi.zip"
    if not path.exists():
        pytest.skip("band-midi.zip is not in the data folder")
    data = BandMidi(path)
    for id in data.ids[50::150]:
        bars = encode(data.load(id)).bars
        assert grammar_errors(bars) == [], id
        assert follows(bars), id


def test_a_broken_real_bar_is_found_by_both() -> None:
    bar = encode(band()).bars[0]
    rng = np.random.default_rng(0)
    found = agreed = 0
    for _ in range(300):
        broken = bar.copy()
        broken[rng.integers(len(bar))] = rng.integers(v.SIZE)
        is_wrong = bool(grammar_errors([broken]))
        found += is_wrong
        agreed += is_wrong != follows([broken])
    assert agreed == 300, tokens_to_text([bar])
    assert 200 < found < 300  # some changes, such as of a velocity, make another good bar
