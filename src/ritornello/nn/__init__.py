"""Layers that more than one system uses: attention over blocks, rotary positions, sinusoids, samplers."""
