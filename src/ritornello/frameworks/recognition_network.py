"""A small convolutional network that tells generated from human phrases by their notes, not by named features.

Ours, beside the logistic regression of `evaluation.recognition`: what that one has no feature for, this one may find.
Each note is the sum of embeddings of its columns; two convolutions of three and five notes, the mean and the maximum
over the phrase, one number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ritornello.analysis.phrase_grid import Phrase, PhraseGrid
from ritornello.evaluation.recognition import FloatArray
from ritornello.score import Key
from ritornello.score.timeline import TICKS_PER_SIXTEENTH

IntArray = NDArray[np.int64]

COLUMNS: dict[str, int] = {
    "interval": 27, "degree": 13, "degree in chord": 14, "place in bar": 49, "wait": 34, "length": 34, "bars left": 10,
}  # fmt: skip
"""What is seen of a note, and how many values each takes, 0 for padding: interval from the note before, semitones above
the tonic and above the chord root, ticks in the bar, sixteenths to the next onset, length, bars to the phrase's end."""

MAX_NOTES = 128
"""Further notes of a phrase are left out."""

_WIDTH = 32
_BATCH = 32
_STEPS, _EPOCHS = 1_000, (8, 40)  # steps of training, within bounds of how often each phrase is seen


def note_rows(grid: PhraseGrid, phrase: Phrase) -> IntArray:
    """Return the notes of a phrase as ``(n, len(COLUMNS))`` whole numbers, the same in every key."""
    start, stop = phrase.start_bar * grid.steps_per_bar, phrase.stop_bar * grid.steps_per_bar
    notes = grid.notes_between(start, stop)
    onsets, pitches = grid.onsets[notes] - start, grid.pitches[notes]
    unit = grid.step_ticks / TICKS_PER_SIXTEENTH
    wait = np.diff(np.append(onsets, stop - start))
    lengths = np.minimum(grid.durations[notes], wait)
    chords = [grid.chords[i] if i < len(grid.chords) else None for i in (start + onsets) // grid.steps_per_beat]
    above = [12 if c is None else (int(p) - c.root) % 12 for c, p in zip(chords, pitches, strict=True)]
    rows = np.stack([
        np.clip(np.diff(pitches, prepend=pitches[:1]), -12, 12) + 13,
        (pitches - (phrase.key or Key(0)).tonic) % 12,
        np.array(above, np.int64),
        onsets % grid.steps_per_bar * grid.step_ticks,
        np.rint(wait * unit).astype(np.int64),
        np.rint(lengths * unit).astype(np.int64),
        phrase.bars - onsets // grid.steps_per_bar,
    ], axis=1)  # fmt: skip
    rows[:, 1:] += 1
    result: IntArray = np.clip(rows, 0, np.array(list(COLUMNS.values())) - 1)[:MAX_NOTES]
    return result


class RecognitionNetwork(nn.Module):
    """Log-odds that a phrase is generated; see the module."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = nn.ModuleList(nn.Embedding(size, _WIDTH, padding_idx=0) for size in COLUMNS.values())
        self.narrow = nn.Conv1d(_WIDTH, _WIDTH, 3, padding=1)
        self.wide = nn.Conv1d(_WIDTH, _WIDTH, 5, padding=2)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(2 * _WIDTH, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """Return log-odds ``[R]`` of phrases ``[R, N, columns]``, padded with zeros behind."""
        is_note = (rows > 0).any(-1)
        states = torch.stack([table(rows[..., i]) for i, table in enumerate(self.columns)]).sum(0) / len(COLUMNS) ** 0.5
        states = self.drop(states).transpose(1, 2)
        for layer in (self.narrow, self.wide):
            states = functional.relu(layer(states)) * is_note[:, None]
        mean = states.sum(2) / is_note.sum(1, keepdim=True).clamp(min=1)
        result: Tensor = self.out(self.drop(torch.cat([mean, states.amax(2)], dim=1)))[:, 0]
        return result


def fit_recognition(phrases: Sequence[IntArray], is_generated: NDArray[np.bool_], seed: int = 0) -> RecognitionNetwork:
    """Train a network on phrases of training songs; both kinds weigh alike.

    Args:
        phrases: what `note_rows` gives of each.
        is_generated: ``(n,)``.
        seed: of weights and order.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = RecognitionNetwork()
        target = torch.from_numpy(is_generated.astype(np.float32))
        weight = torch.where(target > 0, len(target) / (2 * target.sum()), len(target) / (2 * (1 - target).sum()))
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
        batches = -(-len(phrases) // _BATCH)
        epochs = max(_EPOCHS[0], min(_EPOCHS[1], _STEPS // batches))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * batches)
        order = np.random.default_rng(seed)
        for _ in range(epochs):
            for chosen in np.array_split(order.permutation(len(phrases)), batches):
                scores = network(_padded([phrases[i] for i in chosen]))
                loss = functional.binary_cross_entropy_with_logits(scores, target[chosen], weight[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
    return network.eval()


@torch.inference_mode()
def recognition_scores(network: RecognitionNetwork, phrases: Sequence[IntArray]) -> FloatArray:
    """Return the log-odds ``(n,)`` that phrases are generated."""
    parts = [network(_padded(phrases[i : i + _BATCH])) for i in range(0, len(phrases), _BATCH)]
    result: FloatArray = torch.cat(parts).double().numpy()
    return result


def without_column(phrases: Sequence[IntArray], column: int, seed: int = 0) -> list[IntArray]:
    """Return the phrases with one column's values dealt anew among all notes: it then tells nothing (Breiman, 2001)."""
    values = np.concatenate([rows[:, column] for rows in phrases])
    dealt = np.random.default_rng(seed).permutation(values)
    result, at = [], 0
    for rows in phrases:
        changed = rows.copy()
        changed[:, column] = dealt[at : at + len(rows)]
        result.append(changed)
        at += len(rows)
    return result


def hidden_column(phrases: Sequence[IntArray], column: int) -> list[IntArray]:
    """Return the phrases with one column the same for all notes, for a network that is to learn without it."""
    result = [rows.copy() for rows in phrases]
    for rows in result:
        rows[:, column] = 1
    return result


def _padded(phrases: Sequence[IntArray]) -> Tensor:
    rows = np.zeros((len(phrases), max(len(p) for p in phrases), len(COLUMNS)), np.int64)
    for index, phrase in enumerate(phrases):
        rows[index, : len(phrase)] = phrase
    return torch.from_numpy(rows)
