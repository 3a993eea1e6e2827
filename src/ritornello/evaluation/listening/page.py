"""The page of a test: one HTML file with its style, its scripts and its sound, which asks nothing of any network.

A content security policy in the page forbids it every connection; only the scripts and the style that were put in,
known by their hashes, take effect. Sound lies in the page as text and becomes playable when its trial is shown.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PARTS = Path(__file__).parent / "web"


def make_page(trials_file: Mapping[str, Any], clips: Mapping[str, bytes]) -> bytes:
    """Return the page as UTF-8.

    Args:
        trials_file: what raters may know, see `Protocol.trials_file`.
        clips: MP3 bytes by clip id.
    """
    style, session, screen, template = (
        (_PARTS / name).read_text(encoding="utf-8") for name in ("page.css", "session.js", "screen.js", "page.html")
    )
    sounds = "\n".join(
        f'<script type="text/plain" id="{name}">{base64.b64encode(audio).decode()}</script>'
        for name, audio in clips.items()
    )
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; media-src blob:; style-src {_hash(style)}; "
        f"script-src {_hash(session)} {_hash(screen)}"
    )
    parts = {
        "policy": policy, "style": style, "test": _json(trials_file), "sounds": sounds, "session": session,
        "screen": screen,
    }  # fmt: skip
    # One pass: what a question's text says is never taken for a mark.
    return re.sub(r"%(policy|style|test|sounds|session|screen)%", lambda mark: parts[mark[1]], template).encode()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Mapping[str, Any]) -> str:
    # "</script>" in a question must not end the block; as an escape it is the same JSON.
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c")
