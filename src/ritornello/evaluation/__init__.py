"""Metrics, statistics and protocols: they know no model."""
