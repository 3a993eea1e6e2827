"""A page that asks nothing of any network: one HTML file with its style, its scripts and its data.

A content security policy in the page forbids it every connection; only the style and the scripts that were put in,
known by their hashes, take effect.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def offline_page(
    folder: Path, template: str, style: str, scripts: Mapping[str, str], content: Mapping[str, str], allowed: str
) -> bytes:
    """Return a page as UTF-8.

    Args:
        folder: where the parts lie.
        template: file of the page, with marks such as ``%style%``, ``%policy%`` and those of scripts and content.
        style: file of the style.
        scripts: files of the scripts by their marks.
        content: what else is put in, by its marks; see `script_json`.
        allowed: what the policy allows beside style and scripts, such as ``img-src data:``.
    """
    sheet = (folder / style).read_text(encoding="utf-8")
    programs = {mark: (folder / name).read_text(encoding="utf-8") for mark, name in scripts.items()}
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; {allowed}; style-src {_hash(sheet)}; "
        f"script-src {' '.join(_hash(program) for program in programs.values())}"
    )
    parts = {"policy": policy, "style": sheet, **programs, **content}
    # One pass: what a text says is never taken for a mark.
    page = (folder / template).read_text(encoding="utf-8")
    return re.sub(f"%({'|'.join(parts)})%", lambda mark: parts[mark[1]], page).encode()


def script_json(value: Mapping[str, Any]) -> str:
    """Return JSON for a script block."""
    # "</script>" in a text must not end the block; as an escape it is the same JSON.
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
