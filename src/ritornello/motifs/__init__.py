"""Motifs: where an idea of a piece comes back, also varied.

The encoder after Wu et al., *Motif-Centric Representation Learning for Symbolic Music* (arXiv 2309.10597). Its networks
need torch; importing this package does not load it.
"""
