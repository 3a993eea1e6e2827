"""What pieces are measured by: similarity of bars against real songs, figures of texture, copying, plans, grammar.

The measures are those of `evaluation`; here they are put side by side as plain values. Every figure of generated pieces
stands beside that of real songs: the similarity error (Yu et al., *Museformer*, NeurIPS 2022) beside its floor, the
figures of a piece and the longest copied run beside those of held-out songs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ritornello.errors import ReadError
from ritornello.evaluation.bar_notes import Tracks
from ritornello.evaluation.bar_similarity import (
    LAGS,
    LagTotals,
    lag_totals,
    plan_following,
    similarity_error,
    similarity_floor,
)
from ritornello.evaluation.copying import longest_copied_notes
from ritornello.evaluation.piece_metrics import compare, piece_metrics
from ritornello.evaluation.statistics import Estimate
from ritornello.museformer.measuring.arrays import read_arrays, write_arrays
from ritornello.museformer.tokens.encoding import TokenSong, decode, encode
from ritornello.museformer.tokens.grammar_check import grammar_errors
from ritornello.museformer.tokens.note_bars import NoteBars, TokenBars
from ritornello.museformer.writing.plan import Plan
from ritornello.score.midi_reader import read_midi
from ritornello.score.midi_writer import midi_bytes

TRACKS: tuple[Tracks, ...] = ("melody", "all")

STORED_REFERENCE = Path(__file__).with_name("reference.npz")
"""Bar similarities of the training songs of the band pack, for data without training songs; no notes are in it."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Bar similarities of real songs, to which generated pieces are compared.

    Attributes:
        totals: by tracks, one row a song.
        source: what the songs are.
    """

    totals: dict[Tracks, LagTotals]
    source: str

    @property
    def songs(self) -> int:
        """Number of songs."""
        return len(self.totals["melody"])

    @classmethod
    def of(cls, pieces: Sequence[NoteBars], source: str) -> Reference:
        """Measure songs."""
        return cls({tracks: lag_totals(pieces, tracks) for tracks in TRACKS}, source)

    @classmethod
    def read(cls, path: str | os.PathLike[str] = STORED_REFERENCE) -> Reference:
        """Read what `save` wrote.

        Raises:
            ReadError: if the file is missing or damaged.
        """
        fields = ("similarity", "pairs")
        names = [f"{tracks}_{field}" for tracks in TRACKS for field in fields]
        arrays = read_arrays(path, ["source", *names])
        shape = arrays[names[0]].shape
        if shape[1:] != (LAGS,) or any(
            arrays[name].shape != shape or arrays[name].dtype.kind not in "fu" for name in names
        ):
            raise ReadError(f"{path}: damaged: bar similarities at {LAGS} distances are needed")
        totals = {
            tracks: LagTotals(*(arrays[f"{tracks}_{field}"].astype(np.float64) for field in fields))
            for tracks in TRACKS
        }
        return cls(totals, str(arrays["source"]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the similarities, in single precision.

        Raises:
            WriteError: if the file cannot be written.
        """
        arrays: dict[str, ArrayLike] = {"source": self.source}
        for tracks, entry in self.totals.items():
            arrays[f"{tracks}_similarity"] = entry.similarity.astype(np.float32)
            arrays[f"{tracks}_pairs"] = entry.pairs.astype(np.uint16)
        write_arrays(path, arrays)


def similarity_report(pieces: Sequence[NoteBars], reference: Reference, seed: int = 0) -> dict[str, Any]:
    """Return similarity errors and their floors, in percentage points, of the melody and (``_all``) of all tracks.

    Args:
        pieces: the generated pieces.
        reference: the real songs; the floor is that of as many of them as there are pieces.
        seed: of intervals and draws.

    Returns:
        ``similarity_error``, its interval's ends ``_low`` and ``_high``, ``noise_floor`` (mean error of random real
        songs) and ``noise_floor_high`` (its 95th percentile), then the same with ``_all``. An error is None where no
        piece reaches all distances; a floor is None where there are no more real songs than pieces.
    """
    result: dict[str, Any] = {}
    reaching = sum(len(bars) > LAGS for bars in pieces)
    for tracks in TRACKS:
        suffix = "" if tracks == "melody" else "_all"
        own, real = lag_totals(pieces, tracks), reference.totals[tracks]
        has_both = reaching and own.pairs.sum(axis=0).all() and real.pairs.sum(axis=0).all()
        error = similarity_error(own, real, seed) if has_both else None
        has_floor = 1 <= len(pieces) < len(real) and real.pairs.any()
        floor = similarity_floor(real, len(pieces), seed) if has_floor else None
        result |= {
            f"similarity_error{suffix}": error.value if error else None,
            f"similarity_error{suffix}_low": error.low if error else None,
            f"similarity_error{suffix}_high": error.high if error else None,
            f"noise_floor{suffix}": floor.mean if floor else None,
            f"noise_floor{suffix}_high": floor.high if floor else None,
        }
    return result | {
        "similarity_reference": {"songs": reference.songs, "source": reference.source},
        "similarity_pieces_of_all_distances": reaching,
    }


def metrics_report(pieces: Sequence[NoteBars], songs: Sequence[NoteBars], seed: int = 0) -> dict[str, Any]:
    """Return the figures of `evaluation.piece_metrics`, generated beside real, each ``[mean, low, high]``."""
    sides = [[piece_metrics(bars) for bars in side if len(bars)] for side in (pieces, songs)]
    return {
        name: {"generated": as_list(both.generated), "real": as_list(both.real)}
        for name, both in compare(sides[0], sides[1], seed).items()
    }


def copied_report(
    pieces: Sequence[NoteBars], songs: Sequence[NoteBars], training: Sequence[NoteBars]
) -> dict[str, float]:
    """Return the notes of the longest melodic run that is also in a training song, in whatever key.

    Args:
        pieces: the generated pieces.
        songs: held-out songs, which share runs with training songs as well; refrains are common property.
        training: the training songs.

    Returns:
        ``generated_mean``, ``generated_max``, ``real_mean``, ``real_max``.
    """
    result: dict[str, float] = {}
    for name, side in (("generated", pieces), ("real", songs)):
        runs = longest_copied_notes(side, training)
        result |= {f"{name}_mean": float(np.mean(runs)), f"{name}_max": float(max(runs))}
    return result


def plan_report(
    planned: Sequence[NoteBars], unplanned: Sequence[NoteBars], plan: Plan, seed: int = 0
) -> dict[str, Any] | None:
    """Return how alike planned bars are to their sources, over all tracks, beside the same bars without a plan.

    Args:
        planned: pieces made by the plan.
        unplanned: pieces of the same model without it.
        plan: the plan.
        seed: of the intervals.

    Returns:
        ``difference``, ``planned`` and ``unplanned`` as ``[value, low, high]`` (Jaccard index, 0 to 1), ``pieces`` and
        ``plan``; None where no pair of bars is in both pieces.
    """
    pairs = np.array(plan.pairs, np.int64).reshape(-1, 2) - 1
    chosen, sides = [], []
    for one, other in zip(planned, unplanned, strict=False):
        inside = pairs[(pairs < min(len(one), len(other))).all(axis=1)]
        if len(inside):
            chosen.append(inside)
            sides.append((one, other))
    if not sides:
        return None
    found = plan_following([one for one, _ in sides], [other for _, other in sides], chosen, "all", seed)
    return {
        "difference": as_list(found.difference),
        "planned": as_list(found.planned),
        "unplanned": as_list(found.unplanned),
        "pieces": len(sides),
        "plan": str(plan),
    }


def count_grammar_errors(pieces: Sequence[TokenBars]) -> int:
    """Return the tokens of all pieces that break the bar grammar, by the checker that sampling knows nothing of."""
    return sum(len(grammar_errors(bars)) for bars in pieces)


def count_midi_errors(pieces: Sequence[TokenBars]) -> int:
    """Return how many pieces read from their MIDI file are not the tokens that were written, cut notes apart.

    Notes that are struck again while they sound are cut in the song already: MIDI cannot hold them.
    """
    errors = 0
    for bars in pieces:
        if not any(len(bar) > 2 for bar in bars):
            continue
        song = decode(TokenSong(tuple(np.asarray(bar, np.int16) for bar in bars)))
        written = encode(song, pitch_shift=0)
        read = encode(read_midi(midi_bytes(song), "piece"), pitch_shift=0)
        errors += [bar.tolist() for bar in written.bars] != [bar.tolist() for bar in read.bars]
    return errors


def as_list(estimate: Estimate) -> list[float]:
    """Return a figure with its interval as ``[value, low, high]``."""
    return [estimate.value, estimate.low, estimate.high]
