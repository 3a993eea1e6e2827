"""What a step of training learns from: views of a bar, triplets, or motifs and guesses at them.

The paper's two stages (Wu et al., arXiv 2309.10597) with its program's slips corrected: a positive is never the anchor
itself, a negative is of another song, fine-tuning runs once. Ours: the contrastive loss with many positives, first on a
pool of windows whose guessed motifs are equal rhythms of one part, then on labelled bars; the negatives are the other
motifs of the same song and those of others.

Axes: B batch, T frames, C channels times pitches, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ritornello.errors import ArgumentError
from ritornello.motifs.data import Examples
from ritornello.motifs.losses import many_positives, triplet, vicreg
from ritornello.motifs.model import EncoderConfig, Expander, MotifEncoder, frames_of
from ritornello.motifs.views import view
from ritornello.motifs.windows import BAR_FRAMES, NoteFrames

StageName = Literal["vicreg", "triplet", "pool", "labels"]


@dataclass(frozen=True)
class Stage:
    """One stage of a training.

    Attributes:
        name: ``vicreg`` and ``pool`` learn without labels, ``triplet`` and ``labels`` with them.
        steps: how many.
        batch: windows a step; of ``pool`` and ``labels`` about.
        learning_rate: peak rate.
        warmup_steps: steps of linear warm-up.
        decay_share: share of the steps, at the end, over which the rate falls to zero.
        views: of ``vicreg``, how many of each bar, the bar itself included.
        temperature: of the loss with many positives.
        drop: chance of a note to be deleted in a view, of ``pool`` and ``labels``.
        pool_share: of ``labels``, how many steps are of the pool, so that other lengths are not forgotten.
        keeps_best: whether the weights with the best mAP on held-out songs are kept, or the last.
    """

    name: StageName
    steps: int
    batch: int = 128
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    decay_share: float = 0.7
    views: int = 2
    temperature: float = 0.1
    drop: float = 0.05
    pool_share: float = 0.25
    keeps_best: bool = True

    def __post_init__(self) -> None:
        if self.batch < 4 or self.views < 2:
            raise ArgumentError("a batch has at least 4 windows, and a bar 2 views")
        if not (self.temperature > 0 and 0 <= self.drop < 1 and 0 <= self.pool_share < 1):
            raise ArgumentError("temperature is above 0, drop and pool_share are from 0 to below 1")


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What is learned from.

    Attributes:
        pool: windows without labels, the bars first; empty if no stage needs them.
        labels: labelled bars.
        held_out: labelled bars of other songs, on which the best weights are chosen.
    """

    pool: tuple[Examples, ...]
    labels: Examples | None = None
    held_out: Examples | None = None


class Learner(nn.Module):
    """An encoder, with the expander if VICReg is to compare what comes out of it."""

    def __init__(self, encoder: MotifEncoder, expands: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.expander = Expander(encoder.config.dimensions) if expands else None

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Return what the loss compares, ``(B, D)``."""
        vectors: Tensor = self.encoder(frames, lengths)
        return vectors if self.expander is None else self.expander(vectors)


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows of a step, frames ``(B, T, C)`` and lengths ``(B,)``, with the motif and the song of each ``(B,)``."""

    frames: Tensor
    lengths: Tensor
    group: Tensor
    song: Tensor


class StageTask:
    """The task of the fit loop.

    Args:
        stage: what is learned.
        config: of the encoder, for its input.
        data: the examples.
        seed: of chance.
    """

    def __init__(self, stage: Stage, config: EncoderConfig, data: TrainingData, seed: int) -> None:
        needs_labels = stage.name in ("triplet", "labels")
        if needs_labels and data.labels is None:
            raise ArgumentError(f"the stage '{stage.name}' needs labelled bars")
        if not data.pool and (not needs_labels or (stage.name == "labels" and stage.pool_share)):
            raise ArgumentError(f"the stage '{stage.name}' needs bars without labels")
        if stage.name == "triplet" and data.labels is not None and len(np.unique(data.labels.song)) < 2:
            raise ArgumentError("the stage 'triplet' needs labelled bars of two songs")
        self.stage, self.config, self.data, self.seed = stage, config, data, seed
        self._members = {} if data.labels is None else _members(data.labels)
        self._pool_members = [_members(pool) for pool in data.pool] if stage.name in ("pool", "labels") else []

    def batches(self, step: int, process: int, processes: int) -> Sequence[Batch]:
        """Return this process's micro-batch of a step."""
        rng = np.random.default_rng([self.seed, step, process, processes])
        if self.stage.name == "vicreg":
            return [self._views(rng, self.stage.batch // processes)]
        if self.stage.name == "triplet":
            return [self._triplets(rng, self.stage.batch // processes)]
        from_pool = self.stage.name == "pool" or rng.random() < self.stage.pool_share
        return [self._groups(rng, self.stage.batch // processes, from_pool)]

    def targets(self, batch: Batch) -> int:
        """Return the number of windows of a batch."""
        return len(batch.lengths)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the mean loss times the number of windows."""
        device = next(model.parameters()).device
        found = model(batch.frames.to(device), batch.lengths.to(device))
        count = len(batch.lengths)
        if self.stage.name == "vicreg":
            views = found.chunk(self.stage.views)
            return count * torch.stack([vicreg(views[0], other) for other in views[1:]]).mean()
        if self.stage.name == "triplet":
            return count * triplet(*found.chunk(3))
        group = batch.group.to(device)
        is_positive = group[:, None] == group[None]
        return count * many_positives(found, is_positive, self.stage.temperature)

    def _batch(self, notes: NoteFrames, group: NDArray[np.int64], song: NDArray[np.int64]) -> Batch:
        return Batch(*frames_of(notes, self.config), torch.from_numpy(group), torch.from_numpy(song))

    def _views(self, rng: np.random.Generator, batch: int) -> Batch:
        pool = self.data.pool[0]
        rows = rng.choice(len(pool), min(batch, len(pool)), replace=False)
        notes = pool.notes.take(rows)
        views = _joined([notes] + [view(notes, rng) for _ in range(self.stage.views - 1)])
        return self._batch(views, *(np.tile(own[rows], self.stage.views) for own in (pool.group, pool.song)))

    def _triplets(self, rng: np.random.Generator, batch: int) -> Batch:
        labels = self.data.labels
        assert labels is not None
        able = np.flatnonzero(np.bincount(labels.group)[labels.group] > 1)
        anchors = rng.choice(able, batch)
        positives, negatives = np.empty_like(anchors), np.empty_like(anchors)
        for place, anchor in enumerate(anchors.tolist()):
            others = np.flatnonzero(labels.group == labels.group[anchor])
            positives[place] = rng.choice(others[others != anchor])
            negatives[place] = rng.choice(np.flatnonzero(labels.song != labels.song[anchor]))
        rows = np.concatenate((anchors, positives, negatives))
        return self._batch(labels.notes.take(rows), labels.group[rows], labels.song[rows])

    def _groups(self, rng: np.random.Generator, batch: int, from_pool: bool) -> Batch:
        """Some songs, of each some groups, of each some windows; of a window that is alone, a view beside it."""
        if from_pool:
            shares = _LENGTH_SHARES[: len(self.data.pool)]
            index = int(rng.choice(len(shares), p=shares / shares.sum()))
            examples, members, groups, windows = self.data.pool[index], self._pool_members[index], 4, 2
            # Longer windows cost as much time a step, not more.
            batch = max(8, int(batch * min(1.0, BAR_FRAMES / int(examples.notes.frames.max()))))
        else:
            assert self.data.labels is not None
            examples, members, groups, windows = self.data.labels, self._members, 4, 4
        songs = list(members)
        rows: list[int] = []
        for song in rng.permutation(len(songs)):
            own = members[songs[song]]
            for group in rng.permutation(len(own))[:groups]:
                chosen = rng.permutation(own[group])[:windows]
                rows += [int(chosen[0])] * 2 if len(chosen) == 1 else chosen.tolist()
            if len(rows) >= batch:
                break
        rows = rows[:batch]
        plain = examples.notes.take(rows)
        changed = view(plain, rng, self.stage.drop)
        is_changed = rng.random(len(rows)) < 0.5
        is_changed[1:] |= np.array(rows[1:]) == np.array(rows[:-1])  # a window beside itself teaches nothing
        notes = _joined([plain, changed]).take(np.arange(len(rows)) + len(rows) * is_changed)
        return self._batch(notes, examples.group[rows], examples.song[rows])


_LENGTH_SHARES = np.array([0.55, 0.15, 0.2, 0.1])  # of the pool's lengths, see data.LENGTHS


def _members(examples: Examples) -> dict[int, list[NDArray[np.int64]]]:
    """The rows of each group of each song."""
    order = np.argsort(examples.group, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(examples.group[order])) + 1)
    members: dict[int, list[NDArray[np.int64]]] = {}
    for own in rows:
        members.setdefault(int(examples.song[own[0]]), []).append(own)
    return members


def _joined(parts: Sequence[NoteFrames]) -> NoteFrames:
    names = ("start", "end", "pitch", "is_note", "frames")
    return NoteFrames(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
