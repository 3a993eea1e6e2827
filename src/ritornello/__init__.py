"""Ritornello: music with long-term structure.

Importing the package is cheap: rooms are imported when their names are first used, and no torch is ever needed for
reading, analysing, imitating, drawing or rendering.
"""

__version__ = "0.1.0"
