"""Layers that a person wants anew although nothing about them changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ritornello.score.framework import Framework
from ritornello.score.framework_locks import parse_selection


@dataclass(frozen=True)
class Before:
    """What a phrase was that is wanted anew.

    Attributes:
        digest: of all its layers. It goes into the place of the phrase's random numbers: so the same file and seed give
            the same new music, and the new file another one again.
        notes: onset and pitch of its notes, which are to come out otherwise.
    """

    digest: str
    notes: tuple[tuple[int, int], ...]


def reopened(framework: Framework, selections: Sequence[str]) -> tuple[Framework, dict[int, Before]]:
    """Return a framework in which what the selections name is open, and for each of its phrases what was there.

    Args:
        framework: the framework.
        selections: words of `framework_locks`, such as ``"melody@B2"``.

    Raises:
        ArgumentError: if a word names nothing.
    """
    again: dict[int, Before] = {}
    for text in selections:
        selection = parse_selection(text, framework)
        for index in selection.phrases:
            again.setdefault(index, _before(framework, index))
            phrase = framework.phrases[index]
            # A repeat that is a copy, named alone, is to differ from now on.
            if selection.is_single and selection.layer == "melody" and phrase.repeat == "copy" and phrase.notes is None:
                framework = framework.with_phrase(index, repeat="vary")
        framework = framework.reopen(text)
    return framework, again


def _before(framework: Framework, index: int) -> Before:
    phrase = framework.effective[index]
    content = repr((phrase.chords, phrase.cells, phrase.notes))
    digest = hashlib.blake2b(content.encode(), digest_size=6).hexdigest()
    return Before(digest, tuple((note.onset, note.pitch) for note in phrase.notes or ()))
