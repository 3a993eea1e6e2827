"""Recipes by name or from a file.

``small`` is ours and made the four models of the comparison; ``small-control``, from where the rate of ``small`` begins
to fall, made the shipped one, which knows plans and infill.

``paper`` follows Yu et al. (NeurIPS 2022), appendix B, and their code: Adam with betas .9 and .98 and epsilon 1e-9,
weight decay .01, peak rate 5e-4, 16,000 steps of warm-up, four songs of at most 15,360 tokens a step, dropout .1. What
differs: the rate stays after the warm-up and falls linearly to 0 at the end (theirs falls with the inverse square root
of the step, without end); of longer songs all windows are seen, not only the beginning; bfloat16; 40,000 steps (theirs
is not stated, at most 1,000,000) and the last checkpoint rather than the best.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_bytes
from ritornello.museformer.tokens.vocabulary import VOCABULARY_NAME
from ritornello.museformer.train import Phase, Recipe

PAPER = Recipe(
    size="paper",
    phases=(Phase(40_000, 15_360, 4),),
    learning_rate=5e-4,
    warmup_steps=16_000,
    decay_share=0.2,
    optimizer="adamw",
    micro_batch=1,
)

CONTROL = Recipe(
    phases=(Phase(1_950, 10_240, 2),), warmup_steps=10, decay_share=0.23, infill_share=0.15, plan_share=0.25, seed=2
)
"""The shipped run, but for one thing: its last 450 steps, in which the rate falls, drew their songs by seed 5."""

TINY = Recipe(size="tiny", phases=(Phase(40, 1_024, 2), Phase(20, 4_096, 1)), warmup_steps=5)
"""For trying things out: a minute, and no music to speak of."""

RECIPES: Mapping[str, Recipe] = {"small": Recipe(), "small-control": CONTROL, "paper": PAPER, "tiny": TINY}
"""Recipes by name."""


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Return a recipe by its name, or read one: JSON with the fields of `Recipe`, such as a run's ``recipe.json``.

    What the file leaves out is default.

    Raises:
        ReadError: if the file is missing or no JSON.
        ArgumentError: if a field is unknown or out of range.
    """
    if str(path) in RECIPES:
        return RECIPES[str(path)]
    try:
        found = json.loads(read_bytes(path))
    except ReadError:
        raise
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}: no JSON ({str(error)[:80]})") from None
    if not isinstance(found, dict):
        raise ReadError(f'{path}: no recipe; write {{"size": "small", "phases": [...]}}')
    if found.get("vocabulary", VOCABULARY_NAME) != VOCABULARY_NAME:
        raise ArgumentError(f"{path}: a recipe for the vocabulary '{str(found['vocabulary'])[:40]}'")
    values = {name: value for name, value in found.items() if name not in ("vocabulary", "data", "start", "config")}
    known = {field.name: field.type for field in dataclasses.fields(Recipe)}
    for name in values:
        if name not in known:
            raise ArgumentError(f"{path}: '{str(name)[:40]}' is no field of a recipe; known: {', '.join(known)}")
    try:
        if "phases" in values:
            values["phases"] = tuple(Phase(**phase) for phase in values["phases"])
        return Recipe(**values)
    except (TypeError, AttributeError):
        raise ArgumentError(f"{path}: a field has a value of another type than a recipe's") from None
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error}") from None


def with_tokens(recipe: Recipe, tokens: int) -> Recipe:
    """Return the recipe with so many training tokens in all, the phases in proportion.

    Raises:
        ArgumentError: if they are too few for one step of each phase.
    """
    whole = sum(phase.steps * phase.window_tokens * phase.examples for phase in recipe.phases)
    steps = [round(phase.steps * tokens / whole) for phase in recipe.phases]
    if min(steps) < 1:
        raise ArgumentError(f"{tokens} tokens are too few for this recipe of {whole:,}; give more")
    phases = zip(recipe.phases, steps, strict=True)
    return dataclasses.replace(recipe, phases=tuple(dataclasses.replace(phase, steps=count) for phase, count in phases))
