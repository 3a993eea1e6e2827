"""Sound: the Audio noun, its files, and the rendering of a Song with FluidSynth or the built-in SoundFont player."""

from ritornello.sound.audio import Audio, read_audio
from ritornello.sound.rendering import Rendering, render, render_stems

__all__ = ["Audio", "Rendering", "read_audio", "render", "render_stems"]
