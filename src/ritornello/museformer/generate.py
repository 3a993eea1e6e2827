"""What Museformer is for: songs from scratch, from a beginning, along a plan, and bars of a song written anew.

The paper (Yu et al., NeurIPS 2022) generates from scratch only. Ours: prompts, infill, plans, instruments and tempo, by
masks and by the order of generation; see `task`. What somebody gives comes back as it was, note for note, arranged for
the six families; only the new bars are from tokens.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.museformer.data import bar_similarity
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.pretrained import Pretrained, load_network
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import TokenSong
from ritornello.museformer.tokens.grammar_check import grammar_errors
from ritornello.museformer.writing.given import GivenSong, compose_song, give, tempo_step_at
from ritornello.museformer.writing.instruments import ALL, Instruments, family_names
from ritornello.museformer.writing.loop import Progress, Written, piece_seed, write
from ritornello.museformer.writing.plan import Plan
from ritornello.museformer.writing.task import MAX_CANDIDATES, Task, continuation, infill, new_song
from ritornello.nn.sampling import SamplingSettings
from ritornello.score.key import Key
from ritornello.score.song import Song

DEFAULT_MODEL = "museformer-small"

CONTINUED_BARS = 16
"""Bars that a continuation adds if nobody says how many."""

TEMPERATURE = 1.05
"""At which tokens are drawn by default. At 1, the paper's, the shipped model repeats itself more than real songs do."""


@dataclass(frozen=True, eq=False)
class Generated:
    """A song that was written.

    Attributes:
        song: the song, of the families that play.
        tokens: all its bars as tokens, silent ones at the start included.
        new_bars: the bars that were written, from 1.
        report: JSON values: model, seed, bars, tokens, how the plan was followed, grammar errors, seconds.
    """

    song: Song
    tokens: TokenSong
    new_bars: tuple[int, ...]
    report: dict[str, Any] = field(repr=False)

    @property
    def similarity(self) -> NDArray[np.float64]:
        """How alike every two bars are, ``(bars, bars)``, 0..1: the paper's measure, over all families."""
        return bar_similarity(self.tokens.bars)


class Museformer:
    """A network that writes songs.

    Args:
        network: the network.
        name: what it is called in reports.
        training: what is known about how it was made; plans and infill are refused if its recipe has none of them.
    """

    def __init__(
        self, network: MuseformerNetwork, name: str = "museformer", training: Mapping[str, Any] | None = None
    ) -> None:
        self.network = network.eval()
        self.name = name
        self._recipe = (training or {}).get("recipe")

    @classmethod
    def load(cls, name: str | os.PathLike[str] = DEFAULT_MODEL) -> Museformer:
        """Load a model by its name, or from its folder.

        Raises:
            ArgumentError: if nothing of that name is found; the message lists what there is.
            ReadError: if it is damaged, or of another version or vocabulary.
        """
        pretrained: Pretrained = load_network(name)
        return cls(pretrained.network, pretrained.name, pretrained.training)

    def generate(
        self,
        *,
        bars: int | None = None,
        instruments: str | Sequence[str] | None = None,
        tempo_qpm: float | None = None,
        prompt: Song | None = None,
        melody: int | None = None,
        key: Key | None = None,
        plan: Plan | None = None,
        seed: int = 0,
        n: int = 1,
        temperature: float = TEMPERATURE,
        top_k: int | None = 8,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """Write songs, from scratch or from a beginning.

        Args:
            bars: length of the whole song; None: the plan's, or as the model likes (at least 2,048 tokens).
            instruments: who may play in new bars: names, or ``1-8: piano; 9-32: melody, piano``; None for all.
            tempo_qpm: tempo of new bars in quarter notes a minute, 24 to 200; None leaves it to the model.
            prompt: a song in 4/4 that the new one begins with.
            melody: index of the prompt's part that has the tune; None lets the rules choose.
            key: where a song from scratch is moved: it is written in C major or A minor, as the network likes, and
                goes by -5 to +6 semitones to this key or its relative. None leaves it there.
            plan: what repeats what.
            seed: of the random choices, 0 or more; candidates draw from it independently.
            n: number of songs, 1 to 64.
            temperature: above 0; lower is safer and repeats more, higher is wilder.
            top_k: choose among so many of the likeliest tokens; None for all.
            top_p: choose among the likeliest tokens that have this share together, up to 1.
            progress: called with (bars written, bars in all).

        Returns:
            The songs, ``n`` of them.

        Raises:
            ArgumentError: if an argument is out of range or contradicts another, or the network learned no plans.
            UnsuitableSongError: if the prompt has no notes, or bars other than of 4/4.
        """
        sampling = SamplingSettings(temperature, top_k, top_p)
        wanted, step = Instruments.parse(instruments), _tempo_step(tempo_qpm)
        if prompt is None:
            if melody is not None:
                raise ArgumentError("melody names a part of a prompt, and there is none")
            given, task = None, new_song(bars, wanted, step, plan)
        else:
            if key is not None:
                raise ArgumentError("key and prompt contradict each other; a given song has its key")
            given = give(prompt, melody)
            task = continuation(given, bars, wanted, step, plan)
        return self._write(task, given, ALL, tempo_qpm, seed, n, sampling, progress, _shift_from(key))

    def continue_(
        self,
        song: Song,
        bars: int | None = None,
        *,
        instruments: str | Sequence[str] | None = None,
        tempo_qpm: float | None = None,
        melody: int | None = None,
        plan: Plan | None = None,
        seed: int = 0,
        n: int = 1,
        temperature: float = TEMPERATURE,
        top_k: int | None = 8,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """Add bars to the end of a song.

        Args:
            song: a song in 4/4; its bars stay as they are.
            bars: number of bars to add; None: to the end of the plan, or 16.
            instruments: see `generate`.
            tempo_qpm: see `generate`; None: the tempo at the song's end.
            melody: index of the song's part that has the tune; None lets the rules choose.
            plan: what repeats what, in bars of the whole song.
            seed: see `generate`.
            n: see `generate`.
            temperature: see `generate`.
            top_k: see `generate`.
            top_p: see `generate`.
            progress: see `generate`.

        Raises:
            ArgumentError: if an argument is out of range or contradicts another.
            UnsuitableSongError: if the song has no notes, or bars other than of 4/4.
        """
        if bars is not None and bars < 1:
            raise ArgumentError(f"{bars} bars cannot be added; ask for 1 or more")
        sampling = SamplingSettings(temperature, top_k, top_p)
        given = give(song, melody)
        step = tempo_step_at(given, len(given.bars) + 1) if tempo_qpm is None else _tempo_step(tempo_qpm)
        if bars is None and plan is None:
            bars = CONTINUED_BARS
        whole = None if bars is None else len(given.bars) + bars
        task = continuation(given, whole, Instruments.parse(instruments), step, plan)
        return self._write(task, given, ALL, tempo_qpm, seed, n, sampling, progress)

    def infill(
        self,
        song: Song,
        first: int,
        last: int,
        parts: Sequence[str] | None = None,
        *,
        melody: int | None = None,
        plan: Plan | None = None,
        seed: int = 0,
        n: int = 1,
        temperature: float = TEMPERATURE,
        top_k: int | None = 8,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """Write bars of a song anew, in the light of what stands before and behind them.

        Args:
            song: a song in 4/4; its other bars, its tempi and the families that are not written stay as they are.
            first: first bar to write, from 1.
            last: last bar to write.
            parts: names of the families to write, such as ``["bass", "drums"]``; None for all.
            melody: index of the song's part that has the tune; None lets the rules choose.
            plan: what bars of the range repeat or vary.
            seed: see `generate`.
            n: see `generate`.
            temperature: see `generate`.
            top_k: see `generate`.
            top_p: see `generate`.
            progress: see `generate`.

        Raises:
            ArgumentError: if an argument is out of range or contradicts another.
            UnsuitableSongError: if the song has no notes, or bars other than of 4/4.
        """
        sampling = SamplingSettings(temperature, top_k, top_p)
        families = ALL if parts is None else family_names(parts)
        given = give(song, melody)
        if plan is not None and families != ALL and "copy" in plan.kinds:
            raise ArgumentError("a plan that copies bars note for note and a choice of parts contradict each other")
        self._check_trained("infill_share", "to write bars anew")
        task = infill(given, first, last, families, plan)
        return self._write(task, given, families, None, seed, n, sampling, progress)

    def _write(
        self,
        task: Task,
        given: GivenSong | None,
        families: frozenset[str],
        tempo_qpm: float | None,
        seed: int,
        n: int,
        sampling: SamplingSettings,
        progress: Progress | None,
        pitch_shift: int = 0,
    ) -> list[Generated]:
        if not 1 <= n <= MAX_CANDIDATES:
            raise ArgumentError(f"{n} candidates are out of range; ask for 1 to {MAX_CANDIDATES}")
        if task.plan is not None:
            self._check_trained("plan_share", "to follow plans")
        if seed < 0:
            raise ArgumentError(f"seed {seed} is out of range; give a whole number from 0 on")
        seeds = [piece_seed(seed, number) for number in range(n)]
        began = time.perf_counter()
        written = write(self.network, [task] * n, seeds, sampling, progress=progress)
        seconds = time.perf_counter() - began
        new_tokens = sum(each.new_tokens for each in written)
        speed = {"seconds": round(seconds, 3), "tokens_per_s": round(new_tokens / max(seconds, 1e-9), 1)}
        return [
            self._finish(
                task, given, families, tempo_qpm, pitch_shift, each, {"seed": seed, "candidate": number, **speed}
            )
            for number, each in enumerate(written, start=1)
        ]

    def _check_trained(self, share: str, ability: str) -> None:
        # Control tokens that a network has never seen make noise of all that follows.
        if isinstance(self._recipe, dict) and self._recipe.get(share) == 0:
            raise ArgumentError(f"model {self.name} was not trained {ability}: its recipe has {share} 0")

    def _finish(
        self,
        task: Task,
        given: GivenSong | None,
        families: frozenset[str],
        tempo_qpm: float | None,
        pitch_shift: int,
        written: Written,
        about: dict[str, Any],
    ) -> Generated:
        silent = () if given is None else given.bars[: task.skipped]
        bars = (*silent, *written.bars.values())
        new = tuple(number + task.skipped for number in written.new_bars)
        title = f"Museformer, seed {about['seed']}" + (f", no. {about['candidate']}" if about["candidate"] > 1 else "")
        shift = pitch_shift if given is None else given.pitch_shift
        song = compose_song(bars, dict.fromkeys(new, families), given, tempo_qpm, title, shift)
        if task.plan is not None and task.plan.form is not None:
            song = song.replace(form=task.plan.form)
        tokens = TokenSong(bars, shift)
        report = {
            "model": self.name,
            **about,
            "bars": len(bars),
            "new_bars": len(new),
            "duration_s": round(song.duration_s, 2),
            "tokens": tokens.tokens,
            "new_tokens": written.new_tokens,
            "ended_by_model": written.is_ended,
            "pitch_shift": tokens.pitch_shift,
            "grammar_errors": len(grammar_errors(bars)),
        }
        if task.plan is not None:
            report["plan"] = str(task.plan)
            report["plan_following"] = plan_following(tokens, task.plan, new)
        return Generated(song, tokens, new, report)


def plan_following(tokens: TokenSong, plan: Plan, new_bars: Sequence[int]) -> dict[str, Any]:
    """Return how like their sources the new planned bars are, by kind.

    Args:
        tokens: all bars of the song.
        plan: its plan.
        new_bars: the bars that were written, from 1.

    Returns:
        For each kind that occurs its number of bars and their mean similarity to their sources (notes shared by both
        of the notes in either, 0 to 1; pairs of silent bars are left out, None if no other is there).
    """
    alike = bar_similarity(tokens.bars)
    found: dict[str, Any] = {}
    for kind in ("repeat", "vary", "copy"):
        pairs = [(bar, source) for bar, source in plan.pairs if plan.kinds[bar - 1] == kind and bar in set(new_bars)]
        sounding = [pair for pair in pairs if any(len(tokens.bars[bar - 1]) > 2 for bar in pair)]
        if pairs:
            values = [float(alike[bar - 1, source - 1]) for bar, source in sounding]
            mean = round(float(np.mean(values)), 4) if values else None
            found[kind] = {"bars": len(pairs), "mean_similarity": mean}
    return found


def _shift_from(key: Key | None) -> int:
    """Return by how many semitones C major, or A minor, is above the nearest key of that name: -6 to 5."""
    if key is None:
        return 0
    return -((key.tonic - (9 if key.mode == "minor" else 0) + 5) % 12 - 5)


def _tempo_step(qpm: float | None) -> int | None:
    if qpm is None:
        return None
    if not v.MIN_QPM <= qpm <= v.MAX_QPM:
        low, high = v.MIN_QPM, v.MAX_QPM
        raise ArgumentError(f"tempo {qpm:g} is out of range; it goes from {low:g} to {high:g} quarter notes a minute")
    return int(v.encode_tempo(qpm))
