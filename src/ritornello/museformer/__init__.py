"""Museformer: whole songs for six instrument families, with attention that is fine where music repeats.

After Yu et al., *Museformer* (NeurIPS 2022). Needs torch; importing this package does not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ritornello.museformer.generate import Generated, Museformer
    from ritornello.museformer.writing.plan import Plan

__all__ = ["Generated", "Museformer", "Plan"]


def __getattr__(name: str) -> Any:
    if name == "Plan":
        from ritornello.museformer.writing.plan import Plan

        return Plan
    if name in ("Generated", "Museformer"):
        from ritornello.museformer import generate

        return getattr(generate, name)
    raise AttributeError(f"module 'ritornello.museformer' has no attribute '{name}'")
