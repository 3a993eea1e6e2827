"""The page: what is in it, what must not be, and that its script counts as the analysis does."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, ReadError, UnsuitableSongError
from ritornello.evaluation.listening import Answers, Built, analyze, build, read_answers, read_test
from ritornello.evaluation.listening import build as build_module
from ritornello.evaluation.listening.clips import LOUDNESS_LUFS, Sound
from ritornello.evaluation.listening.page import make_page
from ritornello.sound import Audio

from .conftest import paired_test, tune

WEB = Path(build_module.__code__.co_filename).parent / "web"
OWN = 'swing=Does it </script> swing & "%session%"?'


class Page(HTMLParser):
    """The elements of a page in order, with the text of its scripts and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "progress"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "progress":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture(scope="module")
def built(folders: dict[str, Path]) -> Built:
    conditions = [f"{name}={folders[name]}" for name in ("zyzzyva", "quux")]
    return build(folders["human"], conditions, pairs=2, seconds=5, seed=3, questions=("preference", "liking", OWN))


def test_the_page_is_whole_and_asks_nothing_of_a_network(built: Built) -> None:
    text = built.page.decode()
    page = Page(text)
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    bare = re.sub(r'(?s)<script type="text/plain".*?</script>', "", text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bsrc=|\bhref=|fetch\(|XMLHttp|WebSocket|sendBeacon", bare)
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "img", "iframe", "object", "embed", "base", "audio"})
    assert not any(name.startswith("on") or name == "style" for _, attributes in page.tags for name in attributes)
    wanted = set(re.findall(r'\$\("([a-z-]+)"\)', bare))
    assert wanted <= set(ids)


def test_only_its_own_scripts_run_in_the_page(built: Built) -> None:
    page = Page(built.page.decode())
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a) or ""
    assert policy.startswith("default-src 'none'")
    executed = [
        text
        for text, (_, attributes) in zip(
            page.texts["script"], [entry for entry in page.tags if entry[0] == "script"], strict=True
        )
        if "type" not in attributes
    ]
    assert len(executed) == 2
    for text in (*executed, *page.texts["style"]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_who_made_what_is_in_the_key_and_not_in_the_page(built: Built, folders: dict[str, Path]) -> None:
    protocol = built.protocol
    seen = json.dumps(protocol.trials_file()) + re.sub(r"[A-Za-z0-9+/=]{200,}", "", built.page.decode())
    words = ["zyzzyva", "quux", *(path.name for path in folders.values())]
    words += [piece.item for trial in protocol.trials for piece in trial.pieces]
    assert not [word for word in words if word in seen]
    assert '"kind"' not in seen and '"repeats"' not in seen and '"seed"' not in seen
    key = json.dumps(protocol.key_file())
    assert all(word in key for word in ("zyzzyva", "quux", "piece-", '"repeats"', '"seed"'))


def test_clips_are_equally_loud_mp3_of_equal_length(built: Built) -> None:
    page = Page(built.page.decode())
    clips = [
        base64.b64decode(text)
        for text in page.texts["script"]
        if len(text) > 10_000 and text.isascii() and " " not in text
    ]
    assert len(clips) == len(built.protocol.sounds) == 4
    assert [hashlib.sha256(clip).hexdigest() for clip in clips] == list(built.protocol.sounds.values())
    lengths = []
    for clip in clips:
        samples, rate = soundfile.read(io.BytesIO(clip), dtype="float32", always_2d=True)
        audio = Audio(np.ascontiguousarray(samples.T), rate)
        assert audio.loudness_lufs == pytest.approx(LOUDNESS_LUFS, abs=1.0)
        lengths.append(audio.duration_s)
    assert max(lengths) - min(lengths) <= 2.0


def test_the_test_in_the_page_is_that_of_the_files(built: Built, tmp_path: Path) -> None:
    page = Page(built.page.decode())
    inside = json.loads(next(text for text in page.texts["script"] if text.startswith('{"format"')))
    assert inside == built.protocol.trials_file()
    assert inside["questions"][-1]["text"] == OWN.partition("=")[2]
    built.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key.json", "listen.html", "trials.json"]
    assert read_test(tmp_path) == built.protocol


def test_the_same_seed_gives_the_same_bytes(built: Built, folders: dict[str, Path]) -> None:
    conditions = [f"{name}={folders[name]}" for name in ("zyzzyva", "quux")]
    questions = ("preference", "liking", OWN)
    again = build(folders["human"], conditions, pairs=2, seconds=5, seed=3, questions=questions)
    assert again == built


def test_a_changed_key_or_test_is_refused(tmp_path: Path) -> None:
    test = paired_test()

    def write(trials: object, key: object) -> None:
        (tmp_path / "trials.json").write_text(json.dumps(trials))
        (tmp_path / "key.json").write_text(json.dumps(key))

    write(test.trials_file(), test.key_file())
    assert read_test(tmp_path) == test
    other = paired_test(pairs=10)
    for trials, key in (
        (other.trials_file(), test.key_file()), ({**test.trials_file(), "sounds": {}}, test.key_file()),
        ({**test.trials_file(), "trials": []}, test.key_file()), ({**test.trials_file(), "mode": "x"}, test.key_file()),
        ({**test.trials_file(), "questions": [1]}, test.key_file()),
        (test.trials_file(), {**test.key_file(), "trials": {}}),
        (test.trials_file(), {**test.key_file(), "trials": [{"id": "t001", "kind": "pair", "pieces": [{}, {}]}]}),
        ([], {}),
    ):  # fmt: skip
        write(trials, key)
        with pytest.raises(ReadError, match=r"^[^\n]+$"):
            read_test(tmp_path)


FILES = {"trials.json": paired_test(3, repeats=1).trials_file(), "key.json": paired_test(3, repeats=1).key_file()}
ODD = (
    st.none() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({}) | st.just(["t001"]) | st.just("\x1b[2J")
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(sorted(FILES)))
def test_whatever_is_changed_in_a_test_is_read_or_refused_in_one_line(
    data: st.DataObject, name: str, tmp_path: Path
) -> None:
    files = copy.deepcopy(FILES)
    inner: Any = files[name]
    while True:
        key = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
        if not isinstance(inner[key], dict | list) or not inner[key] or data.draw(st.booleans()):
            break
        inner = inner[key]
    inner[key] = data.draw(ODD)
    for file, value in files.items():
        (tmp_path / file).write_text(json.dumps(value))
    try:
        test = read_test(tmp_path)
    except ReadError as error:
        assert "\n" not in str(error) and "\x1b" not in str(error) and len(str(error)) < 500
    else:
        values = {trial.name: {"preference": (3,)} for trial in test.trials}
        analyze([test], [Answers("anna", test.id, values, {})])


def test_recordings_and_options_for_scores_contradict(folders: dict[str, Path], tmp_path: Path) -> None:
    Audio(np.zeros((1, 44_100), np.float32), 44_100).write(tmp_path / "silence.wav")
    for sound in (Sound(plain=True), Sound(tempo_qpm=100), Sound(soundfont=tmp_path / "x.sf2")):
        with pytest.raises(ReadError, match=r"silence\.wav: is a recording, which --"):
            build(folders["human"], [f"ours={tmp_path}"], pairs=1, seconds=5, sound=sound)
    with pytest.raises(UnsuitableSongError, match=r"silence\.wav: lasts only 1 s"):
        build(folders["human"], [f"ours={tmp_path}"], pairs=1, seconds=5)


def test_a_page_that_grows_too_large_is_refused(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.modules[build.__module__], "MAX_PAGE_BYTES", 100_000)
    with pytest.raises(ArgumentError, match="the page would pass 0 MB after 2 of 2 clips"):
        build(folders["human"], [f"ours={folders['quux']}"], pairs=1, seconds=5)


def test_a_human_clip_is_as_short_as_the_piece_it_meets(tmp_path: Path) -> None:
    for name, bars in (("human", 12), ("ours", 4)):
        (tmp_path / name).mkdir()
        for number in range(2):
            tune(bars + number, bars).write(tmp_path / name / f"{number}.mid")
    built = build(tmp_path / "human", [f"ours={tmp_path / 'ours'}"], pairs=1, seconds=14, sound=Sound(tempo_qpm=120))
    lengths = {piece.condition: piece.length_s for piece in built.protocol.trials[0].pieces}
    assert lengths["ours"] == pytest.approx(8.9, abs=0.6) and lengths["human"] == pytest.approx(
        lengths["ours"], abs=2.1
    )
    assert any("end early" in warning for warning in built.warnings)


NODE = r"""
const Session = require(process.argv[1]);
const test = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const now = "2024-01-01T00:00:00.000Z";
const assert = require("assert");
const session = Session.create(test, "  Zoë   B. ", now);
assert.equal(session.rater, "Zoë B.");
const first = test.trials[0];
assert.equal(Session.missing(test, session, first), "Please listen to piece A.");
Session.hear(session, first, 0, 10); assert.equal(Session.missing(test, session, first), "Please listen to piece B.");
Session.hear(session, first, 1, 4);
assert.equal(Session.missing(test, session, first), "Please listen to piece B.");
assert.equal(Session.missing(test, session, first, [60, 5]), "Please answer every question.");
assert.deepEqual(Session.fields(test, first).map(({question, place}) => [question.name, place]),
  [["liking", 0], ["liking", 1], ["preference", 0], ["similarity", 0]]);
test.trials.forEach((trial, number) => {
  assert.equal(Session.countAnswered(test, session), number);
  for (const {question, place} of Session.fields(test, trial)) {
    assert.equal(Session.open(test, session, trial).question, question);
    Session.answer(session, trial, question, place, 1 + (number + place) % 5);
  }
  trial.clips.forEach((_, place) => Session.hear(session, trial, place, 12.34));
  assert.equal(Session.missing(test, session, trial), "");
});
session.at = 3;
assert.deepEqual(Session.restore(test, JSON.stringify(session)), session);
for (const bad of [null, "", "{", "[]", "3", "{}",
  JSON.stringify({...session, test: "x"}), JSON.stringify({...session, rater: 3})])
  assert.equal(Session.restore(test, bad), null);
const odd = Session.restore(test, JSON.stringify({...session, at: 999,
  answers: {t001: {liking: [9, "2"]}, x: 1}, heard_s: 4}));
assert.deepEqual(odd.answers, {}); assert.equal(odd.at, test.trials.length);
assert.equal(Session.fileName("Zoë B."), "answers-Zoë-B.json");
assert.equal(Session.fileName("../../x"), "answers-x.json"); assert.equal(Session.fileName("?"), "answers-rater.json");
assert.deepEqual(["a", "B", "n", "p", ",", ".", "5"].map((key) => Session.action(key).kind),
  ["play", "play", "next", "previous", "seek", "seek", "answer"]);
assert.deepEqual(["6", "0", "x", "Enter", " ", "Tab", "é"].map(Session.action), Array(7).fill(null));
console.log(JSON.stringify(Session.answersFile(test, session, now)));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="the page's script is run by Node.js")
def test_the_script_keeps_answers_that_are_read_back(tmp_path: Path) -> None:
    test = paired_test()
    (tmp_path / "trials.json").write_text(json.dumps(test.trials_file()))
    command = ["node", "-e", NODE, str(WEB / "session.js"), str(tmp_path / "trials.json")]
    result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    (tmp_path / "answers.json").write_text(result.stdout, encoding="utf-8")
    answers = read_answers(tmp_path / "answers.json", [test])
    assert answers.rater == "Zoë B." and list(answers.values) == [trial.name for trial in test.trials]
    assert answers.values["t002"] == {"liking": (2, 3), "preference": (2,), "similarity": (2,)}
    assert answers.heard_s["t003"] == (12.3, 12.3)


@pytest.mark.skipif(shutil.which("node") is None, reason="the page's scripts are parsed by Node.js")
@pytest.mark.parametrize("name", ["session.js", "screen.js"])
def test_the_scripts_parse(name: str) -> None:
    subprocess.run(["node", "--check", str(WEB / name)], check=True)


def test_texts_of_questions_do_no_harm() -> None:
    page = make_page({"questions": ["<!--<script>", "%style%"]}, {}).decode()
    assert "<!--<script>" not in page and "%style%" in page
    assert Page(page).open == []
