"""Numbers that several of the writers share."""

CANDIDATES = 16
"""Candidates drawn for each layer of a phrase."""

LAYER_REFINEMENTS = 120
"""Redraws of single chords, and of single rhythm segments, after the best candidate is chosen, at strength 1."""

NOTE_REFINEMENTS = 60
"""Redraws of the notes of single rhythm segments after the best candidate is chosen, at strength 1."""

STYLE_WEIGHT = 12.0
"""What a style distance of 1 costs, in nats per event."""
