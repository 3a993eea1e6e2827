from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ritornello.analysis.phrase_grid import phrase_grid
from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.imitation import Imitation, imitate
from ritornello.imitation.originality_guard import CopyGuard, CopyLimits
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, make_notes
from ritornello.score.framework_reader import parse_framework
from ritornello.score.midi_reader import read_midi
from ritornello.score.midi_writer import midi_bytes


def melody(song: Song) -> np.ndarray:
    part = song.part("melody")
    assert part is not None
    return part.notes


@pytest.fixture(scope="module")
def imitation(seed_song: Song) -> Imitation:
    return imitate(seed_song)[0]


def test_result_is_a_whole_new_song(seed_song: Song, imitation: Imitation) -> None:
    song = imitation.song
    assert str(song.form) == str(seed_song.form)
    assert song.bars == seed_song.bars
    assert song.key_at(0) == seed_song.key_at(0)
    assert {part.role for part in song.parts} == {part.role for part in seed_song.parts}
    assert not np.array_equal(melody(song)["pitch"], melody(seed_song)["pitch"])
    assert melody(song)["pitch"].min() >= melody(seed_song)["pitch"].min()
    assert melody(song)["pitch"].max() <= melody(seed_song)["pitch"].max()
    assert song.part("melody").program == seed_song.part("melody").program  # type: ignore[union-attr]


def test_same_seed_gives_the_same_bytes_and_another_seed_another_song(seed_song: Song, imitation: Imitation) -> None:
    again = imitate(seed_song)[0]
    other = imitate(seed_song, random_seed=1)[0]
    assert midi_bytes(again.song) == midi_bytes(imitation.song)
    assert json.dumps(again.report) == json.dumps(imitation.report)
    assert again.framework.to_json() == imitation.framework.to_json()
    assert midi_bytes(other.song) != midi_bytes(imitation.song)


def test_every_process_gives_the_same_bytes() -> None:
    code = (
        "import hashlib; from tests.imitation.conftest import make_song; from ritornello.imitation import imitate; "
        "from ritornello.score.midi_writer import midi_bytes; "
        "print(hashlib.sha256(midi_bytes(imitate(make_song())[0].song)).hexdigest())"
    )
    printed = set()
    for hash_seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        )  # fmt: skip
        printed.add(done.stdout)
    assert len(printed) == 1


def test_result_survives_midi(imitation: Imitation) -> None:
    back = read_midi(midi_bytes(imitation.song), "song.mid")
    for written, read in zip(imitation.song.parts, back.parts, strict=True):
        assert np.array_equal(written.notes, read.notes)


def test_melody_is_one_voice_and_the_song_ends_on_the_tonic_chord(imitation: Imitation) -> None:
    notes = melody(imitation.song)
    assert (notes["onset"][1:] >= (notes["onset"] + notes["duration"])[:-1]).all()
    assert imitation.song.chords[-1].chord.root == 7


@pytest.mark.parametrize("random_seed", range(3))
def test_a_song_without_outro_closes_on_a_held_tonic(seed_song: Song, random_seed: int) -> None:
    song = imitate(seed_song, form=Form.parse("i2A8A8B8A8"), random_seed=random_seed)[0].song
    last = melody(song)[-1]
    assert int(last["pitch"]) % 12 == 7
    assert int(last["onset"]) + int(last["duration"]) == song.bars * 48
    assert song.chords[-1].chord == Chord(7)


def test_no_bar_is_silent(imitation: Imitation) -> None:
    sounding = set()
    for part in imitation.song.parts:
        sounding |= {int(onset) // 48 for onset in part.notes["onset"]}
    assert sounding == set(range(imitation.song.bars))


def test_bass_sounds_the_chords_bass_on_the_downbeat(imitation: Imitation) -> None:
    bass = imitation.song.part("bass")
    assert bass is not None
    for onset, _, pitch, _ in bass.notes.tolist():
        if onset % 48 == 0:
            chord = next(span.chord for span in imitation.song.chords if span.onset <= onset < span.end)
            assert pitch % 12 == chord.bass


def test_copy_limits_hold_and_can_be_lowered(seed_song: Song, imitation: Imitation) -> None:
    lower = imitate(seed_song, limits=CopyLimits(rhythmic=5, melodic=8))[0]
    for result, rhythmic, melodic in ((imitation, 8, 12), (lower, 5, 8)):
        originality = result.report["originality"]
        assert originality["rhythmic_run"]["notes"] <= rhythmic
        assert originality["melodic_run"]["notes"] <= melodic
    with pytest.raises(ArgumentError, match="rhythmic=9"):
        CopyLimits(rhythmic=9)


def test_report_is_plain_and_says_what_was_measured(imitation: Imitation) -> None:
    report = json.loads(json.dumps(imitation.report, allow_nan=False))
    assert set(report["style_distance"]) == {"mean", "rhythm", "interval", "pitch_in_chord", "chord_change", "bass"}
    assert set(report["adherence"]["by_letter"]) == {"A", "B"}
    assert report["originality"]["nearest_seed_phrase"]["agreement"] <= 1
    assert report["strength"] == 0.8
    assert report["kept"] == []
    assert report["seed_half_to_half"]["mean"] > 0


def test_framework_describes_every_phrase(imitation: Imitation) -> None:
    framework, song = imitation.framework, imitation.song
    assert (framework.form, framework.key, framework.seed) == (song.form, song.key_at(0), 0)
    assert framework.song().chords == song.chords
    for column in ("onset", "pitch"):
        assert np.array_equal(framework.melody()[column], melody(song)[column])
    for phrase in framework.phrases:
        assert not framework.open_layers(phrase.id)
        assert phrase.source is None or framework.phrases[phrase.source].letter == phrase.letter
    assert parse_framework(framework.to_json()) == framework


def test_candidates_are_ranked_by_score(seed_song: Song) -> None:
    seen: list[tuple[int, int]] = []
    results = imitate(seed_song, n=3, progress=lambda done, total: seen.append((done, total)))
    scores = [result.report["score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert len({midi_bytes(result.song) for result in results}) == 3
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_keep_melody_is_exact_and_lifts_the_copy_guard(seed_song: Song) -> None:
    result = imitate(seed_song, keep=["melody"])[0]
    assert np.array_equal(melody(result.song), melody(seed_song))
    assert result.song.chords != seed_song.chords
    assert result.report["originality"]["guarded"] is False
    assert "kept" in result.report["originality"]["note"]


def test_keep_chords_is_exact(seed_song: Song) -> None:
    result = imitate(seed_song, keep=["chords"])[0]
    assert result.song.chords == seed_song.chords
    assert not np.array_equal(melody(result.song)["pitch"], melody(seed_song)["pitch"])


def test_keep_rhythm_is_exact(seed_song: Song) -> None:
    result = imitate(seed_song, keep=["rhythm"])[0]
    assert np.array_equal(melody(result.song)["onset"], melody(seed_song)["onset"])
    assert np.array_equal(melody(result.song)["duration"], melody(seed_song)["duration"])
    assert not np.array_equal(melody(result.song)["pitch"], melody(seed_song)["pitch"])
    assert result.report["originality"]["rhythmic_run"]["notes"] <= 8


def test_keep_bass_is_exact_and_the_chords_bear_it(seed_song: Song) -> None:
    result = imitate(seed_song, keep=["bass"])[0]
    old, new = seed_song.part("bass"), result.song.part("bass")
    assert old is not None and new is not None
    assert np.array_equal(new.notes, old.notes)
    downbeats = [note for note in new.notes.tolist() if note[0] % 48 == 0]
    chords = [next(s.chord for s in result.song.chords if s.onset <= note[0] < s.end) for note in downbeats]
    fitting = [note[2] % 12 in chord.pitch_classes for note, chord in zip(downbeats, chords, strict=True)]
    assert np.mean(fitting) > 0.9


def test_keep_structure_keeps_exact_repeats_exact(seed_song: Song) -> None:
    kept = imitate(seed_song, keep=["structure"], random_seed=3)[0]  # every repeat of the seed is exact
    free = imitate(seed_song, random_seed=3)[0]
    assert kept.report["adherence"]["same_letter"] == 1.0
    assert free.report["adherence"]["same_letter"] < 1.0


def test_keeping_everything_gives_the_seed_back(seed_song: Song) -> None:
    result = imitate(seed_song, keep=["structure", "chords", "rhythm", "melody", "bass"])[0]
    assert np.array_equal(melody(result.song), melody(seed_song))
    assert result.song.chords == seed_song.chords


def test_several_keys_are_written_in_the_first(seed_song: Song) -> None:
    bar = 18  # the first chorus starts a new key, a tone higher
    tick = 48 * bar
    part = seed_song.part("melody")
    assert part is not None
    notes = part.notes.copy()
    notes["pitch"] += np.where(notes["onset"] >= tick, 2, 0)
    moved = seed_song.replace(
        parts=(part.with_notes(notes),),
        keys=(KeyRegion(0, Key(7)), KeyRegion(tick, Key(9))),
        chords=tuple(
            ChordSpan(s.onset, s.duration, s.chord.transpose(2 if s.onset >= tick else 0)) for s in seed_song.chords
        ),
    )
    result = imitate(moved)[0].song
    assert [region.key for region in result.keys] == [Key(7)]
    inside = np.isin(melody(result)["pitch"] % 12, Key(7).scale)
    assert inside.mean() > 0.95
    kept = imitate(moved, keep=["melody"])[0].song
    assert np.array_equal(melody(kept), notes)
    assert [region.key for region in kept.keys] == [Key(7), Key(9)]


def test_key_and_tempo_are_honoured(seed_song: Song, imitation: Imitation) -> None:
    result = imitate(seed_song, key=Key(10), tempo_qpm=132.0)[0].song
    assert result.key_at(0) == Key(10)
    assert result.tempi[0].qpm == 132.0
    assert np.array_equal(melody(result)["pitch"], melody(imitation.song)["pitch"] + 3)
    assert [s.chord for s in result.chords] == [s.chord.transpose(3) for s in imitation.song.chords]


def test_the_other_mode_is_reached_by_altering_degrees(seed_song: Song) -> None:
    result = imitate(seed_song, key=Key(4, "minor"))[0].song
    allowed = {*Key(4, "minor").scale, 3}  # with the leading tone
    assert np.isin(melody(result)["pitch"] % 12, list(allowed)).mean() > 0.95
    assert result.chords[-1].chord == Chord(4, "min")


def test_another_form_is_filled_letters_unknown_to_the_seed_too(seed_song: Song) -> None:
    form = Form.parse("i4A8B9C8A4x2D8X3B8o3")
    result = imitate(seed_song, form=form)[0]
    assert result.song.form == form
    assert result.song.bars == form.bars
    grid = phrase_grid(result.song)
    for phrase in grid.melodic_phrases:
        notes = grid.notes_between(phrase.start_bar * 16, phrase.stop_bar * 16)
        assert notes.stop > notes.start
    sounding = {int(onset) // 48 for part in result.song.parts for onset in part.notes["onset"]}
    assert sounding == set(range(form.bars))
    assert result.report["adherence"]["other_letter"] <= 0.3


def test_strength_moves_the_result_towards_the_seed(seed_song: Song) -> None:
    distances = [
        np.mean([imitate(seed_song, strength=s, random_seed=r)[0].report["style_distance"]["mean"] for r in range(2)])
        for s in (0.0, 0.5, 1.0)
    ]
    assert distances[0] > distances[1] > distances[2]


def test_a_seed_without_accompaniment_gets_a_plain_one(seed_song: Song) -> None:
    bare = seed_song.replace(parts=seed_song.parts[:1])
    song = imitate(bare)[0].song
    assert [part.role for part in song.parts] == ["melody", "chords", "bass"]
    for note in song.parts[1].notes[:50]:
        chord = next(s.chord for s in song.chords if s.onset <= note["onset"] < s.end)
        assert int(note["pitch"]) % 12 in chord.pitch_classes


def test_triple_metre() -> None:
    rng = np.random.default_rng(0)
    form = Form.parse("A8A8B8B8A8B8")
    tunes = {letter: rng.integers(0, 7, 24) for letter in "AB"}
    rows, chords = [], []
    for segment, start in zip(form.segments, form.starts, strict=True):
        for beat, degree in enumerate(tunes[segment.letter]):
            rows.append((start * 36 + beat * 12, 12, 60 + Key(0).scale[int(degree)], 80))
        for bar in range(8):
            chords.append(ChordSpan((start + bar) * 36, 36, Chord((0, 5, 7, 0)[bar % 4])))
    onset, duration, pitch, velocity = zip(*rows, strict=True)
    waltz = Song(
        parts=(Part("Tune", make_notes(onset, duration, pitch, velocity), role="melody"),),
        meters=(Meter(0, 3, 4),), keys=(KeyRegion(0, Key(0)),), chords=tuple(chords), form=form,
    )  # fmt: skip
    song = imitate(waltz)[0].song
    assert str(song.meters[0]) == "3/4"
    assert song.bars == 48
    assert np.isin(melody(song)["onset"] % 12, (0,)).mean() > 0.8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"strength": 1.5}, "strength 1.5"),
        ({"n": 0}, "n = 0"),
        ({"random_seed": -1}, "random seed"),
        ({"tempo_qpm": 1.0}, "tempo"),
        ({"keep": ["harmony"]}, "harmony"),
        ({"keep": ["structure"], "form": Form.parse("A8B8")}, "keep structure and form A8B8"),
        ({"keep": ["melody"], "form": Form.parse("A8B8")}, "keep melody and form A8B8"),
        ({"keep": ["melody"], "key": Key(4, "minor")}, "keep melody and key E minor"),
        ({"form": Form.parse("i4x4")}, "no melodic phrase"),
    ],
)
def test_bad_arguments_are_named(seed_song: Song, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        imitate(seed_song, **arguments)  # type: ignore[arg-type]


def test_the_seeds_own_form_contradicts_nothing(seed_song: Song) -> None:
    assert imitate(seed_song, keep=["structure"], form=seed_song.form)[0].song.form == seed_song.form


def test_unsuitable_seeds_are_refused_with_a_reason(seed_song: Song) -> None:
    voice = seed_song.parts[0]
    drums_only = seed_song.replace(parts=seed_song.parts[3:])
    one_note = seed_song.replace(parts=(voice.with_notes(voice.notes[:1]),))
    one_pitch = voice.notes.copy()
    one_pitch["pitch"] = 67
    short = Song(
        parts=(voice.with_notes(voice.notes[voice.notes["onset"] < 6 * 48]),), form=Form.parse("x2A4"),
        keys=seed_song.keys, chords=seed_song.chords[:6],
    )  # fmt: skip
    for song, words in (
        (drums_only, "melody"),
        (one_note, "1 notes in the melodic"),
        (seed_song.replace(parts=(voice.with_notes(one_pitch),)), "1 pitch,"),
        (short, "4 bars"),
        (seed_song.replace(form=None), "form"),
        (seed_song.replace(keys=()), "key"),
        (seed_song.replace(chords=()), "chords"),
    ):
        with pytest.raises(UnsuitableSongError, match=words):
            imitate(song)


def test_a_seed_that_says_little_is_followed_less(seed_song: Song) -> None:
    song = dataclasses.replace(seed_song, form=Form.parse("i2A16B16x2C16o2"))
    report = imitate(song)[0].report
    assert any("repeated" in warning for warning in report["warnings"])
    assert any("strength lowered" in warning for warning in report["warnings"])


def test_guard_knows_every_run_over_its_limit() -> None:
    onsets, pitches = np.arange(0, 60, 2), np.array([60, 62, 64, 65, 67, 65, 64, 62, 60, 59] * 3)
    guard = CopyGuard(onsets, pitches, CopyLimits(rhythmic=4, melodic=6))
    assert guard.violations(onsets[:4].tolist(), pitches[:4].tolist()) == []
    assert guard.violations(onsets[:5].tolist(), pitches[:5].tolist()) == [4]
    assert guard.violations((onsets[:5] * 3).tolist(), pitches[:5].tolist()) == []
    assert guard.violations((onsets[:7] * 3).tolist(), (pitches[:7] + 5).tolist()) == [6]
    assert 2 in guard.forbidden(onsets[:4].tolist(), (pitches[:4] + 1).tolist(), 8)
