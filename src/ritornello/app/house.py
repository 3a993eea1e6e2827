"""`ritornello models` and `doctor`: what is shipped, what this machine can do."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from pathlib import Path

from ritornello import __version__
from ritornello.app.console import DEFAULTS, Common, Outcome

WEIGHTS = Path(__file__).parents[1] / "weights"


def models(*, common: Common = DEFAULTS) -> Outcome:
    """List the shipped models with their sizes.

    Examples:
      ritornello models --json
    """
    folders = sorted(folder for folder in WEIGHTS.iterdir() if folder.is_dir())
    sizes = {
        folder.name: sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) for folder in folders
    }
    lines = [f"{name:<24} {size / 1e6:6.2f} MB" for name, size in sizes.items()]
    data = {"models": [{"name": name, "bytes": size} for name, size in sizes.items()], "folder": str(WEIGHTS)}
    return Outcome("\n".join(lines), data)


def doctor(*, common: Common = DEFAULTS) -> Outcome:
    """Say what is installed and what it can do: versions, the sound engine, the SoundFont, optional extras.

    Examples:
      ritornello doctor
    """
    from ritornello.sound.soundfont import default_soundfont

    versions = {}
    for name in ("numpy", "scipy", "verovio", "matplotlib", "soundfile", "faiss-cpu", "torch"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    fluidsynth = shutil.which("fluidsynth")
    found: dict[str, object] = {
        "ritornello": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        **versions,
        "sound_engine": f"FluidSynth at {fluidsynth}" if fluidsynth else "built-in SoundFont player",
        "soundfont": str(default_soundfont()),
    }
    return Outcome("\n".join(f"{name:<14} {value}" for name, value in found.items()), found)
