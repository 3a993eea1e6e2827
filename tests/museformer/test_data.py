from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ritornello.museformer.attention.bars import NO_SOURCE, STRUCTURE_OFFSETS
from ritornello.museformer.attention.sequence import IGNORED, BarSequence
from ritornello.museformer.data import (
    FREE,
    REPEAT,
    VARY,
    ExampleMix,
    Examples,
    bar_similarity,
    mark_jumps,
    plan_labels,
)
from ritornello.museformer.tokens import vocabulary as v
from ritornello.training.shards import TokenShards

from .token_songs import bar, random_bars, write_songs

A = bar((0, 60, 12), (12, 64, 12), (24, 67, 12), (36, 72, 12))
A_LOUDER = np.where((v.VELOCITY0 <= A) & (A < v.TEMPO0), A + 3, A)
A_VARIED = bar((0, 60, 12), (12, 64, 12), (24, 67, 12), (36, 71, 12))  # 3 notes of 5 in common
B = bar((6, 50, 30), (30, 52, 6))
EMPTY = bar()


@pytest.fixture
def shards(tmp_path: Path) -> TokenShards:
    rng = np.random.default_rng(5)
    return write_songs(tmp_path / "tokens", [random_bars(rng, count) for count in (40, 3, 25, 60, 1)])


def examples(shards: TokenShards, window: int = 200, infill: float = 0.0, plan: float = 0.0, seed: int = 0) -> Examples:
    mix = ExampleMix(window, infill, plan, STRUCTURE_OFFSETS)
    return Examples(shards, range(len(shards)), mix, seed)


def test_a_bar_repeats_the_nearest_of_those_it_is_most_alike() -> None:
    labels, sources = plan_labels([A, B, A, A_VARIED, EMPTY, A_LOUDER, B])
    assert labels == [FREE, FREE, REPEAT, VARY, FREE, REPEAT, REPEAT]
    assert sources == [NO_SOURCE, NO_SOURCE, 0, 2, NO_SOURCE, 2, 1]


def test_empty_bars_repeat_nothing() -> None:
    assert plan_labels([EMPTY, EMPTY, A]) == ([FREE] * 3, [NO_SOURCE] * 3)


def test_tokens_of_order_and_plan_are_no_notes() -> None:
    marked = [A, np.append([v.CONTINUE, v.PLAN0 + 1], A)]
    assert bar_similarity(marked)[0, 1] == 1


def test_similarity_counts_common_notes_over_all() -> None:
    drums = np.array([v.TEMPO0, v.ONSET0, v.INSTRUMENT0 + 5, v.DRUM_PITCH0 + 36, v.DURATION0 + 12, v.VELOCITY0, 5])
    longer = bar((0, 60, 13), (12, 64, 12), (24, 67, 12), (36, 72, 12))
    alike = bar_similarity([A, A_VARIED, longer, drums, EMPTY])
    expected = [[1, 3 / 5, 3 / 5, 0, 0], [3 / 5, 1, 2 / 6, 0, 0]]
    np.testing.assert_allclose(alike[:2], expected)
    np.testing.assert_allclose(alike, alike.T)
    assert alike[4, 4] == 0


def test_some_runs_of_a_plan_are_left_free() -> None:
    bars = [tokens for tokens in random_bars(np.random.default_rng(0), 200) for _ in range(2)]
    full, _ = plan_labels(bars)
    partial, sources = plan_labels(bars, np.random.default_rng(0))
    freed = [mine != theirs for mine, theirs in zip(partial, full, strict=True)]
    assert 0.2 < np.mean([is_freed for is_freed, label in zip(freed, full, strict=True) if label != FREE]) < 0.4
    assert all(label == FREE for label, is_freed in zip(partial, freed, strict=True) if is_freed)
    assert all((label == FREE) == (source == NO_SOURCE) for label, source in zip(partial, sources, strict=True))


def test_a_bar_that_does_not_follow_its_predecessor_says_so() -> None:
    marked = mark_jumps([A, B, A, B, A], [1, 2, 5, 6, 3])
    assert [int(tokens[0] == v.CONTINUE) for tokens in marked] == [0, 0, 1, 0, 1]
    assert mark_jumps([A], [4])[0].tolist() == [v.CONTINUE, *A]


def assert_is_well_made(sequence: BarSequence, window: int) -> None:
    """What holds for every example."""
    assert sequence.ids[0] == v.START
    assert len(sequence.ids) <= window
    learned = sequence.targets[sequence.targets != IGNORED]
    assert (learned < v.CONTINUE).all()
    inner = sequence.targets[:-1]
    assert ((inner == sequence.ids[1:]) | (sequence.ids[1:] >= v.CONTINUE)).all()
    firsts = sequence.ids[sequence.starts[:-1]]
    follows = np.diff(sequence.order, prepend=0) == 1
    assert np.array_equal(firsts == v.CONTINUE, ~follows)
    assert not np.triu(sequence.fine).any()


def test_plain_examples_are_windows_of_songs_in_order(shards: TokenShards) -> None:
    stream = examples(shards)
    for index in range(2 * len(stream)):
        sequence = stream[index]
        assert_is_well_made(sequence, 200)
        assert (np.diff(sequence.order) == 1).all()
        assert (sequence.sources == NO_SOURCE).all()
        assert (sequence.ids[2:] < v.CONTINUE).all()


def test_the_end_is_learned_where_a_song_ends_and_only_there(shards: TokenShards) -> None:
    stream = examples(shards)
    songs = [shards[index] for index in range(len(shards))]
    ended = 0
    for index in range(3 * len(stream)):
        sequence = stream[index]
        end = int(sequence.targets[-1]) == v.END
        ended += end
        tokens = sequence.ids[sequence.starts[0] :]
        tokens = tokens[tokens < v.CONTINUE].tolist()
        if end:
            assert any(song.tokens[-len(tokens) :].tolist() == tokens for song in songs)
        else:
            assert not any(song.tokens.tolist() == tokens for song in songs)
    assert ended


def test_a_song_whose_last_bar_found_no_room_does_not_end(tmp_path: Path) -> None:
    shards = write_songs(tmp_path / "tokens", [[A, B, A]])
    tokens = len(A) + len(B) + len(A)
    assert examples(shards, tokens + 1)[0].targets[-1] == v.END
    for window in (tokens + 1, tokens + 2):  # two <c> need more
        sequence = examples(shards, window, infill=1.0)[0]
        assert sequence.bars == 2
        assert (sequence.targets != v.END).all()


def test_infill_examples_write_up_to_eight_bars_last(shards: TokenShards) -> None:
    stream = examples(shards, infill=1.0)
    moved = 0
    for index in range(2 * len(stream)):
        sequence = stream[index]
        assert_is_well_made(sequence, 200)
        if sequence.bars <= 2:  # too few to leave some out
            continue
        assert (sequence.targets != v.END).all()
        falls = np.flatnonzero(np.diff(sequence.order) < 0)
        assert len(falls) <= 1
        if len(falls):
            moved += 1
            context, refilled = sequence.order[: falls[0] + 1], sequence.order[falls[0] + 1 :]
            assert 1 <= len(refilled) <= 8
            assert (np.diff(refilled) == 1).all()
            assert not set(context) & set(refilled)
            assert (np.diff(context) > 0).all()
    assert moved > len(stream) / 2


def test_plan_examples_begin_every_bar_with_its_label(tmp_path: Path) -> None:
    shards = write_songs(tmp_path / "tokens", [[A, B, A, A_VARIED] * 6])
    stream = examples(shards, plan=1.0)
    seen = set()
    for index in range(20):
        sequence = stream[index]
        assert_is_well_made(sequence, 200)
        is_marked = sequence.ids[sequence.starts[:-1]] == v.CONTINUE
        labels = sequence.ids[sequence.starts[:-1] + is_marked] - v.PLAN0
        whole = labels >= 0  # of a cut bar only <c> may be left
        assert whole[:-1].all()
        assert set(labels[whole]) <= {FREE, REPEAT, VARY}
        assert np.array_equal(labels[whole] == FREE, sequence.sources[whole] == NO_SOURCE)
        for place, source in enumerate(sequence.sources):
            if source != NO_SOURCE:
                assert source < place
                assert sequence.fine[place, source]
        seen |= set(labels[whole])
    assert seen == {FREE, REPEAT, VARY}


def test_an_example_is_a_function_of_seed_and_number(shards: TokenShards) -> None:
    first, again, other = (examples(shards, infill=0.3, plan=0.3, seed=seed) for seed in (1, 1, 2))
    numbers = [*range(3 * len(first))]
    forwards = [first[number].ids.tolist() for number in numbers]
    backwards = [again[number].ids.tolist() for number in reversed(numbers)]
    assert forwards == backwards[::-1]
    assert forwards != [other[number].ids.tolist() for number in numbers]


def test_epochs_differ_in_order(shards: TokenShards) -> None:
    stream = examples(shards)
    count = len(stream)
    assert [stream[n].ids.tolist() for n in range(count)] != [stream[count + n].ids.tolist() for n in range(count)]


def test_every_epoch_begins_every_song_at_its_first_bar(shards: TokenShards) -> None:
    stream = examples(shards)
    begins = {tuple(shards[index].bars[0]) for index in range(len(shards))}
    for epoch in range(2):
        sequences = [stream[epoch * len(stream) + n] for n in range(len(stream))]
        assert begins <= {tuple(s.ids[s.starts[0] : s.starts[1]]) for s in sequences if s.order[0] == 1}


def test_a_window_that_holds_the_song_is_the_song(tmp_path: Path) -> None:
    bars = random_bars(np.random.default_rng(1), 12)
    sequence = examples(write_songs(tmp_path / "tokens", [bars]), 100_000)[0]
    assert sequence.ids.tolist() == [v.START, *np.concatenate(bars)]
    assert sequence.targets[-1] == v.END


def test_every_bar_of_every_song_comes_up_in_a_few_epochs(shards: TokenShards) -> None:
    stream = examples(shards)
    songs = [[tuple(tokens) for tokens in shards[index].bars] for index in range(len(shards))]
    found = set()
    for number in range(12 * len(stream)):
        sequence = stream[number]
        bars = [tuple(tokens[tokens < v.CONTINUE]) for tokens in np.split(sequence.ids, sequence.starts[:-1])[1:]]
        first = int(sequence.order[0]) - 1
        for index, song in enumerate(songs):
            if song[first : first + len(bars) - 1] == bars[:-1]:
                whole = len(bars) - (song[first + len(bars) - 1] != bars[-1])
                found |= {(index, first + place) for place in range(whole)}
    assert found == {(index, place) for index, song in enumerate(songs) for place in range(len(song))}
