"""Bad input and contradictory options: one line that says what is wrong, exit code 2, nothing written."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ritornello.score import Part, Song, make_notes
from ritornello.score.midi_writer import midi_bytes

ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<score-partwise version="4.0"><work><work-title>&x;</work-title></work></score-partwise>"""
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<score-partwise>&b;</score-partwise>"""


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "META-INF/container.xml", '<container><rootfiles><rootfile full-path="s.xml"/></rootfiles></container>'
        )
        archive.writestr("s.xml", b"<score-partwise>" + b" " * 300_000_000)
    return buffer.getvalue()


def drums_only() -> bytes:
    notes = make_notes(range(0, 48 * 32, 12), 3, 38)
    return midi_bytes(Song(parts=(Part("Drums", notes, is_drums=True),)))


def short(bars: int, step: int = 12) -> bytes:
    notes = make_notes(range(0, 48 * bars, step), step, 60)
    return midi_bytes(Song(parts=(Part("Tune", notes, role="melody"),)))


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": ("x.mid", lambda: b""),
    "truncated": ("x.mid", lambda: short(16)[:40]),
    "not MIDI": ("x.mid", lambda: b"\x89PNG\r\n\x1a\n" + bytes(300)),
    "text": ("x.txt", lambda: b"hello"),
    "zip bomb": ("x.mxl", zip_bomb),
    "external entity": ("x.musicxml", lambda: ENTITIES),
    "entity bomb": ("x.musicxml", lambda: LAUGHS),
    "no notes": ("x.mid", lambda: midi_bytes(Song(parts=(Part("Tune"),)))),
    "one note": ("x.mid", lambda: short(1, step=48)),
    "four bars": ("x.mid", lambda: short(4)),
    "drums only": ("x.mid", drums_only),
    "huge": ("x.mid", lambda: bytes(200_000_000)),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_bad_file_is_one_line_and_nothing_is_written(kind: str, ritornello, tmp_path: Path) -> None:
    name, content = FILES[kind]
    (tmp_path / name).write_bytes(content())
    result = ritornello("imitate", tmp_path / name, "-o", tmp_path / "out")
    assert result.code == 2, result.err
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert len(result.err) > 30
    assert [path.name for path in tmp_path.iterdir()] == [name]


OPTIONS = {
    "missing file": ["imitate", "{missing}", "-o", "{out}"],
    "no output": ["imitate", "{song}"],
    "unknown option": ["imitate", "{song}", "-o", "{out}", "--loud"],
    "unknown command": ["imitat", "{song}"],
    "strength": ["imitate", "{song}", "-o", "{out}", "--strength", "1.5"],
    "strength is no number": ["imitate", "{song}", "-o", "{out}", "--strength", "much"],
    "form": ["imitate", "{song}", "-o", "{out}", "--form", "A8B"],
    "form of no bars": ["imitate", "{song}", "-o", "{out}", "--form", "A0"],
    "form of 10001 bars": ["imitate", "{song}", "-o", "{out}", "--form", "A10001"],
    "form of 1001 bars": ["imitate", "{song}", "-o", "{out}", "--form", "A1001"],
    "key": ["imitate", "{song}", "-o", "{out}", "--key", "H"],
    "tempo": ["imitate", "{song}", "-o", "{out}", "--tempo", "0"],
    "n": ["imitate", "{song}", "-o", "{out}", "--n", "0"],
    "half a candidate": ["imitate", "{song}", "-o", "{out}", "--n", "1.5"],
    "half a song": ["evaluate", "structure", "--data", "{song}", "--limit", "1.5"],
    "endless key": ["imitate", "{song}", "-o", "{out}", "--key", "C" * 100_000],
    "seed": ["imitate", "{song}", "-o", "{out}", "--seed", "-1"],
    "keep": ["imitate", "{song}", "-o", "{out}", "--keep", "drums"],
    "keep structure and form": ["imitate", "{song}", "-o", "{out}", "--keep", "structure", "--form", "A8B8"],
    "keep melody and form": ["imitate", "{song}", "-o", "{out}", "--keep", "melody", "--form", "A8B8"],
    "no audio and stems": ["imitate", "{song}", "-o", "{out}", "--no-audio", "--stems"],
    "melody part": ["imitate", "{song}", "-o", "{out}", "--melody", "Kazoo"],
    "drums as melody": ["imitate", "{song}", "-o", "{out}", "--melody", "Drums"],
    "soundfont": ["imitate", "{song}", "-o", "{out}", "--soundfont", "{song}"],
    "prior": ["imitate", "{song}", "-o", "{out}", "--prior", "{song}"],
    "output is the input": ["analyze", "{song}", "-o", "{song}"],
    "render to text": ["render", "{song}", "-o", "{out}.txt"],
    "render at a wrong rate": ["render", "{song}", "-o", "{out}.wav", "--sample-rate", "1"],
    "data set": ["evaluate", "structure", "--data", "{song}"],
    "split": ["evaluate", "structure", "--data", "{song}", "--split", "tset"],
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_bad_options_are_one_line_and_nothing_is_written(kind: str, ritornello, example: Path, tmp_path: Path) -> None:
    places = {"song": example, "out": tmp_path / "out", "missing": tmp_path / "missing.mid"}
    result = ritornello(*[argument.format(**places) for argument in OPTIONS[kind]])
    assert result.code == 2, result.err
    assert result.err.count("\n") == 1
    assert len(result.err) < 1000
    assert not list(tmp_path.iterdir())


def test_an_existing_result_is_kept_unless_forced(ritornello, example: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "song.mid").write_bytes(b"mine")
    (out / "notes.txt").write_text("also mine")
    result = ritornello("imitate", example, "-o", out, "--no-audio")
    assert result.code == 2
    assert "--force" in result.err
    assert (out / "song.mid").read_bytes() == b"mine"
    assert ritornello("imitate", example, "-o", out, "--no-audio", "--force").code == 0
    assert (out / "song.mid").read_bytes()[:4] == b"MThd"
    assert (out / "notes.txt").read_text() == "also mine"


def test_debug_shows_the_traceback(ritornello, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        ritornello("imitate", tmp_path / "missing.mid", "-o", tmp_path / "out", "--debug")


def long_name() -> str:
    return "n" * 300


def test_a_song_without_a_form_is_refused_by_its_file_name_and_with_the_reason(ritornello, tmp_path: Path) -> None:
    notes = make_notes(range(0, 48 * 600, 24), 24, [60 + step % 5 for step in range(1200)])
    (tmp_path / "long.mid").write_bytes(midi_bytes(Song(parts=(Part("Tune", notes, role="melody"),))))
    (tmp_path / "four.mid").write_bytes(midi_bytes(Song(parts=(Part("Tune", notes[:8], role="melody"),))))
    for name, reason in (("long.mid", "400 bars"), ("four.mid", "at least")):
        result = ritornello("imitate", tmp_path / name, "-o", tmp_path / "out", "--no-audio")
        assert result.code == 2
        assert name in result.err
        assert reason in result.err


def test_names_that_no_system_takes_are_bad_input(ritornello, example: Path, tmp_path: Path) -> None:
    loop = tmp_path / "loop.mid"
    loop.symlink_to(loop)
    for arguments in (
        ["analyze", long_name()],
        ["analyze", loop],
        ["imitate", example, "-o", long_name(), "--no-audio"],
        ["imitate", example, "-o", loop, "--no-audio"],
        ["render", example, "-o", long_name() + ".wav"],
        ["render", example, "-o", tmp_path / ("n" * 251 + ".wav"), "--stems"],
        ["data", long_name()],
        ["data", loop],
    ):
        result = ritornello(*arguments)
        assert result.code == 2, (arguments, result.err)
        assert result.err.count("\n") == 1


def test_a_named_pipe_is_not_waited_for(ritornello, tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(tmp_path / "pipe")
    for command in ("analyze", "data"):
        assert ritornello(command, tmp_path / "pipe").code == 2


def test_an_input_is_never_the_output(ritornello, example: Path, tmp_path: Path) -> None:
    song = tmp_path / "candidate-2" / "song.mid"
    song.parent.mkdir()
    song.write_bytes(example.read_bytes())
    audio = tmp_path / "song.wav"
    audio.write_bytes(example.read_bytes())
    for arguments in (
        ["imitate", song, "-o", tmp_path, "--n", "2", "--no-audio", "--force"],
        ["render", audio, "-o", audio, "--force"],
        ["render", song, "-o", audio, "--soundfont", audio, "--force"],
        ["train", "imitation", "--data", audio, "-o", audio, "--force"],
    ):
        result = ritornello(*arguments)
        assert result.code == 2, (arguments, result.err)
        assert "overwrite" in result.err
    assert song.read_bytes() == audio.read_bytes() == example.read_bytes()


def test_the_place_of_a_file_is_checked_before_the_work(ritornello, example: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    for out, reason in (("folder.wav", "folder"), ("none/x.wav", "no folder")):
        result = ritornello("render", example, "-o", tmp_path / out, "--force")
        assert result.code == 2
        assert reason in result.err


def test_a_refused_result_leaves_no_folder_above_it(ritornello, tmp_path: Path) -> None:
    (tmp_path / "x.mid").write_bytes(drums_only())
    assert ritornello("imitate", tmp_path / "x.mid", "-o", tmp_path / "a" / "b", "--no-audio").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["x.mid"]


def program(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run the program in a process of its own, with further environment variables."""
    command = [sys.executable, "-m", "ritornello", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env={**os.environ, **settings}, check=False)


def test_a_terminal_without_unicode_gets_text_and_json(tmp_path: Path) -> None:
    bars = "CDEF|GABc|" * 10
    (tmp_path / "x.abc").write_text(f"X:1\nT:Größe 曲 🎵\nM:4/4\nL:1/4\nK:C\n{bars}\n", encoding="utf-8")
    settings = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    result = program("analyze", tmp_path / "x.abc", "--json", **settings)
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout.decode("ascii"))["title"] == "Größe 曲 🎵"
    assert program("analyze", tmp_path / "x.abc", **settings).returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="streams are closed by a POSIX shell here")
@pytest.mark.parametrize(("redirection", "code"), [(">&-", 0), (">&- 2>&-", 0), (">/dev/full", 2), ("| true", 0)])
def test_an_output_that_goes_nowhere(redirection: str, code: int) -> None:
    if redirection == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = f"{shlex.quote(sys.executable)} -m ritornello models --json {redirection}; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert result.returncode == code
    assert result.stderr.count(b"\n") == (1 if code else 0)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_leaves_nothing(number: int, example: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ritornello", "imitate", str(example), "-o", str(tmp_path / "a" / "out"), "-n64"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell's background job is born with the interrupt ignored, and hands that on to its children.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
        while process.poll() is None and not list(tmp_path.rglob(".out.*")):
            time.sleep(0.01)
        process.send_signal(number)
        error = process.communicate()[1]
    assert process.returncode == 128 + number
    assert b"Traceback" not in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_within_a_callback_is_not_lost(number: int, code: int) -> None:
    program = f"""
import os, signal, sys, time, weakref
signal.signal(signal.SIGINT, signal.default_int_handler)
from ritornello.app import cli
class Thing: pass
def work(arguments):
    thing = Thing()
    reference = weakref.ref(thing, lambda _: (os.kill(os.getpid(), {int(number)}), sum(range(1000))))
    del thing
    try:
        time.sleep(20)
    except KeyboardInterrupt:
        return 130
    return 0
cli.run = work
cli.main()
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert result.returncode == code
    assert not result.stderr
