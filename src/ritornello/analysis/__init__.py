"""Analysis of songs: bars, keys, chords, melody and roles, phrases and sections, similarity, originality."""

from ritornello.analysis.analyze import Analysis, analyze
from ritornello.analysis.framework_of_song import framework_of
from ritornello.analysis.originality import Run, SharedRuns, longest_shared_runs
from ritornello.analysis.structure import StructureAnalysis, find_form

__all__ = [
    "Analysis", "Run", "SharedRuns", "StructureAnalysis", "analyze", "find_form", "framework_of", "longest_shared_runs",
]  # fmt: skip
