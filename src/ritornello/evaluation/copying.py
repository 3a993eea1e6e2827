"""The longest run that a generated piece shares, note for note, with a large reference set such as the training songs.

Our design: the runs of `analysis.originality`, but against thousands of songs at once. Windows of 1, 2, 4, … events are
hashed by doubling, each from the hashes of its halves (as Karp, Miller and Rosenberg 1972 name repeated patterns); a
place goes on to the next length only while its window occurs on the other side. Beyond the shortest lengths so few are
left that the exact length is found by bisection among them. What is reported has been compared event by event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.evaluation.bar_notes import BAR_TICKS, DRUMS, FAMILY, MELODY, ONSET, PITCH, Bars, joined

BLOCK_EVENTS = 4_000_000
"""Reference events searched at a time: 80 bytes each. 100 songs against 17 million events: 11 s, 0.8 GB in all."""

IntArray = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class CopiedRun:
    """A run of successive events that a query shares with a reference.

    Attributes:
        length: events in the run; 0 if none is shared.
        start: its first event in the query.
        reference: the reference sequence it was found in, -1 if none.
        reference_start: its first event there.
    """

    length: int
    start: int = 0
    reference: int = -1
    reference_start: int = 0


def note_steps(bars: Bars, family: int = MELODY) -> IntArray:
    """Return a family's notes as steps that do not depend on key or bar: the time to the next onset and the interval.

    Args:
        bars: the piece.
        family: number of the family; of drums the step holds the drum itself instead of the interval.

    Returns:
        ``(notes - 1,)`` one whole number per step between successive notes, a chord's notes in rising order. A run of n
        equal steps is a run of n + 1 notes.
    """
    index, notes = joined(bars)
    own = notes[:, FAMILY] == family
    onset, pitch = index[own] * BAR_TICKS + notes[own, ONSET], notes[own, PITCH]
    order = np.lexsort((pitch, onset))
    onset, pitch = onset[order], pitch[order]
    steps: IntArray = np.diff(onset) * 256 + (pitch[1:] if family == DRUMS else np.diff(pitch) + 128)
    return steps


def longest_copied_notes(
    generated: Sequence[Bars], references: Sequence[Bars], family: int = MELODY, block: int = BLOCK_EVENTS
) -> list[int]:
    """Return for each generated piece the notes in the longest run that a reference piece has too, in whatever key.

    Args:
        generated: the pieces to examine.
        references: the pieces they might be copied from.
        family: number of the family whose notes are compared.
        block: reference events searched at a time.

    Returns:
        Notes per piece: at least 2 where a step is shared, else 0.
    """
    runs = copied_runs(
        [note_steps(bars, family) for bars in generated], [note_steps(bars, family) for bars in references], block
    )
    return [run.length + 1 if run.length else 0 for run in runs]


def copied_runs(
    queries: Sequence[NDArray[np.integer]], references: Sequence[NDArray[np.integer]], block: int = BLOCK_EVENTS
) -> list[CopiedRun]:
    """Return for each query the longest run of events that occurs in a reference.

    Args:
        queries: sequences of whole numbers ``(n,)``.
        references: the sequences to search, ``(m,)``.
        block: reference events searched at a time; only speed and memory depend on it.

    Returns:
        One run per query; of equally long ones that of the first block of references, the first in the query.

    Raises:
        ArgumentError: if a sequence is no whole-number array ``(n,)``.
    """
    for kind, sequences in (("query", queries), ("reference", references)):
        for number, sequence in enumerate(sequences):
            if sequence.ndim != 1 or not np.issubdtype(sequence.dtype, np.integer):
                raise ArgumentError(f"{kind} {number}: shape {sequence.shape} of {sequence.dtype}; use integers (n,)")
    best = [CopiedRun(0)] * len(queries)
    for first, chunk in _blocks(references, block):
        search = _Search(_Side(queries, 0), _Side(chunk, 1))
        for query, (length, place, reference_place) in search.longest([run.length for run in best]).items():
            start = place - int(search.queries.starts[query])
            which = int(np.searchsorted(search.references.starts, reference_place, side="right")) - 1
            run = CopiedRun(length, start, first + which, reference_place - int(search.references.starts[which]))
            source = references[run.reference][run.reference_start : run.reference_start + length]
            assert np.array_equal(queries[query][start : start + length], source), "two windows with one hash"
            best[query] = run
    return best


def _blocks(sequences: Sequence[NDArray[np.integer]], size: int) -> Iterator[tuple[int, Sequence[NDArray[np.integer]]]]:
    first = held = 0
    for number, sequence in enumerate(sequences):
        if held and held + len(sequence) > size:
            yield first, sequences[first:number]
            first, held = number, 0
        held += len(sequence)
    if held:
        yield first, sequences[first:]


def _mixed(values: Hashes) -> Hashes:
    """Spread whole numbers over 64 bits: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _paired(left: Hashes, right: Hashes) -> Hashes:
    """Return the hash of two windows in this order."""
    return _mixed(left * np.uint64(0x9E3779B97F4A7C15) + right)


class _Side:
    """Sequences one after the other, each closed by an event that occurs nowhere else; windows of them by their hashes.

    Attributes:
        starts: ``(sequences,)`` place of each sequence's first event.
        hashes: ``(n,)`` hash of the window of `_Search.size` events at each place that is alive.
        alive: ``(n,)`` whether that window occurs on the other side.
    """

    def __init__(self, sequences: Sequence[NDArray[np.integer]], number: int) -> None:
        bounds = np.concatenate([[0], np.cumsum([len(sequence) + 1 for sequence in sequences])]).astype(np.int64)
        self.starts = bounds[:-1]
        self.hashes = np.empty(int(bounds[-1]), np.uint64)
        for start, sequence in zip(self.starts, sequences, strict=True):
            self.hashes[start : start + len(sequence)] = _mixed(sequence.astype(np.int64).view(np.uint64))
        # Hashes of pairs, because every whole number may be an event.
        ends = np.arange(len(sequences), dtype=np.uint64) * np.uint64(2) + np.uint64(number)
        self.hashes[bounds[1:] - 1] = _paired(np.full(len(ends), 0x5E9A7A70, np.uint64), ends)
        self.alive = np.ones(len(self.hashes), np.bool_)

    def windows(self, size: int, length: int) -> tuple[IntArray, Hashes]:
        """Return places and hashes of windows of ``length``, from ``size`` to twice that, which may still match."""
        shift = length - size
        places = np.flatnonzero(self.alive[: max(0, len(self.alive) - shift)] & self.alive[shift:])
        return places, _paired(self.hashes[places], self.hashes[places + shift])


@dataclass(frozen=True)
class _Shared:
    """Windows of one length that occur on both sides.

    Attributes:
        length: their events.
        places: ``(n,)`` where they start in the queries, rising.
        partners: ``(n,)`` for each of them the first place where it starts in the references.
        hashes: ``(n,)`` their hashes.
        reference_places: ``(m,)`` every place where one starts in the references.
        reference_hashes: ``(m,)`` their hashes.
    """

    length: int
    places: IntArray
    partners: IntArray
    hashes: Hashes
    reference_places: IntArray
    reference_hashes: Hashes


_Found = tuple[int, int, int]  # length, place in the queries, place in the references


class _Search:
    """Windows of both sides whose hashes agree, at lengths that double."""

    def __init__(self, queries: _Side, references: _Side) -> None:
        self.queries, self.references, self.size = queries, references, 1

    def longest(self, beyond: Sequence[int]) -> dict[int, _Found]:
        """Return the longest run of each query that has a longer one than ``beyond`` says."""
        result: dict[int, _Found] = {}
        active = self._firsts(self._shared(1))
        while active:
            shared = self._shared(2 * self.size)
            longer = self._firsts(shared)
            ended = {
                query: run for query, run in active.items() if query not in longer and beyond[query] < 2 * self.size - 1
            }
            result |= self._between(ended)
            self._double(shared)
            active = longer
        return {query: run for query, run in result.items() if run[0] > beyond[query]}

    def _between(self, ended: dict[int, _Found]) -> dict[int, _Found]:
        """Bisect the lengths of queries that share windows of the held size, but none of twice the size."""
        best, limit = dict(ended), dict.fromkeys(ended, 2 * self.size)
        while True:
            middles = {q: (run[0] + limit[q]) // 2 for q, run in best.items() if limit[q] - run[0] > 1}
            if not middles:
                return best
            for length in set(middles.values()):
                found = self._firsts(self._shared(length))
                for query in (query for query, middle in middles.items() if middle == length):
                    if query in found:
                        best[query] = found[query]
                    else:
                        limit[query] = length

    def _shared(self, length: int) -> _Shared:
        places, hashes = self.queries.windows(self.size, length)
        reference_places, reference_hashes = self.references.windows(self.size, length)
        known, kind = np.unique(hashes, return_inverse=True)
        at = np.searchsorted(known, reference_hashes)
        hit = at < len(known)
        hit[hit] = known[at[hit]] == reference_hashes[hit]
        reference_places, reference_hashes = reference_places[hit], reference_hashes[hit]
        partner = np.full(len(known), -1, np.int64)
        partner[at[hit][::-1]] = reference_places[::-1]  # of several places the first, which is written last
        partners = partner[kind]
        matched = partners >= 0
        return _Shared(length, places[matched], partners[matched], hashes[matched], reference_places, reference_hashes)

    def _firsts(self, shared: _Shared) -> dict[int, _Found]:
        """Return for each query that has a shared window the first of them."""
        owner = np.searchsorted(self.queries.starts, shared.places, side="right") - 1
        owners, first = np.unique(owner, return_index=True)
        return {
            int(query): (shared.length, int(shared.places[i]), int(shared.partners[i]))
            for query, i in zip(owners, first, strict=True)
        }

    def _double(self, shared: _Shared) -> None:
        self.size = shared.length
        for side, places, hashes in (
            (self.queries, shared.places, shared.hashes),
            (self.references, shared.reference_places, shared.reference_hashes),
        ):
            side.alive[:] = False
            side.alive[places] = True
            side.hashes[places] = hashes
