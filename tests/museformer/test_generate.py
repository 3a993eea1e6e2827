"""What a musician is promised, on a small network of random weights: no promise depends on what it learned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.museformer.config import SIZES
from ritornello.museformer.generate import Generated, Museformer
from ritornello.museformer.measuring.measures import plan_report
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import decode, encode, tokens_to_text
from ritornello.museformer.tokens.grammar import Limits
from ritornello.museformer.tokens.grammar_check import grammar_errors
from ritornello.museformer.tokens.note_bars import note_bars
from ritornello.museformer.writing.given import give
from ritornello.museformer.writing.loop import write
from ritornello.museformer.writing.plan import Plan
from ritornello.museformer.writing.task import Task
from ritornello.nn.sampling import SamplingSettings
from ritornello.score.form import Form
from ritornello.score.key import Key
from ritornello.score.midi_reader import read_midi
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.song import Part, Song, make_notes
from ritornello.score.timeline import Meter, Tempo

BAR = v.BAR_POSITIONS


@pytest.fixture(scope="module")
def museformer() -> Museformer:
    torch.manual_seed(0)
    return Museformer(MuseformerNetwork(SIZES["tiny"]), "tiny")


def band(bars: int, first_bar: int = 0, seed: int = 0) -> Song:
    """A band that plays random notes in exact lengths, loudnesses and tempi that tokens round."""
    rng = np.random.default_rng(seed)

    def notes(low: int, high: int, count: int) -> np.ndarray:
        onset = (first_bar + np.repeat(np.arange(bars), count)) * BAR + np.tile(np.arange(count) * 6, bars)
        return make_notes(onset, 5, rng.integers(low, high, len(onset)), rng.integers(1, 127, len(onset)))

    return Song(
        parts=(
            Part("Lead vocal", notes(62, 80, 8), 53),
            Part("Kit", notes(35, 50, 8), 0, True),
            Part("Slap bass", notes(30, 45, 4), 36),
            Part("Organ", notes(50, 70, 6), 16),
        ),
        tempi=(Tempo(0, 93.7), Tempo((first_bar + bars // 2) * BAR + 12, 101.3)),
        title="Given",
    )


def notes_in(song: Song, first: int, last: int, families: set[str] | None = None) -> list[tuple[object, ...]]:
    """Return the notes that begin in bars, from 1, both included."""
    return [
        (part.name, *note)
        for part in song.parts
        if families is None or part.name.lower() in families
        for note in part.notes.tolist()
        if first <= note[0] // BAR + 1 <= last
    ]


def test_a_song_has_the_bars_the_instruments_and_the_tempo_that_were_asked_for(museformer: Museformer) -> None:
    made = museformer.generate(bars=9, instruments="melody,bass", tempo_qpm=100, n=3)
    for each in made:
        assert each.song.bars == len(each.tokens.bars) == 9
        assert each.new_bars == tuple(range(1, 10))
        assert {part.name for part in each.song.parts} <= {"Melody", "Bass"}
        assert each.song.tempi == (Tempo(0, 100),)
        assert each.report["grammar_errors"] == 0 == len(grammar_errors(each.tokens.bars))


def test_instruments_by_bar(museformer: Museformer) -> None:
    made = museformer.generate(bars=8, instruments="1-4: piano; 5-8: drums, bass")[0]
    assert {name for name, *_ in notes_in(made.song, 1, 4)} == {"Piano"}
    assert {name for name, *_ in notes_in(made.song, 5, 8)} == {"Drums", "Bass"}


def test_the_same_seed_gives_the_same_bytes_and_candidates_differ(museformer: Museformer) -> None:
    first, again = (museformer.generate(bars=4, seed=5, n=3) for _ in range(2))
    other = museformer.generate(bars=4, seed=6)
    files = [midi_bytes(each.song) for each in first]
    assert files == [midi_bytes(each.song) for each in again]
    assert len({*files, midi_bytes(other[0].song)}) == 4


def test_a_piece_is_the_same_alone_and_among_others(museformer: Museformer) -> None:
    alone, among = museformer.generate(bars=4)[0], museformer.generate(bars=4, n=4)[0]
    assert all(np.array_equal(*pair) for pair in zip(alone.tokens.bars, among.tokens.bars, strict=True))


def test_more_pieces_than_places_are_all_written(museformer: Museformer) -> None:
    task = Task(order=(1, 2))
    few = write(museformer.network, [task] * 5, range(5), SamplingSettings(), places=2)
    many = write(museformer.network, [task] * 5, range(5), SamplingSettings(), places=5)
    for one, other in zip(few, many, strict=True):
        assert one.new_bars == (1, 2)
        assert all(np.array_equal(one.bars[number], other.bars[number]) for number in (1, 2))


def test_sampling_options_make_a_difference(museformer: Museformer) -> None:
    def made(**options: float) -> str:
        return tokens_to_text(museformer.generate(bars=3, **options)[0].tokens.bars)  # type: ignore[arg-type]

    assert made(top_k=1, seed=1) == made(top_k=1, seed=2)
    assert len({made(), made(top_k=200), made(temperature=0.2), made(top_p=0.3)}) == 4


def test_tokens_and_midi_file_say_the_same(museformer: Museformer) -> None:
    made = museformer.generate(bars=6, n=2, tempo_qpm=100)
    for each in made:
        song = read_midi(midi_bytes(each.song), "song.mid")
        again = encode(song, pitch_shift=0)
        # MIDI cuts a note that is struck while it sounds; decoding does so too.
        cut = encode(decode(each.tokens), pitch_shift=0)
        assert [bar.tolist() for bar in again.bars] == [bar.tolist() for bar in cut.bars]


def test_bars_of_a_prompt_stay_as_they_are(museformer: Museformer) -> None:
    song = band(5)
    given = give(song)
    made = museformer.generate(prompt=song, bars=9, n=2)
    for each in made:
        assert each.new_bars == (6, 7, 8, 9)
        assert notes_in(each.song, 1, 5) == notes_in(given.song, 1, 5)
        assert each.song.tempi[:2] == song.tempi
        assert each.song.bars == 9
        assert [bar.tolist() for bar in each.tokens.bars[:5]] == [bar.tolist() for bar in given.bars]
        assert {part.name: part.program for part in each.song.parts}["Bass"] == 36
        assert each.song.title == "Given"


def test_a_prompt_changes_what_follows(museformer: Museformer) -> None:
    one, other = (museformer.continue_(band(3, seed=seed), 2)[0] for seed in (1, 2))
    assert one.tokens.bars[3].tolist() != other.tokens.bars[3].tolist()


def test_a_continuation_adds_bars_in_the_song_s_tempo(museformer: Museformer) -> None:
    song = band(4, first_bar=2)
    made = museformer.continue_(song, 3)[0]
    assert made.new_bars == (7, 8, 9)
    assert made.song.bars == 9
    assert made.song.tempi == song.tempi
    faster = museformer.continue_(song, 3, tempo_qpm=150)[0]
    assert faster.song.tempi == (*song.tempi, Tempo(6 * BAR, 150))


def test_a_prompt_longer_than_the_window_of_fine_bars(museformer: Museformer) -> None:
    song = band(70)
    made = museformer.continue_(song, 2)[0]
    assert made.new_bars == (71, 72)
    assert notes_in(made.song, 1, 70) == notes_in(give(song).song, 1, 70)


def test_without_a_number_of_bars_the_model_ends_the_song_within_its_limits(museformer: Museformer) -> None:
    for limits in (Limits(min_tokens=60, max_tokens=400), Limits(min_tokens=300, max_tokens=310)):
        written = write(museformer.network, [Task(limits=limits)] * 4, range(4), SamplingSettings())
        for each in written:
            assert limits.min_tokens <= each.new_tokens + 1 <= limits.max_tokens
            assert each.is_ended == (each.new_tokens + 2 < limits.max_tokens)  # with less room the end is forced
            assert len(each.bars[max(each.bars)]) > 2  # silent bars at the end are no part of a song


def check_infill(made: Generated, song: Song, first: int, last: int, parts: set[str] | None) -> None:
    given = give(song)
    bars = len(given.bars)
    assert made.new_bars == tuple(range(first, last + 1))
    for outside in ((1, first - 1), (last + 1, bars)):
        assert notes_in(made.song, *outside) == notes_in(given.song, *outside)
    for bar in (*range(1, first), *range(last + 1, bars + 1)):
        assert made.tokens.bars[bar - 1].tolist() == given.bars[bar - 1].tolist()
    assert made.song.tempi == song.tempi
    assert made.report["grammar_errors"] == 0
    if parts is not None:
        kept = {family.name for family in v.FAMILIES} - parts
        assert notes_in(made.song, first, last, kept) == notes_in(given.song, first, last, kept)
    assert notes_in(made.song, first, last, parts) != notes_in(given.song, first, last, parts)


@pytest.mark.parametrize("parts", [None, {"bass", "drums"}, {"melody"}, {"strings", "piano"}])
@pytest.mark.parametrize(("first", "last"), [(3, 4), (1, 2), (7, 8), (1, 8)])
def test_infill_leaves_all_other_bars_and_parts_as_they_are(
    museformer: Museformer, first: int, last: int, parts: set[str] | None
) -> None:
    song = band(8)
    for each in museformer.infill(song, first, last, None if parts is None else sorted(parts), n=2):
        check_infill(each, song, first, last, parts)


def test_infill_counts_bars_as_the_file_does(museformer: Museformer) -> None:
    song = band(6, first_bar=3)
    check_infill(museformer.infill(song, 5, 6)[0], song, 5, 6, None)
    check_infill(museformer.infill(song, 2, 2)[0], song, 2, 2, None)  # a silent bar is filled


def test_the_form_of_a_given_song_stays_unless_the_plan_has_one(museformer: Museformer) -> None:
    song = band(4).replace(form=Form.parse("A2 B2"))
    assert museformer.infill(song, 2, 2)[0].song.form == song.form
    assert museformer.continue_(song, 2)[0].song.form == song.form
    longer = museformer.continue_(song, plan=Plan.parse("A2 B2 A2"))[0].song
    assert (str(longer.form), longer.bars) == ("A2B2A2", 6)


def test_a_tempo_after_the_last_bar_line_stays_while_notes_ring(museformer: Museformer) -> None:
    song = band(4)
    ringing = make_notes([3 * BAR], [100], [40], [80])
    slower = song.replace(
        parts=(*song.parts[:2], song.parts[2].with_notes(ringing), song.parts[3]), tempi=(Tempo(0, 90), Tempo(210, 40))
    )
    assert museformer.infill(slower, 2, 2)[0].song.tempi == slower.tempi


def test_infill_hears_what_stands_behind(museformer: Museformer) -> None:
    one, other = band(8, seed=1), band(8, seed=1)
    later = tuple(part.with_notes(part.notes[part.notes["onset"] < 5 * BAR]) for part in other.parts)
    cut = museformer.infill(other.replace(parts=later), 3, 3)[0]
    assert museformer.infill(one, 3, 3)[0].tokens.bars[2].tolist() != cut.tokens.bars[2].tolist()


def test_copied_bars_are_note_for_note(museformer: Museformer) -> None:
    made = museformer.generate(plan=Plan.parse("5-8!1-4; 9!7"), bars=10, n=2)
    for each in made:
        for bar, source in [(5, 1), (6, 2), (7, 3), (8, 4), (9, 7)]:
            assert each.tokens.bars[bar - 1].tolist() == each.tokens.bars[source - 1].tolist()
            sounds = len(each.tokens.bars[bar - 1]) > 2
            assert each.similarity[bar - 1, source - 1] == sounds
        assert each.report["plan_following"] == {"copy": {"bars": 5, "mean_similarity": 1.0}}


def test_copies_go_with_instruments_that_can_play_them(museformer: Museformer) -> None:
    plan = Plan.parse("3-4!1-2; 5!3")
    made = museformer.generate(instruments="1-2: piano; 3-4: drums, piano; 5: piano", plan=plan)[0]
    assert {name for name, *_ in notes_in(made.song, 1, 5)} == {"Piano"}


def test_a_plan_changes_what_its_bars_see(museformer: Museformer) -> None:
    plain, planned, varied = (
        museformer.generate(bars=12, plan=plan, tempo_qpm=100)[0]
        for plan in (None, Plan.parse("10-12=4-6"), Plan.parse("10-12~4-6"))
    )
    assert planned.tokens.bars[8].tolist() == varied.tokens.bars[8].tolist()  # free bars do not know what follows
    assert len({str([bar.tolist() for bar in each.tokens.bars[9:]]) for each in (plain, planned, varied)}) == 3


def test_a_form_gives_its_length_and_its_letters(museformer: Museformer) -> None:
    made = museformer.generate(plan=Plan.parse("A3 B2 A3"))[0]
    assert made.song.bars == 8
    assert str(made.song.form) == "A3B2A3"
    assert made.report["plan"] == "A3 B2 A3"
    assert made.report["plan_following"]["repeat"]["bars"] == 3


def test_plans_go_with_given_songs(museformer: Museformer) -> None:
    song = band(4, first_bar=1)
    copied = museformer.generate(prompt=song, plan=Plan.parse("6-9!2-5"))[0]
    assert all(copied.similarity[bar, bar - 4] == 1 for bar in range(5, 9))
    refilled = museformer.infill(song, 4, 4, plan=Plan.parse("4!2"))[0]
    assert refilled.similarity[3, 1] == 1
    assert notes_in(refilled.song, 1, 3) == notes_in(give(song).song, 1, 3)


@pytest.mark.parametrize(
    ("name", "semitones"),
    [("C", 0), ("G", -5), ("D", 2), ("F", 5), ("F#", 6), ("Gb", 6), ("B", -1), ("Am", 0), ("Em", -5), ("Cm", 3)],
)
def test_a_key_moves_the_pitches_and_nothing_else(museformer: Museformer, name: str, semitones: int) -> None:
    (plain,), (moved,) = (museformer.generate(bars=3, seed=5, key=key) for key in (None, Key.parse(name)))
    for before, after in zip(plain.song.parts, moved.song.parts, strict=True):
        if not before.is_drums:
            # Random weights write the lowest and highest pitches too; what would leave MIDI's range moves by octaves.
            higher = np.sort(before.notes["pitch"] + semitones)
            is_inside = bool(higher.min() >= 0 and higher.max() <= 127)
            wanted = higher if is_inside else np.sort(higher % 12)
            found = after.notes["pitch"] if is_inside else after.notes["pitch"] % 12
            assert np.sort(found).tolist() == wanted.tolist()
    assert moved.song.part("drums") == plain.song.part("drums")
    assert tokens_to_text(moved.tokens.bars) == tokens_to_text(plain.tokens.bars)
    assert (moved.tokens.pitch_shift, moved.report["pitch_shift"]) == (-semitones, -semitones)


def test_a_network_that_saw_no_plans_or_gaps_is_not_asked_for_them(museformer: Museformer) -> None:
    recipe = {"infill_share": 0.0, "plan_share": 0.0}
    plain = Museformer(museformer.network, "plain", {"recipe": recipe})
    assert plain.continue_(band(2), 1)[0].new_bars == (3,)
    with pytest.raises(ArgumentError, match="plain was not trained to follow plans"):
        plain.generate(plan=Plan.parse("A2 A2"))
    with pytest.raises(ArgumentError, match="plain was not trained to write bars anew"):
        plain.infill(band(4), 2, 2)


def test_progress_counts_bars(museformer: Museformer) -> None:
    seen: list[tuple[int, int]] = []
    museformer.generate(bars=5, n=2, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (10, 10)
    assert {total for _, total in seen} == {10}


def test_one_thread_writes_and_the_others_come_back(museformer: Museformer) -> None:
    before = torch.get_num_threads()
    seen = set()
    try:
        torch.set_num_threads(2)
        museformer.generate(bars=2, progress=lambda _done, _total: seen.add(torch.get_num_threads()))
        with pytest.raises(ZeroDivisionError):
            museformer.generate(bars=2, progress=lambda done, _total: 1 // (done - 1))
        assert (seen, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(before)


def test_full_attention_writes_forward_only() -> None:
    torch.manual_seed(0)
    museformer = Museformer(MuseformerNetwork(SIZES["tiny"].as_variant("full")))
    assert museformer.continue_(band(2), 2)[0].new_bars == (3, 4)
    with pytest.raises(ArgumentError, match="no infill, no plan"):
        museformer.infill(band(4), 2, 2)


def waltz() -> Song:
    return Song(parts=(Part("Tune", make_notes(range(0, 36 * 8, 12), 12, 60)),), meters=(Meter(0, 3, 4),))


def endless() -> Song:
    return Song(parts=(Part("Tune", make_notes(range(0, BAR * 1300, BAR), 12, 60)),), title="Endless")


WRONG: dict[str, tuple[Callable[[Museformer], object], str]] = {
    "no notes": (lambda m: m.continue_(Song(parts=(Part("Tune"),), title="Silence"), 4), "Silence has no notes"),
    "waltz": (lambda m: m.continue_(waltz(), 4), "only songs in 4/4"),
    "waltz to infill": (lambda m: m.infill(waltz(), 1, 2), "only songs in 4/4"),
    "endless prompt": (lambda m: m.generate(prompt=endless()), "Endless has 1300 bars already; a song can have 1000"),
    "endless song": (lambda m: m.continue_(endless(), 4), "Endless has 1300 bars already; a song can have 1000"),
    "key of a prompt": (lambda m: m.generate(prompt=band(2), key=Key(7)), "key and prompt contradict"),
    "bars outside": (lambda m: m.infill(band(8), 7, 12), "7-12 are outside Given, which has bars 1 to 8"),
    "bars fall": (lambda m: m.infill(band(8), 5, 3), "5-3 are outside"),
    "prompt as long as the song": (lambda m: m.generate(prompt=band(8), bars=8), "has 8 bars already"),
    "no bars": (lambda m: m.generate(bars=0), "0 bars"),
    "no bars to add": (lambda m: m.continue_(band(2), 0), "0 bars"),
    "endless": (lambda m: m.generate(bars=5000), "5000 bars"),
    "kazoo": (lambda m: m.generate(bars=4, instruments="kazoo"), "melody, drums"),
    "no part": (lambda m: m.infill(band(4), 2, 2, []), "no instrument is named"),
    "instruments too far": (lambda m: m.generate(bars=4, instruments="3-6: bass"), "bar 6 is outside"),
    "copy of other instruments": (
        lambda m: m.generate(instruments="1-2: piano, bass; 3-4: drums, bass", plan=Plan.parse("3-4!1-2")),
        "bar 3 copies bar 1, so its piano must be allowed",
    ),
    "copy of the given bars' instruments": (
        lambda m: m.generate(prompt=band(2), instruments="melody, drums, piano", plan=Plan.parse("3-4!1-2")),
        "bar 3 copies bar 1, so its bass must be allowed",
    ),
    "tempo": (lambda m: m.generate(bars=4, tempo_qpm=300), "24 to 200"),
    "plan too long": (lambda m: m.generate(bars=4, plan=Plan.parse("A4 A4")), "bar 8 is outside the song"),
    "plan beside the infill": (lambda m: m.infill(band(8), 5, 6, plan=Plan.parse("7=1")), "bar 7 is not among"),
    "copy of parts": (
        lambda m: m.infill(band(8), 5, 6, ["bass"], plan=Plan.parse("5!1")), "contradict",
    ),
    "candidates": (lambda m: m.generate(bars=4, n=0), "1 to 64"),
    "seed": (lambda m: m.generate(bars=4, seed=-1), "from 0 on"),
    "temperature": (lambda m: m.generate(bars=4, temperature=0), "temperature"),
    "top p": (lambda m: m.generate(bars=4, top_p=0), "top_p"),
    "melody without a song": (lambda m: m.generate(bars=4, melody=0), "there is none"),
    "drums as melody": (lambda m: m.continue_(band(4), 2, melody=1), "cannot be the melody"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_wishes_are_refused_with_the_reason(museformer: Museformer, kind: str) -> None:
    call, words = WRONG[kind]
    with pytest.raises((ArgumentError, UnsuitableSongError), match=words):
        call(museformer)


def test_bars_of_the_shipped_network_are_more_alike_where_the_plan_repeats() -> None:
    shipped = Museformer.load()
    plan = Plan.parse("A4 B4 A4")
    planned, free = (
        [
            note_bars(song.tokens.bars)
            for song in shipped.generate(bars=12, plan=what, seed=3, n=3, instruments="melody,bass,drums")
        ]
        for what in (plan, None)
    )
    found = plan_report(planned, free, plan)
    assert found is not None
    assert found["difference"][0] > 0.1
    assert all(len({bar.tobytes() for bar in bars}) > 6 for bars in planned)  # repeats vary
