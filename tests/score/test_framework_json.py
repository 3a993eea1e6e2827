from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from framework_strategies import frameworks, whole
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.errors import ReadError
from ritornello.score import Key
from ritornello.score.framework import Framework
from ritornello.score.framework_reader import parse_framework
from ritornello.score.spelling import parse_pitch, pitch_name

FEW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCHEMA = json.loads((resources.files("ritornello.score") / "framework.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
TEXT = whole().with_phrase(2, repeat="copy").replace(title="Étude").to_json()


def document() -> dict[str, Any]:
    return json.loads(TEXT)


@FEW
@given(frameworks())
def test_reading_and_writing_back_changes_nothing(framework: Framework) -> None:
    text = framework.to_json()
    again = parse_framework(text.encode())
    assert again == framework
    assert again.to_json() == text
    VALIDATOR.validate(json.loads(text))


def test_a_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    whole().write(path)
    assert Framework.read(path) == whole()
    assert path.read_text(encoding="utf-8").startswith('{\n  "version": 1,')


def test_what_the_form_says_may_be_left_out() -> None:
    assert parse_framework('{"version": 1, "form": "i1A2A2B2", "key": "G", "tempo_qpm": 96}') == Framework.from_form(
        "i1A2A2B2", "G", 96
    )
    data = document()
    del data["sections"]
    for phrase in data["phrases"]:
        for name in ("id", "letter", "bars", "start_bar", "role", "position_in_section", "key"):
            del phrase[name]
    assert parse_framework(json.dumps(data)) == parse_framework(TEXT)


def test_pitches_are_names_or_numbers_and_thirds_of_a_beat_are_forgiven() -> None:
    data = document()
    data["phrases"][1]["notes"][0]["pitch"] = 67
    data["phrases"][1]["cells"][0]["basic_pitch"] = 67.0
    assert parse_framework(json.dumps(data)) == parse_framework(TEXT)
    data["phrases"][1]["chords"] = [{"chord": "C", "beats": 0.333}, {"chord": "G", "beats": 7.667}]
    cells = parse_framework(json.dumps(data)).phrases[1].chords
    assert cells is not None and cells[0].beats == 4 / 12


@given(st.integers(0, 127), st.builds(Key, st.integers(0, 11), st.sampled_from(["major", "minor"])))
def test_pitch_names_read_back(pitch: int, key: Key) -> None:
    assert parse_pitch(pitch_name(pitch, key)) == pitch


def _put(path: str, value: Any) -> str:
    """Return the document with one value changed; a path is ``phrases.1.notes.0.pitch``."""
    data: Any = document()
    *above, last = [int(word) if word.isdigit() else word for word in path.split(".")]
    place = data
    for word in above:
        place = place[word]
    place[last] = value
    return json.dumps(data)


# A path, a bad value, the error, and whether the schema sees it too.
BAD = [
    ("version", 2, "version: 2 is not read; this program reads version 1", True),
    ("version", "1", 'version: "1" is no number', True),
    ("form", "A8!", "form: form 'A8!' does not parse at '!'", True),
    ("form", "i1A2A2", r"sections: \[\[1, 4\]\] is not what the form says: \[\[1, 3\]\]", False),
    ("key", "H", "key: 'H' is no key", True),
    ("metre", "waltz", "metre: 'waltz' is no metre", True),
    ("metre", "3/4", r"phrases\[1\].cells\[0\].onset_pattern: .* write 12 of x", False),
    ("tempo_qpm", 0, "tempo_qpm: 0 is out of range", True),
    ("tempo_qpm", True, "tempo_qpm: true is no number", True),
    ("tempo_qpm", 10**30, "tempo_qpm: a number of many digits is out of range", True),
    ("step_ticks", 2.5, "step_ticks: 2.5 is no whole number", True),
    ("step_ticks", 7, "step_ticks: 7 does not divide the beat", False),
    ("title", 3, "title: 3 is no text", True),
    ("title", "x" * 501, "title: is longer than 500 characters", True),
    ("seed", -1, "seed: -1 is out of range", True),
    ("tempo", 90, 'the file: the field "tempo" is unknown; known are version, title', True),
    ("phrases", {}, r"phrases: \{\} is no list", True),
    ("phrases", [], "phrases: there are 0, but the form i1A2A2B2 has 4", False),
    ("phrases.1", 5, r"phrases\[1\]: 5 is no object", True),
    ("phrases.1.letter", "B", r'phrases\[1\].letter: "B" is not what the form says: "A"', False),
    ("phrases.1.id", True, r"phrases\[1\].id: true is not what the form says: 1", True),
    ("phrases.2.source", 2, r"phrases\[2\].source: 2 is not the id of an earlier phrase", False),
    ("phrases.2.repeat", "again", r"phrases\[2\].repeat: 'again' is unknown; use copy, vary or free", True),
    ("phrases.1.chords.0.chord", "Hm", r"phrases\[1\].chords\[0\].chord: 'Hm' is no chord", True),
    ("phrases.1.chords.0.beats", 3, r"phrases\[1\].chords: they fill 7 beats, the phrase has 8", False),
    ("phrases.1.chords.0.beats", -1, r"phrases\[1\].chords\[0\].beats: -1 is no length", True),
    ("phrases.1.chords.0", {"chord": "G"}, r"phrases\[1\].chords\[0\].beats: is missing", True),
    ("phrases.1.chords.0.lock", 1, r"phrases\[1\].chords\[0\].lock: 1 is neither true nor false", True),
    ("phrases.1.cells.2.basic_pitch", "H4", r"phrases\[1\].cells\[2\].basic_pitch: 'H4' is no pitch", True),
    ("phrases.1.cells.2.basic_pitch", 128, r"phrases\[1\].cells\[2\].basic_pitch: 128 is out of range", True),
    ("phrases.1.cells.2.onset_pattern", "x..", r'onset_pattern: "x.." is no pattern; write 8 of x', False),
    ("phrases.1.cells.2.onset_pattern", "o.......", r'onset_pattern: "o......." is no pattern', True),
    ("phrases.1.cells.2.complexity", 0.3, r"complexity: 0.3 is not a number of onsets / 16", True),
    ("phrases.1.cells.2.rhythm_label", 3, r"rhythm_label: 3 names no cell up to this one; use 0 to 2", False),
    ("phrases.1.cells.2.contour", "up", r'contour: "up" is no number', True),
    ("phrases.1.cells.2.locks", ["pitch"], r"locks: 'pitch' is no item of a cell", True),
    ("phrases.1.cells.2.locks", ["contour"], r"locks: 'contour' is locked, but nothing is decided there", False),
    ("phrases.1.cells.2.locks", ["basic_pitch"] * 2, r"locks: the same item is named twice", True),
    ("phrases.1.cells", [], None, False),
    ("phrases.1.cells", [{}], r"phrases\[1\].cells: there are 1, 2 bars have 4 cells of half a bar", False),
    ("phrases.1.notes.2.onset", 25, r"phrases\[1\].notes\[2\]: sounds from step 25 to 37, outside", False),
    ("phrases.1.notes.2.onset", -1, r"phrases\[1\].notes\[2\]: sounds from step -1", True),
    ("phrases.1.notes.2.duration", 0, r"phrases\[1\].notes\[2\].duration: 0 is too short", True),
    ("phrases.1.notes.2.pitch", "C10", r"phrases\[1\].notes\[2\].pitch: 'C10' is no pitch", True),
]


@pytest.mark.parametrize(("path", "value", "message", "by_schema"), BAD)
def test_errors_name_the_place_and_the_schema_agrees(
    path: str, value: Any, message: str | None, by_schema: bool
) -> None:
    text = _put(path, value)
    if message is None:
        parse_framework(text)
    else:
        with pytest.raises(ReadError, match=message) as caught:
            parse_framework(text, "plan.json")
        assert str(caught.value).startswith("plan.json: ") and "\n" not in str(caught.value)
    assert VALIDATOR.is_valid(json.loads(text)) is not by_schema


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no JSON; line 1, column 1"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"[1]", r"the file: \[1\] is no object"),
        (b"{}", "version: is missing; this program reads version 1"),
        (b'{"version": 1}', "form: is missing"),
        (b'{"version": 1, "version": 1}', 'the field "version" stands twice'),
        (b'{"version": 1, "form": "A1", "tempo_qpm": NaN}', "NaN is no number of JSON"),
        (b'{"version": 1, "form": "A1", "tempo_qpm": 1e999}', "tempo_qpm: Infinity is out of range"),
        (b'{"version": ' + b"9" * 5000 + b"}", "a number or the nesting in it is too large"),
        (b"[" * 100_000, "a number or the nesting in it is too large"),
    ],
)
def test_what_is_no_framework_at_all(data: bytes, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        parse_framework(data)


def test_huge_and_missing_files_are_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(ReadError, match="20 MB is too large"):
        Framework.read(huge)
    with pytest.raises(ReadError, match="no such file"):
        Framework.read(tmp_path / "none.json")


_WORDS = (
    b"null", b"true", b"-1", b"1e9", b"1e400", b'"N"', b"[]", b"{}", b'"x"', b",", b"\xff", b"99999999999999999999",
    b"[[", b'"G"', b"0.5", b'"A1"',
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_files(data: st.DataObject) -> None:
    file = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(file) - 1))
        length = data.draw(st.sampled_from((0, 1, 2, 20)))
        file[place : place + length] = data.draw(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=3)))
    _reads_or_refuses(bytes(file))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_well_formed_files_with_values_gone_wrong(data: st.DataObject) -> None:
    tree: Any = document()
    for _ in range(data.draw(st.integers(1, 4))):
        place: Any = tree
        while True:
            names = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not names:
                break
            name = data.draw(st.sampled_from(names))
            if isinstance(place[name], dict | list) and data.draw(st.integers(0, 4)):
                place = place[name]
                continue
            place[name] = data.draw(
                st.none() | st.booleans() | st.integers(-2, 300) | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(max_size=4) | st.sampled_from(("A", "Bb4", "x.x.x.x.", [], {}, 10**25))
            )  # fmt: skip
            break
    _reads_or_refuses(json.dumps(tree).encode())


def _reads_or_refuses(data: bytes) -> None:
    try:
        framework = parse_framework(data, "x.json")
    except ReadError as error:
        assert "\n" not in str(error)
    else:
        assert parse_framework(framework.to_json()) == framework
        VALIDATOR.validate(json.loads(framework.to_json()))
