"""Levelling amplifier: the LA-2A as an explicit gain path, as networks and as a simulation of its circuit."""
