"""Museformer measured: perplexity on held-out songs, and pieces it makes beside real ones.

The measurements of Yu et al., *Museformer* (NeurIPS 2022), section 4: perplexity over the first 1,024, 5,120 and 10,240
tokens, and the similarity error of the melodies of generated pieces against training songs. Ours: intervals and noise
floors for all figures, paired comparison with other checkpoints on the same songs, grammar errors, figures of texture,
runs copied from training songs, and whether plans are followed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ritornello.errors import ArgumentError
from ritornello.evaluation.perplexity import LENGTHS, paired_log_difference, perplexity_at
from ritornello.museformer.measuring import measures
from ritornello.museformer.measuring.likelihood import Precision, songs_nll
from ritornello.museformer.measuring.measures import Reference
from ritornello.museformer.measuring.pieces import (
    Kind,
    PieceSettings,
    make_pieces,
    open_folder,
    read_pieces,
    weights_digest,
    write_pieces,
)
from ritornello.museformer.pretrained import load_network
from ritornello.museformer.tokens.note_bars import NoteBars, TokenBars, note_bars, open_tokens, songs_of
from ritornello.museformer.writing.plan import Plan
from ritornello.nn.sampling import SamplingSettings
from ritornello.training.shards import TokenShards

Progress = Callable[[int, int], None]

Stage = Callable[[str], AbstractContextManager[Progress | None]]
"""Opens the progress of a part of the work that has a name."""

PIECES = 100
"""Pieces that are made if nobody says how many."""

PLAN = "A8 B8 A8 C8 A8"
"""The plan whose following is measured: 40 bars, 16 of them repeats."""


def silent(_label: str) -> AbstractContextManager[Progress | None]:
    """Report no progress."""
    return nullcontext()


@dataclass(frozen=True)
class EvaluationSettings:
    """What is measured, and how.

    Attributes:
        baselines: other checkpoints, measured for perplexity on the same songs.
        pieces: how many pieces to make (None: 100), or to read of ``pieces_from`` (None: all); 0 leaves everything
            about pieces out.
        pieces_tokens: their length limit in tokens.
        pieces_min_tokens: they do not end before so many tokens.
        pieces_from: folder of pieces that were made already.
        save_pieces: folder in which pieces are kept, so that a run that was stopped goes on.
        plan: plan to be followed, in as many pieces; empty leaves it out.
        reference: data whose training songs the pieces are compared to, if the data has none.
        limit: only the first so many songs of the split.
        workers: number of processes.
        seed: of pieces and intervals.
        precision: ``fp32`` or ``bf16``, of perplexities.
        temperature: of pieces; the paper's is 1.
    """

    baselines: tuple[str, ...] = ()
    pieces: int | None = None
    pieces_tokens: int = 20_480
    pieces_min_tokens: int = 2_048
    pieces_from: Path | None = None
    save_pieces: Path | None = None
    plan: str = PLAN
    reference: Path | None = None
    limit: int | None = None
    workers: int = 1
    seed: int = 0
    precision: Precision = "fp32"
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if (self.pieces or 0) < 0 or self.workers < 1 or (self.limit is not None and self.limit < 1):
            raise ArgumentError("pieces is 0 or more, workers and limit are at least 1")
        if not 1 <= self.pieces_min_tokens <= self.pieces_tokens:
            low, high = self.pieces_min_tokens, self.pieces_tokens
            raise ArgumentError(f"pieces of {low} to {high} tokens cannot be; the limit is at least the smaller number")
        if self.pieces_from is not None and self.save_pieces is not None:
            raise ArgumentError("pieces that are read need not be saved; leave pieces_from or save_pieces out")
        SamplingSettings(self.temperature)
        if self.plan:
            Plan.parse(self.plan)  # an error comes now, not after an hour of pieces


def evaluate_museformer(
    data: Path,
    split: str,
    checkpoint: str,
    settings: EvaluationSettings | None = None,
    stage: Stage = silent,
) -> dict[str, Any]:
    """Measure a checkpoint.

    Args:
        data: token shards, or a folder or zip of MIDI files.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``: which songs are predicted, and which the pieces'
            figures stand beside.
        checkpoint: see `pretrained.load_network`.
        settings: see `EvaluationSettings`.
        stage: opens progress bars.

    Returns:
        Plain values. ``perplexity`` and ``perplexity_interval`` by length; of other checkpoints under ``baselines``,
        with ``log_difference`` (this checkpoint minus that one, ``[value, low, high]`` nats a token by paired bootstrap
        over songs: below 0 this one is better). If there are pieces: ``pieces``, `measures.similarity_report`,
        ``grammar_errors``, ``midi_errors``, ``metrics``, ``copied_run``, ``plan_following``.

    Raises:
        ArgumentError: if the split has no song, a checkpoint is not found, or options contradict each other.
        ReadError: if data, a checkpoint or a piece is damaged.
    """
    settings = settings or EvaluationSettings()
    _check(checkpoint, settings)
    with ExitStack() as stack:
        shards = _opened(stack, data, settings.workers, stage)
        songs = songs_of(shards, shards.split(split)[: settings.limit])
        result = {"system": "museformer", "checkpoint": checkpoint, "split": split, "songs": len(songs)}
        result |= perplexity_report(checkpoint, songs, settings, stage)
        if settings.pieces != 0:
            reference, training = _reference(data, shards, stack, settings, stage)
            with stage("Reading real songs"):
                real = [note_bars(bars) for bars in songs]
            plain, planned = _pieces(checkpoint, settings, stage)
            result |= pieces_report(plain, planned, real, training, reference, settings, stage)
            if split in ("validation", "test"):  # the reference is of songs of the training split
                own = measures.similarity_report(real, reference, settings.seed)
                kept = ("similarity_error", "similarity_error_all", "noise_floor_high", "noise_floor_all_high")
                result["real_songs"] = {name: own[name] for name in kept}
    return result


def perplexity_report(
    checkpoint: str, songs: Sequence[TokenBars], settings: EvaluationSettings, stage: Stage = silent
) -> dict[str, Any]:
    """Return the perplexities of a checkpoint and its baselines on songs; see `evaluate_museformer`."""

    def nll_of(name: str) -> list[Any]:
        with stage(f"Predicting with {Path(name).name}") as progress:
            return songs_nll(name, songs, precision=settings.precision, workers=settings.workers, progress=progress)

    own = nll_of(checkpoint)
    result: dict[str, Any] = {"precision": settings.precision, **_perplexities(own, settings.seed)}
    if settings.baselines:
        result["baselines"] = {}
    for name in settings.baselines:
        other = nll_of(name)
        differences = {
            str(length): measures.as_list(paired_log_difference(own, other, length, settings.seed))
            for length in LENGTHS
        }
        result["baselines"][name] = {**_perplexities(other, settings.seed), "log_difference": differences}
    return result


def pieces_report(
    pieces: Sequence[TokenBars],
    planned: Sequence[TokenBars],
    real: Sequence[NoteBars],
    training: Sequence[NoteBars] | None,
    reference: Reference,
    settings: EvaluationSettings,
    stage: Stage = silent,
) -> dict[str, Any]:
    """Return the measurements of generated pieces.

    Args:
        pieces: tokens of plain pieces.
        planned: tokens of pieces with the settings' plan.
        real: notes of the songs that they stand beside.
        training: notes of the training songs, None if they are not at hand.
        reference: bar similarities of the training songs.
        settings: gives plan and seed.
        stage: opens progress bars.
    """
    lengths = [sum(len(bar) for bar in bars) for bars in pieces]
    notes = [note_bars(bars) for bars in pieces]
    result: dict[str, Any] = {
        "pieces": len(pieces),
        "pieces_tokens": sum(lengths),
        "pieces_longest_tokens": max(lengths),
        "pieces_bars": sum(len(bars) for bars in pieces),
        "grammar_errors": measures.count_grammar_errors([*pieces, *planned]),
        "midi_errors": measures.count_midi_errors(pieces),
    }
    with stage("Comparing with real songs"):
        result |= measures.similarity_report(notes, reference, settings.seed)
        if planned:
            with_plan = [note_bars(bars) for bars in planned]
            plan = Plan.parse(settings.plan)
            result["plan_following"] = measures.plan_report(with_plan, notes, plan, settings.seed)
        if training is not None:
            result["copied_run"] = measures.copied_report(notes, real, training)
        result["metrics"] = measures.metrics_report(notes, real, settings.seed)
    return result


def _check(checkpoint: str, settings: EvaluationSettings) -> None:
    """Refuse what would fail later, before any work is done."""
    configs = [load_network(name).network.config for name in (checkpoint, *settings.baselines)]
    if settings.pieces == 0:
        return
    if settings.pieces_from is not None:
        read_pieces(settings.pieces_from, 1)
        return
    if settings.plan and configs[0].variant == "full":
        raise ArgumentError(f"{checkpoint}: full attention follows no plan; leave plan empty, or pieces 0")
    if settings.save_pieces is not None:
        open_folder(settings.save_pieces, _piece_settings(checkpoint, settings))


def _piece_settings(checkpoint: str, settings: EvaluationSettings) -> PieceSettings:
    weights = weights_digest(load_network(checkpoint).network)
    return PieceSettings(
        checkpoint, weights, settings.seed, settings.pieces_tokens, settings.pieces_min_tokens, settings.plan,
        settings.temperature,
    )  # fmt: skip


def _perplexities(nlls: Sequence[Any], seed: int) -> dict[str, Any]:
    found = perplexity_at(nlls, LENGTHS, seed)
    return {
        "perplexity": {str(length): estimate.value for length, estimate in found.items()},
        "perplexity_interval": {str(length): [estimate.low, estimate.high] for length, estimate in found.items()},
    }


def _reference(
    data: Path, shards: TokenShards, stack: ExitStack, settings: EvaluationSettings, stage: Stage
) -> tuple[Reference, list[NoteBars] | None]:
    """Return the bar similarities of training songs, and their notes where there are any."""
    if settings.reference is not None:
        data = settings.reference
        shards = _opened(stack, data, settings.workers, stage)
    if "train" not in shards.manifest["splits"]:
        if settings.reference is not None:
            raise ArgumentError(f"--reference {settings.reference}: it has no training song to compare pieces with")
        return Reference.read(), None
    with stage("Reading training songs") as progress:
        records = shards.split("train")
        training: list[NoteBars] = []
        for index in records:
            training += [note_bars(bars) for bars in songs_of(shards, [index])]
            if progress is not None:
                progress(len(training), len(records))
    return Reference.of(training, f"{len(training)} training songs of {Path(data).name}"), training


def _opened(stack: ExitStack, path: Path, workers: int, stage: Stage) -> TokenShards:
    with stage("Reading songs") as progress:
        return stack.enter_context(open_tokens(path, workers=workers, progress=progress))


def _pieces(
    checkpoint: str, settings: EvaluationSettings, stage: Stage
) -> tuple[Sequence[TokenBars], Sequence[TokenBars]]:
    """Return plain and planned pieces, read or made."""
    if settings.pieces_from is not None:
        plain = read_pieces(settings.pieces_from, settings.pieces)
        planned = read_pieces(settings.pieces_from, settings.pieces, "planned") if settings.plan else []
        return plain, planned
    wanted = _piece_settings(checkpoint, settings)
    number = PIECES if settings.pieces is None else settings.pieces
    sides = []
    kinds: tuple[tuple[Kind, str], ...] = (("piece", "Making pieces"), ("planned", "Making planned pieces"))
    for kind, label in kinds:
        count = number if kind == "piece" or settings.plan else 0
        make = functools.partial(write_pieces, wanted, kind, settings.workers)
        with stage(label) as progress:
            sides.append(make_pieces(count, make, settings.save_pieces, kind, progress))
    return sides[0], sides[1]
