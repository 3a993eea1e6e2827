"""Songs made by hypothesis for the MusicXML tests: any metres, pickups, keys, overlaps and lengths off the grid."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st
from song_strategies import chords as any_chord
from song_strategies import keys as any_key
from song_strategies import names

from ritornello.score import ChordSpan, Form, KeyRegion, Meter, Part, Segment, Song, Tempo, make_notes
from ritornello.score.song import ROLES


@st.composite
def songs(draw: st.DrawFn, max_bars: int = 8) -> Song:
    """A song in normal form, as a score can say it.

    That is: no controllers, no equal neighbours among keys, metres and tempi, none of them after the last bar line.
    """
    meters = draw(_meters(max_bars))
    end = meters[-1].tick + meters[-1].bar_ticks * draw(st.integers(1, 4))
    parts = draw(st.lists(_parts(end), min_size=1, max_size=3))
    chords = draw(_chords(end))
    keys = [KeyRegion(tick, draw(any_key)) for tick in draw(_ticks(end, 3))]
    tempi = [
        Tempo(tick, draw(st.integers(20, 300)) + draw(st.sampled_from((0, 0.5, 1 / 3))))
        for tick in draw(_ticks(end, 3))
    ]
    if not tempi or tempi[0].tick:
        tempi.insert(0, Tempo(0, 120.0))
    form = None
    if draw(st.booleans()):
        sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
        form = Form(tuple(Segment(draw(st.sampled_from("AABbXxio")), size) for size in sizes))
    song = Song(tuple(parts), meters=tuple(meters), chords=tuple(chords), form=form, title=draw(names))
    last = song.bar_lines[-1]
    return song.replace(
        tempi=_distinct([tempo for tempo in tempi if tempo.tick < last], "qpm"),
        keys=_distinct([region for region in keys if region.tick < last], "key"),
    )


@st.composite
def _meters(draw: st.DrawFn, max_bars: int) -> list[Meter]:
    meters: list[Meter] = []
    tick = 0
    choices = [(4, 4), (3, 4), (2, 4), (6, 8), (12, 8), (7, 8), (5, 4), (2, 2), (1, 4), (3, 16), (6, 32), (4, 1)]
    for _ in range(draw(st.integers(1, 3))):
        numerator, denominator = draw(st.sampled_from(choices))
        meter = Meter(tick, numerator, denominator)
        cut = draw(st.booleans()) and draw(st.integers(1, meter.bar_ticks - 1))  # a change may cut a bar short
        if meters and str(meters[-1]) == str(meter) and (tick - meters[-1].tick) % meter.bar_ticks == 0:
            continue
        meters.append(meter)
        tick += meter.bar_ticks * draw(st.integers(0 if cut else 1, max_bars // 3)) + int(cut)
    return meters


@st.composite
def _parts(draw: st.DrawFn, end: int) -> Part:
    grid = draw(st.sampled_from((1, 2, 3, 4, 6, 12)))
    notes = draw(
        st.lists(
            st.tuples(
                st.integers(0, max(end // grid - 1, 0)), st.integers(1, 24), st.integers(0, 127), st.integers(1, 127)
            ),
            max_size=24,
        )
    )
    onset = [grid * note[0] for note in notes]
    array = make_notes(
        onset, [grid * note[1] for note in notes], [note[2] for note in notes], [note[3] for note in notes]
    )
    drums = draw(st.booleans()) and draw(st.booleans()) and bool(notes)
    return Part(
        draw(names), array, draw(st.integers(0, 127)), is_drums=drums, role=draw(st.sampled_from((None, *ROLES)))
    )


@st.composite
def _chords(draw: st.DrawFn, end: int) -> list[ChordSpan]:
    edges = draw(_ticks(end + 1, 8))
    spans: list[ChordSpan] = []
    for start, stop in pairwise(edges):
        if draw(st.integers(0, 4)):
            spans.append(ChordSpan(start, stop - start, draw(any_chord)))
    return spans


def _ticks(end: int, count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, end - 1), max_size=count, unique=True).map(sorted)


def _distinct(events: list, field: str) -> list:  # type: ignore[type-arg]
    kept = []
    for event in events:
        if not kept or getattr(kept[-1], field) != getattr(event, field):
            kept.append(event)
    return kept
