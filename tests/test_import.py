"""Importing is cheap: what is loaded is counted in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"torch", "numpy", "scipy", "matplotlib", "symusic", "verovio", "soundfile", "music21", "partitura"}


def modules_after(code: str) -> set[str]:
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stderr.split())


def test_importing_the_package_loads_no_heavy_library() -> None:
    assert not HEAVY & modules_after("import ritornello")


def test_help_loads_no_heavy_library() -> None:
    assert not HEAVY & modules_after("from ritornello.app.cli import run; run(['--help'])")


def test_no_room_imports_torch() -> None:
    rooms = "ritornello.score.reading, ritornello.sound, ritornello.analysis, ritornello.imitation, ritornello.show"
    assert "torch" not in modules_after(f"import {rooms}")
