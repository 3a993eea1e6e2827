"""The 560 token ids of Museformer: names, numbers, and the rounding of durations, velocities and tempi.

Follows the tokenizer REMIGEN2 of Yu et al., "Museformer" (NeurIPS 2022), id for id. A position is a twelfth of a
quarter note, which is a tick of `Song`, so onsets and durations need no conversion. Ours: ``<c>`` and ``u-0`` to
``u-2``, which the paper's code never uses, say where a bar stands in the order of generation and in the plan.

=============== ======= ==========================================================
token           ids     meaning
=============== ======= ==========================================================
``<pad>``       1       filling
``</s>``        2       first symbol and last target of a song
``b-1``         5       ends a bar; ``b-0`` is unused
``o-0..63``     6-69    onset in positions; a bar of 4/4 uses 0 to 47
``i-0..128``    70-75   instrument family
``p-0..255``    76-331  pitch; drums 128 + pitch
``d-0..127``    332-459 duration bucket; 1 to 48 are used
``v-0..31``     460-491 velocity
``t-0..48``     492-540 tempo
``<c>``         541     the bar does not follow its musical predecessor
``u-0..16``     543-559 plan: free, repeat, vary
=============== ======= ==========================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.score.song import Role

VOCABULARY_NAME: Final = "museformer-remigen2"
"""What data and checkpoints call this vocabulary."""

SIZE: Final = 560
"""Number of ids."""

PAD: Final = 1
START: Final = 2
END: Final = 2
BAR_END: Final = 5
ONSET0: Final = 6
INSTRUMENT0: Final = 70
PITCH0: Final = 76
DRUM_PITCH0: Final = 204
DURATION0: Final = 332
VELOCITY0: Final = 460
TEMPO0: Final = 492
CONTINUE: Final = 541
PLAN0: Final = 543

PLAN_KINDS: Final = 3
"""Plan tokens that are used: free, repeat, vary."""

BAR_POSITIONS: Final = 48
"""Positions of a 4/4 bar."""

LONGEST_DURATION: Final = 192
"""Longest note in positions: 16 beats."""

MIN_DURATION_BUCKET: Final = 1
MAX_DURATION_BUCKET: Final = 48
"""The buckets of 1 to `LONGEST_DURATION` positions, both included."""

MIN_QPM: Final = 24.0
MAX_QPM: Final = 200.0
"""Tempi that are written, in quarter notes a minute; others are clipped."""

DRUMS: Final = 128
"""The number of the drum family, beyond the General MIDI programs."""


@dataclass(frozen=True, slots=True)
class Family:
    """An instrument family.

    Attributes:
        name: what a musician calls it.
        number: its number in the tokens: a General MIDI program, or `DRUMS`.
        role: the role of its part.
    """

    name: str
    number: int
    role: Role

    @property
    def token(self) -> int:
        """The id of its ``i-`` token."""
        return INSTRUMENT0 + VOCABULARY_ORDER.index(self.number)

    @property
    def is_drums(self) -> bool:
        """Whether it is the drums."""
        return self.number == DRUMS

    @property
    def program(self) -> int:
        """The General MIDI program of its part; 0 for the drums."""
        return 0 if self.is_drums else self.number


VOCABULARY_ORDER: Final = (0, 25, 43, 48, 80, DRUMS)
"""Numbers of the families in the order of their ids."""

FAMILIES: Final = (
    Family("melody", 80, "melody"),
    Family("drums", DRUMS, "drums"),
    Family("bass", 43, "bass"),
    Family("guitar", 25, "chords"),
    Family("piano", 0, "chords"),
    Family("strings", 48, "chords"),
)
"""The families in their order within an onset; an index into it is a family's rank."""

FAMILY_TOKENS: Final = tuple(family.token for family in FAMILIES)
"""Ids of the ``i-`` tokens by rank."""


def family(name: str) -> Family:
    """Return the family of a name such as ``"piano"``.

    Raises:
        ArgumentError: if no family has that name; the message lists them.
    """
    found = next((family for family in FAMILIES if family.name == name.strip().lower()), None)
    if found is None:
        names = ", ".join(family.name for family in FAMILIES)
        raise ArgumentError(f"instrument '{name[:40]}' is unknown; use one of {names}")
    return found


def _names() -> tuple[str, ...]:
    names = ["<s>", "<pad>", "</s>", "<unk>", "b-0", "b-1"]
    names += [f"o-{number}" for number in range(64)]
    names += [f"i-{number}" for number in VOCABULARY_ORDER]
    for kind, count in (("p", 256), ("d", 128), ("v", 32), ("t", 49)):
        names += [f"{kind}-{number}" for number in range(count)]
    names += ["<c>", "</c>"]
    return tuple(names + [f"u-{number}" for number in range(17)])


TOKEN_NAMES: Final = _names()
"""The name of each id."""

_IDS = {name: id for id, name in enumerate(TOKEN_NAMES)}


def token_name(id: int) -> str:
    """Return the name of an id, such as ``"p-60"``.

    Raises:
        ArgumentError: if the id is out of range.
    """
    if not 0 <= id < SIZE:
        raise ArgumentError(f"token id {id} is out of range 0 to {SIZE - 1}")
    return TOKEN_NAMES[id]


def token_id(name: str) -> int:
    """Return the id of a name, such as ``"p-60"``.

    Raises:
        ArgumentError: if no token has that name.
    """
    if name not in _IDS:
        raise ArgumentError(f"'{name[:40]}' is no token; tokens look like t-35 o-0 i-80 p-60 d-12 v-20 b-1")
    return _IDS[name]


# Bucket 12 e + j begins at position 12 (2^e - 1) + 2^e j: twelve of one position, twelve of two, twelve of four …
_BUCKET_START = np.array([12 * (2**e - 1) + 2**e * j for e in range(8) for j in range(12)], dtype=np.int64)


def encode_duration(positions: ArrayLike) -> NDArray[np.int64]:
    """Return duration buckets: the longest that is not longer, at least 1; above 16 beats that of 16 beats."""
    clipped = np.clip(np.asarray(positions, dtype=np.int64), 1, LONGEST_DURATION)
    return np.asarray(np.searchsorted(_BUCKET_START, clipped, side="right") - 1, dtype=np.int64)


def decode_duration(buckets: ArrayLike) -> NDArray[np.int64]:
    """Return durations in positions: the first of each bucket (0 to 95), at least 1."""
    return np.maximum(_BUCKET_START[np.asarray(buckets, dtype=np.int64)], 1)


def encode_velocity(velocity: ArrayLike) -> NDArray[np.int64]:
    """Return velocity steps 0 to 31 of velocities 0 to 127."""
    return np.asarray(np.asarray(velocity) // 4, dtype=np.int64)


def decode_velocity(steps: ArrayLike) -> NDArray[np.int64]:
    """Return velocities 2 to 126 of steps 0 to 31."""
    return np.asarray(steps, dtype=np.int64) * 4 + 2


def encode_tempo(qpm: ArrayLike) -> NDArray[np.int64]:
    """Return tempo steps 7 to 44, twelve to a doubling, of quarter notes a minute, clipped to `MIN_QPM`..`MAX_QPM`."""
    clipped = np.clip(np.asarray(qpm, dtype=np.float64), MIN_QPM, MAX_QPM)
    return np.asarray(np.rint(12 * np.log2(clipped / 16)), dtype=np.int64)


def decode_tempo(steps: ArrayLike) -> NDArray[np.float64]:
    """Return quarter notes a minute of tempo steps 0 to 48."""
    return np.asarray(16 * 2 ** (np.asarray(steps, dtype=np.float64) / 12), dtype=np.float64)


MIN_TEMPO_STEP: Final = int(encode_tempo(MIN_QPM))
MAX_TEMPO_STEP: Final = int(encode_tempo(MAX_QPM))
"""The tempo steps that are written, both included."""
