"""Tasks that belong to no system: images, and chords of songs."""
