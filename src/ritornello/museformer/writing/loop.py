"""The loop that writes: pieces side by side, token by token, each under its grammar and its wishes.

One thread does it: the products of a step are too small to be shared, and threads that wait for each other on a machine
that does something else take ten times as long and more (measured).

Museformer (Yu et al., NeurIPS 2022) samples with top-k 8 at temperature 1. Ours: everything else. Pieces go through the
network together, each in its own bar; one that is done gives its place to the next. A piece has a random generator of
its own, so that it does not depend on its neighbours. Control tokens and copied bars are fed, not sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ritornello.errors import ArgumentError
from ritornello.museformer.decoding.decoder import Decoder
from ritornello.museformer.decoding.full_decoder import FullDecoder
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import Ids
from ritornello.museformer.tokens.grammar import BarGrammar, Mask
from ritornello.museformer.writing.plan import MAX_BARS
from ritornello.museformer.writing.task import Task
from ritornello.nn.sampling import SamplingSettings, sample

PLACES = 16
"""Pieces that are written side by side."""

EXPECTED_BARS = 95
"""Bars of a song whose length is left to the model, for progress only (mean of the paper's songs)."""

Progress = Callable[[int, int], None]
"""Called with (bars written, bars in all, an estimate where the model decides)."""


@dataclass(frozen=True, eq=False)
class Written:
    """What came of a task.

    Attributes:
        bars: tokens of all bars by musical number, given ones included, without control tokens; silent bars at the end
            of a song whose length was left to the model are no part of it.
        new_bars: musical numbers of the bars that were written.
        new_tokens: tokens that were written, control tokens left out.
        is_ended: whether the model ended the song itself, before a limit did.
    """

    bars: dict[int, Ids]
    new_bars: tuple[int, ...]
    new_tokens: int
    is_ended: bool


def piece_seed(*numbers: int) -> int:
    """Return the seed of a piece's random generator: pieces of neighbouring numbers have nothing in common.

    Args:
        numbers: 0 or more each: the seed that was asked for, and the piece's number.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def write(
    network: MuseformerNetwork,
    tasks: Sequence[Task],
    seeds: Sequence[int],
    sampling: SamplingSettings,
    *,
    places: int = PLACES,
    dtype: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> list[Written]:
    """Write pieces.

    Args:
        network: the network, in evaluation mode.
        tasks: what to write.
        seeds: for each task the seed of its random generator, 0 or more.
        sampling: how tokens are drawn.
        places: how many pieces are written side by side.
        dtype: of the decoder's matrices and caches.
        progress: see `Progress`.

    Returns:
        One result a task, in order.

    Raises:
        ArgumentError: if tasks and seeds differ in number, or a network of full attention is to write out of order.
    """
    if len(tasks) != len(seeds):
        raise ArgumentError(f"{len(tasks)} tasks need as many seeds, not {len(seeds)}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _write(network, tasks, seeds, sampling, places, dtype, progress)
    finally:
        torch.set_num_threads(threads)


def _write(
    network: MuseformerNetwork,
    tasks: Sequence[Task],
    seeds: Sequence[int],
    sampling: SamplingSettings,
    places: int,
    dtype: torch.dtype,
    progress: Progress | None,
) -> list[Written]:
    decoder = _decoder(network, max(1, min(places, len(tasks))), dtype)
    waiting = list(range(len(tasks)))
    pieces: dict[int, _Piece] = {}
    done: dict[int, Written] = {}
    total = sum(_expected(task) for task in tasks)
    while waiting or pieces:
        for place in range(min(places, len(tasks))):
            if place not in pieces and waiting:
                index = waiting.pop(0)
                pieces[place] = _Piece(index, tasks[index], seeds[index])
                pieces[place].logits = _begin(decoder, place, tasks[index])
        _choose(list(pieces.values()), sampling)
        _put_away(pieces, done)
        if pieces:
            logits = decoder.step([piece.take() for piece in pieces.values()], list(pieces))
            for piece, row in zip(pieces.values(), logits, strict=True):
                piece.logits = row
        _put_away(pieces, done)
        if progress is not None and any(piece.at_bar_start for piece in pieces.values()):
            bars = sum(len(piece.new) for piece in pieces.values()) + sum(len(each.new_bars) for each in done.values())
            progress(min(bars, total), total)
    if progress is not None:
        progress(total, total)
    return [done[index] for index in range(len(tasks))]


class _Piece:
    """A piece under way: its grammar, what it must take next, what it has taken."""

    def __init__(self, index: int, task: Task, seed: int) -> None:
        self.index, self.task = index, task
        self.generator = np.random.default_rng(seed)
        self.logits = torch.zeros(v.SIZE)
        self.bars = {task.number(place): bar for place, bar in enumerate(task.given)}
        self.new: list[int] = []
        self.is_done = self.is_ended = False
        self._place = len(task.given)
        self._bar: list[int] = []
        self._last, self._onset = v.START, 0
        self._has_notes = any(len(bar) > 2 for bar in task.given)
        self._forced: list[int] = []
        self._is_copy = False
        tokens = sum(len(bar) for bar in task.given)
        self._grammar = BarGrammar(task.limits, task.rules_at, tokens=tokens, bars=self._place)
        self._next: int | None = None
        self._last_number = MAX_BARS + 4 if task.order is None else max(task.order)
        self._begin_bar()

    @property
    def at_bar_start(self) -> bool:
        """Whether the last bar is whole and the next not begun."""
        return not self._bar

    @property
    def is_forced(self) -> bool:
        """Whether the next token is given."""
        return bool(self._forced)

    def mask(self) -> Mask:
        """Return which tokens may come next."""
        mask = self._grammar.mask()
        if v.TEMPO0 <= self._last < v.CONTINUE:
            # Empty bars at the ends of a song are no part of it: the first and the last bar have a note.
            if mask[v.BAR_END] and mask.sum() > 1 and self._needs_notes():
                mask = mask.copy()
                mask[v.BAR_END] = False
        elif v.PITCH0 <= self._last < v.DURATION0 and self._bars_left < 4 and mask.sum() > 1:
            # No note rings beyond the last bar of a song whose length is known; a note has at most four bars.
            room = v.BAR_POSITIONS * (self._bars_left + 1) - self._onset
            mask = mask.copy()
            mask[v.DURATION0 + int(v.encode_duration(room)) + 1 : v.VELOCITY0] = False
        return mask

    def choose(self, token: int) -> None:
        """Note the sampled token."""
        self._next = token
        if token == v.END and not self._bar:
            self.is_done = True
            self.is_ended = bool(self._grammar.mask().sum() > 1)

    def take(self) -> int:
        """Return the next token and count it as taken."""
        if self._forced:
            token = self._forced.pop(0)
        else:
            assert self._next is not None
            token, self._next = self._next, None
        if not self._is_copy:
            self._grammar.advance(token)
        self._last = token
        if v.ONSET0 <= token < v.INSTRUMENT0:
            self._onset = token - v.ONSET0
        if token < v.CONTINUE:
            self._bar.append(token)
        if token == v.BAR_END:
            self._end_bar()
        return token

    def written(self) -> Written:
        """Return the result."""
        bars, new = dict(sorted(self.bars.items())), sorted(self.new)
        tokens = sum(len(bars[number]) for number in new)
        while self.task.order is None and new and len(bars[new[-1]]) == 2:
            del bars[new.pop()]
        return Written(bars, tuple(new), tokens, self.is_ended)

    def _needs_notes(self) -> bool:
        return not self._bars_left or (self.task.number(self._place) == 1 and not self._has_notes)

    def _begin_bar(self) -> None:
        self._is_copy = False
        self._bars_left = self._last_number - self.task.number(self._place)
        self._forced = self.task.control_tokens(self._place)
        source = self.task.copied(self._place)
        if source is not None:
            self._is_copy = True
            copy = self.bars[source].astype(int).tolist()
            tempo = self.task.rules_at(self._place).tempo
            if tempo is not None:
                copy[0] = v.TEMPO0 + tempo
            self._forced += copy

    def _end_bar(self) -> None:
        if self._is_copy:
            self._grammar.take_bar(len(self._bar))
        number = self.task.number(self._place)
        self.bars[number] = np.array(self._bar, dtype=np.int16)
        self.new.append(number)
        self._has_notes |= len(self._bar) > 2
        self._bar = []
        self._place += 1
        if self.task.is_whole(self._place):
            self.is_done = True
        else:
            self._begin_bar()


def _put_away(pieces: dict[int, _Piece], done: dict[int, Written]) -> None:
    """Move the pieces that are done from their places to the results."""
    for place in [place for place, piece in pieces.items() if piece.is_done]:
        piece = pieces.pop(place)
        done[piece.index] = piece.written()


def _choose(pieces: Sequence[_Piece], sampling: SamplingSettings) -> None:
    """Draw the next token of each piece whose next token is not given."""
    free = [piece for piece in pieces if not piece.is_forced]
    if not free:
        return
    masks = np.stack([piece.mask() for piece in free])
    logits = torch.stack([piece.logits for piece in free])
    tokens = sample(logits, masks, [piece.generator for piece in free], sampling)
    for piece, token in zip(free, tokens.tolist(), strict=True):
        piece.choose(token)


def _expected(task: Task) -> int:
    bars = EXPECTED_BARS if task.order is None else len(task.order)
    return max(1, bars - len(task.given))


def _decoder(network: MuseformerNetwork, pieces: int, dtype: torch.dtype) -> Decoder | FullDecoder:
    if network.config.variant == "full":
        return FullDecoder(network, pieces, dtype)
    return Decoder(network, pieces, dtype)


def _begin(decoder: Decoder | FullDecoder, place: int, task: Task) -> torch.Tensor:
    prompt = task.prompt(decoder.config.offsets)
    if isinstance(decoder, FullDecoder):
        if task.plan is not None or (task.order is not None and list(task.order) != sorted(task.order)):
            raise ArgumentError("full attention writes forward only: no infill, no plan")
        return decoder.begin(place, prompt)
    return decoder.begin(place, prompt, task.order, task.sources)
