"""Which token may come next: the grammar of a bar as a finite automaton that masks the sampler.

A bar is ``[<c>] [u-k] t-x ( o-k ( i-y ( p d v )+ )+ )* b-1``: onsets rise, families within an onset stand in the order
of `FAMILIES`, pitches within a family fall. ``</s>`` stands between bars only. What `tokens.encode` never writes is not
offered either: tempi beyond 24 to 200, durations of no length or above 16 beats, onsets beyond the bar.

Ours, beyond the paper: a song can be held to a number of bars, a bar to some families, to a tempo, and to notes of the
other families that are to stay as they are. Near a limit only that is offered which leaves room for the shortest legal
end, so limits are kept exactly and no bar is left open.

A mask takes about 3 microseconds: rows are filled by slices, there is nothing to look up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.museformer.tokens import vocabulary as v

Mask = NDArray[np.bool_]
"""``(560,)``: which ids may come next."""

_RANKS = range(len(v.FAMILIES))
_DRUM_RANK = next(rank for rank in _RANKS if v.FAMILIES[rank].is_drums)
_RANK_OF_TOKEN = {token: rank for rank, token in enumerate(v.FAMILY_TOKENS)}

# Tokens that a choice costs at least, until the bar is closed, its b-1 included.
_PITCH_COST, _FAMILY_COST, _ONSET_COST, _BAR_COST, _NOTE_COST = 4, 5, 6, 2, 5


@dataclass(frozen=True)
class Limits:
    """How long a song may get.

    Attributes:
        bars: number of bars; ``</s>`` is forced after them and impossible before. None leaves it to the model.
        min_tokens: tokens before which ``</s>`` is impossible, where ``bars`` is None (paper: 2,048).
        max_tokens: most tokens in all, ``</s>`` at the end included (paper: 20,480).
        max_bar_tokens: most tokens of a bar. The longest of 1,490 band songs has 1,348.
    """

    bars: int | None = None
    min_tokens: int = 2_048
    max_tokens: int = 20_480
    max_bar_tokens: int = 2_048

    def __post_init__(self) -> None:
        if self.bars is not None and self.bars < 1:
            raise ArgumentError(f"{self.bars} bars make no song; ask for 1 or more")
        if self.max_bar_tokens < 8 or self.max_tokens < 8:
            raise ArgumentError(
                "max_tokens and max_bar_tokens must be 8 or more: a bar with one note takes 7 and an end"
            )


@dataclass(frozen=True)
class BarRules:
    """What a bar is held to.

    Attributes:
        families: names of the families that may play, such as ``"bass"``; None for all.
        tempo: tempo step of its ``t-`` token, `MIN_TEMPO_STEP` to `MAX_TEMPO_STEP`; None leaves it to the model.
        kept: ids of a bar whose notes in the other families stay as they are; they are forced where they belong.
    """

    families: frozenset[str] | None = None
    tempo: int | None = None
    kept: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in self.families or ():
            v.family(name)
        if self.tempo is not None and not v.MIN_TEMPO_STEP <= self.tempo <= v.MAX_TEMPO_STEP:
            raise ArgumentError(f"tempo step {self.tempo} is out of range {v.MIN_TEMPO_STEP} to {v.MAX_TEMPO_STEP}")


class _Phase(IntEnum):
    """What was last: each name says what must come next."""

    BAR = 0
    TEMPO = 1  # after <c> or u-k
    ONSET = 2  # after t-x: no note in the bar yet
    FAMILY = 3
    PITCH = 4
    DURATION = 5
    VELOCITY = 6
    ANY = 7  # after a whole note
    DONE = 8


_Note = tuple[int, int, int, int, int]  # onset, rank, and the ids of pitch, duration, velocity


class BarGrammar:
    """The state of one song while it is sampled: ask for `mask`, sample, `advance`.

    Args:
        limits: how long the song may get.
        rules: what its bars are held to: the same for all, or a function of the bar's number from 0, in the order of
            generation.
        tokens: tokens that are there already, those of a prompt's whole bars.
        bars: bars that are there already.

    Attributes:
        tokens: tokens so far.
        bars: whole bars so far.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        rules: BarRules | Callable[[int], BarRules] | None = None,
        *,
        tokens: int = 0,
        bars: int = 0,
    ) -> None:
        self.limits = limits or Limits()
        self.tokens = tokens
        self.bars = bars
        self._rules = rules if callable(rules) else lambda _bar, fixed=rules or BarRules(): fixed
        self._phase = _Phase.BAR
        self._mask: Mask | None = None
        self._begin_bar()

    @property
    def at_bar_start(self) -> bool:
        """Whether the last bar is whole and the next not begun."""
        return self._phase == _Phase.BAR

    @property
    def is_done(self) -> bool:
        """Whether the song has ended with ``</s>``."""
        return self._phase == _Phase.DONE

    def mask(self) -> Mask:
        """Return which ids may come next, bool ``(560,)``, at least one unless the song is done; do not write to it."""
        if self._mask is None:
            self._mask = self._compose()
        return self._mask

    def advance(self, token: int) -> None:
        """Take the next token: a sampled one that the mask allows, or a given ``<c>`` or ``u-k`` before a bar.

        Raises:
            ArgumentError: if the token is not allowed here.
        """
        is_control = (token == v.CONTINUE and self._phase == _Phase.BAR) or (
            v.PLAN0 <= token < v.PLAN0 + v.PLAN_KINDS and self._phase <= _Phase.TEMPO and not self._is_planned
        )
        if not is_control and not (0 <= token < v.SIZE and self.mask()[token]):
            raise ArgumentError(f"token {token} is not allowed as token {self._in_bar + 1} of bar {self.bars + 1}")
        self._mask = None
        self.tokens += 1
        self._in_bar += 1
        if is_control:
            self._phase = _Phase.TEMPO
            self._is_planned |= token >= v.PLAN0
        else:
            self._move(token)

    def take_bar(self, length: int) -> None:
        """Count a given whole bar of so many tokens.

        Raises:
            ArgumentError: if a bar is under way.
        """
        if not self.at_bar_start:
            raise ArgumentError("a given bar can only follow a whole bar")
        self.tokens += length
        self.bars += 1
        self._begin_bar()

    def _begin_bar(self) -> None:
        is_last = self.limits.bars is not None and self.bars >= self.limits.bars
        rules = BarRules() if is_last else self._rules(self.bars)
        self._phase, self._mask = _Phase.BAR, None
        self._in_bar, self._onset, self._rank, self._pitch = 0, -1, -1, 0
        self._is_planned = False
        self._tempo = rules.tempo
        names = rules.families
        self._free = tuple(rank for rank in _RANKS if names is None or v.FAMILIES[rank].name in names)
        self._kept = [note for note in _notes(rules.kept) if note[1] not in self._free] if rules.kept else []

    def _move(self, token: int) -> None:
        phase = self._phase
        if phase == _Phase.VELOCITY:
            self._phase = _Phase.ANY
            if self._rank not in self._free:
                self._kept.pop(0)
        elif phase == _Phase.DURATION:
            self._phase = _Phase.VELOCITY
        elif v.PITCH0 <= token < v.DURATION0:
            self._phase, self._pitch = _Phase.DURATION, token
        elif v.INSTRUMENT0 <= token < v.PITCH0:
            self._phase, self._rank, self._pitch = _Phase.PITCH, _RANK_OF_TOKEN[token], v.DURATION0
        elif v.ONSET0 <= token < v.INSTRUMENT0:
            self._phase, self._onset, self._rank = _Phase.FAMILY, token - v.ONSET0, -1
        elif token == v.BAR_END:
            self.bars += 1
            self._begin_bar()
        elif token == v.END:
            self._phase = _Phase.DONE
        else:
            self._phase = _Phase.ONSET

    def _compose(self) -> Mask:
        mask = np.zeros(v.SIZE, dtype=bool)
        phase = self._phase
        if phase in (_Phase.BAR, _Phase.TEMPO):
            self._allow_start(mask, phase == _Phase.TEMPO)
        elif phase == _Phase.PITCH:
            self._allow_pitches(mask)
        elif phase == _Phase.DURATION:
            if self._rank in self._free:
                mask[v.DURATION0 + v.MIN_DURATION_BUCKET : v.DURATION0 + v.MAX_DURATION_BUCKET + 1] = True
            else:
                mask[self._kept[0][3]] = True
        elif phase == _Phase.VELOCITY:
            if self._rank in self._free:
                mask[v.VELOCITY0 : v.TEMPO0] = True
            else:
                mask[self._kept[0][4]] = True
        elif phase != _Phase.DONE:
            self._allow_events(mask, phase)
        return mask

    def _allow_start(self, mask: Mask, is_begun: bool) -> None:
        limits = self.limits
        if not is_begun:
            full = self.bars >= limits.bars if limits.bars is not None else False
            if full or limits.max_tokens - self.tokens <= _BAR_COST:
                mask[v.END] = True
                return
            mask[v.END] = limits.bars is None and self.bars > 0 and self.tokens >= limits.min_tokens
        if self._tempo is not None:
            mask[v.TEMPO0 + self._tempo] = True
        else:
            mask[v.TEMPO0 + v.MIN_TEMPO_STEP : v.TEMPO0 + v.MAX_TEMPO_STEP + 1] = True

    def _allow_pitches(self, mask: Mask) -> None:
        """The pitches below the last one of this family at this onset, or the one that is kept."""
        if self._rank not in self._free:
            mask[self._kept[0][2]] = True
        elif self._rank == _DRUM_RANK:
            mask[v.DRUM_PITCH0 : self._pitch] = True
        else:
            mask[v.PITCH0 : min(self._pitch, v.DRUM_PITCH0)] = True

    def _allow_events(self, mask: Mask, phase: _Phase) -> None:
        """After a tempo, an onset or a whole note: what the kept note that comes next leaves free, and itself."""
        onset, rank = self._onset, self._rank
        kept = self._kept[0] if self._kept else None
        is_due = kept is not None and kept[0] == onset
        # One token of the song is the </s> at its end; a kept note may take as many as any note.
        room = min(self.limits.max_bar_tokens - self._in_bar, self.limits.max_tokens - 1 - self.tokens)
        room -= _NOTE_COST * len(self._kept)
        if phase == _Phase.ANY:
            if rank not in self._free:
                if is_due and kept is not None and kept[1] == rank:
                    mask[kept[2]] = True  # the kept notes of a family stand together
                    return
            elif room >= _PITCH_COST:
                self._allow_pitches(mask)
        if phase != _Phase.ONSET and (room >= _FAMILY_COST or phase == _Phase.FAMILY):
            before = kept[1] if is_due and kept is not None else len(_RANKS)
            for free in self._free:
                if rank < free < before:
                    mask[v.FAMILY_TOKENS[free]] = True
        if is_due and kept is not None:
            mask[v.FAMILY_TOKENS[kept[1]]] = True
        elif phase != _Phase.FAMILY:
            last = kept[0] if kept is not None else v.BAR_POSITIONS - 1
            if self._free and room >= _ONSET_COST:
                mask[v.ONSET0 + onset + 1 : v.ONSET0 + last + 1] = True
            mask[v.ONSET0 + last if kept is not None else v.BAR_END] = True


def _notes(ids: Iterable[int]) -> list[_Note]:
    notes: list[_Note] = []
    onset = rank = pitch = duration = 0
    for id in ids:
        if v.ONSET0 <= id < v.INSTRUMENT0:
            onset = id - v.ONSET0
        elif v.INSTRUMENT0 <= id < v.PITCH0:
            rank = _RANK_OF_TOKEN[id]
        elif v.PITCH0 <= id < v.DURATION0:
            pitch = id
        elif v.DURATION0 <= id < v.VELOCITY0:
            duration = id
        elif v.VELOCITY0 <= id < v.TEMPO0:
            notes.append((onset, rank, pitch, duration, id))
    return notes


def masks(grammars: Sequence[BarGrammar]) -> Mask:
    """Return the masks of several songs, bool ``(songs, 560)``."""
    return np.stack([grammar.mask() for grammar in grammars])


def follows(bars: Iterable[ArrayLike]) -> bool:
    """Return whether bars follow the grammar, by walking the automaton."""
    grammar = BarGrammar(Limits(max_tokens=2**62, max_bar_tokens=2**62))
    try:
        for bar in bars:
            for id in np.asarray(bar).tolist():
                grammar.advance(id)
            if not grammar.at_bar_start:
                return False
    except ArgumentError:
        return False
    return True
