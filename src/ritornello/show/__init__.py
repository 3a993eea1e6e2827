"""Pictures of music: piano roll with form lanes, self-similarity, lead sheet. Heavy libraries load when drawing."""

from ritornello.show.lead_sheet import write_lead_sheet
from ritornello.show.piano_roll import write_piano_roll
from ritornello.show.self_similarity import write_self_similarity

__all__ = ["write_lead_sheet", "write_piano_roll", "write_self_similarity"]
