"""Levelling amplifier: the LA-2A as an explicit gain path, as networks and as a simulation of its circuit."""

from ritornello.compressor.model import LevellerModel, load_model
from ritornello.compressor.process import Leveller, Settings

__all__ = ["Leveller", "LevellerModel", "Settings", "load_model"]
