"""What instruments are called: General MIDI names, text of unknown encoding, and roles that a name gives away.

Names: *General MIDI System Level 1* (MIDI Manufacturers Association, 1991).
"""

from __future__ import annotations

import re

from ritornello.score.song import Role

GENERAL_MIDI_NAMES: tuple[str, ...] = (
    "Acoustic Grand Piano", "Bright Acoustic Piano", "Electric Grand Piano", "Honky-tonk Piano", "Electric Piano 1",
    "Electric Piano 2", "Harpsichord", "Clavinet", "Celesta", "Glockenspiel", "Music Box", "Vibraphone", "Marimba",
    "Xylophone", "Tubular Bells", "Dulcimer", "Drawbar Organ", "Percussive Organ", "Rock Organ", "Church Organ",
    "Reed Organ", "Accordion", "Harmonica", "Tango Accordion", "Nylon Guitar", "Steel Guitar", "Jazz Guitar",
    "Clean Guitar", "Muted Guitar", "Overdriven Guitar", "Distortion Guitar", "Guitar Harmonics", "Acoustic Bass",
    "Fingered Bass", "Picked Bass", "Fretless Bass", "Slap Bass 1", "Slap Bass 2", "Synth Bass 1", "Synth Bass 2",
    "Violin", "Viola", "Cello", "Contrabass", "Tremolo Strings", "Pizzicato Strings", "Orchestral Harp", "Timpani",
    "String Ensemble 1", "String Ensemble 2", "Synth Strings 1", "Synth Strings 2", "Choir Aahs", "Voice Oohs",
    "Synth Voice", "Orchestra Hit", "Trumpet", "Trombone", "Tuba", "Muted Trumpet", "French Horn", "Brass Section",
    "Synth Brass 1", "Synth Brass 2", "Soprano Sax", "Alto Sax", "Tenor Sax", "Baritone Sax", "Oboe", "English Horn",
    "Bassoon", "Clarinet", "Piccolo", "Flute", "Recorder", "Pan Flute", "Blown Bottle", "Shakuhachi", "Whistle",
    "Ocarina", "Square Lead", "Sawtooth Lead", "Calliope Lead", "Chiff Lead", "Charang Lead", "Voice Lead",
    "Fifths Lead", "Bass and Lead", "New Age Pad", "Warm Pad", "Polysynth Pad", "Choir Pad", "Bowed Pad",
    "Metallic Pad", "Halo Pad", "Sweep Pad", "Rain", "Soundtrack", "Crystal", "Atmosphere", "Brightness", "Goblins",
    "Echoes", "Sci-fi", "Sitar", "Banjo", "Shamisen", "Koto", "Kalimba", "Bagpipe", "Fiddle", "Shanai", "Tinkle Bell",
    "Agogo", "Steel Drums", "Woodblock", "Taiko Drum", "Melodic Tom", "Synth Drum", "Reverse Cymbal",
    "Guitar Fret Noise", "Breath Noise", "Seashore", "Bird Tweet", "Telephone Ring", "Helicopter", "Applause",
    "Gunshot",
)  # fmt: skip
"""General MIDI program names, 128, by program number from 0."""

# Words that leave no doubt. "Lead", "solo" and "piano" do: they are left to the analysis.
_ROLE_WORDS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("drums", re.compile(r"\b(drums?|drum ?kit|drum ?set|percussion|schlagzeug|bater[ií]a|batterie)\b|鼓|ドラム")),
    ("melody", re.compile(r"\b(melod(y|ie|ia|[ií]a)|vocals?|vox|vocal line|lead vocals?)\b|旋律|主旋|メロディ")),
    ("bridge", re.compile(r"\b(bridge|counter ?melody|second melody)\b")),
    ("bass", re.compile(r"\b(bass|bass ?line|bass ?guitar|basso|bassi|basse|bajo|baixo|contrabass)\b|ベース|贝斯")),
    ("chords", re.compile(r"\b(chords?|accompaniment|comping|accords|akkorde)\b|和弦|コード")),
)
_NOT_ROLE_WORDS = re.compile(r"\b(back(ing|ground)?|harmony|bass (clarinet|trombone|flute|sax|drum|and lead))\b")


def role_from_name(name: str) -> Role | None:
    """Return the role that a part's name states beyond doubt, such as "bass" for "Slap Bass 1", or None."""
    text = re.sub(r"[_\-./\d]+", " ", name.lower())
    if _NOT_ROLE_WORDS.search(text):
        return None
    found = [role for role, words in _ROLE_WORDS if words.search(text)]
    return found[0] if len(found) == 1 else None


def decode_text(data: bytes) -> str:
    """Return the text of bytes whose encoding nobody states: UTF-8, Shift-JIS, GB 18030 or Windows Latin.

    UTF-8 is certain when it fits. Of the rest, Shift-JIS has bytes that Latin text has not; Chinese shows as pairs of
    high bytes that are common characters; everything else is Latin, which cannot fail.
    """
    data = data.replace(b"\0", b"")
    for encoding in ("utf-8-sig", "gb18030", "cp932"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8-sig" or (encoding == "cp932" and re.search(rb"[\x81-\x84\x88-\x9f]", data)):
            return text
        high_runs = re.findall(rb"[\x80-\xff]+", data)
        # Rows A1-A9 of GB 2312 are signs and kana, B0-D7 the common characters.
        if encoding == "gb18030" and all(re.fullmatch(rb"(?:[\xa1-\xa9\xb0-\xd7][\xa1-\xfe])+", r) for r in high_runs):
            return text
    return data.decode("cp1252", errors="replace")
