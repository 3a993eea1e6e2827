"""The page of a test: one HTML file with its style, its scripts and its sound, which asks nothing of any network.

Sound lies in the page as text and becomes playable when its trial is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ritornello.show.offline_page import offline_page, script_json

_PARTS = Path(__file__).parent / "web"


def make_page(trials_file: Mapping[str, Any], clips: Mapping[str, bytes]) -> bytes:
    """Return the page as UTF-8.

    Args:
        trials_file: what raters may know, see `Protocol.trials_file`.
        clips: MP3 bytes by clip id.
    """
    sounds = "\n".join(
        f'<script type="text/plain" id="{name}">{base64.b64encode(audio).decode()}</script>'
        for name, audio in clips.items()
    )
    return offline_page(
        _PARTS, "page.html", "page.css", {"session": "session.js", "screen": "screen.js"},
        {"test": script_json(trials_file), "sounds": sounds}, "media-src blob:",
    )  # fmt: skip
