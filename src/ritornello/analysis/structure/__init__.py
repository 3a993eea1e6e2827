"""Phrases and sections of a song, found by what repeats."""

from ritornello.analysis.structure.find import StructureAnalysis, find_form

__all__ = ["StructureAnalysis", "find_form"]
