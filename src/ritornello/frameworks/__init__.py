"""Frameworks: melodies from a visible plan of chords, basic melody and rhythm form.

After Dai, Jin, Gomes and Dannenberg, *Controllable deep melody generation via hierarchical music structure
representation* (ISMIR 2021). The networks need torch; importing this package does not load it.
"""
