"""Museformer: whole songs for six instrument families, with attention that is fine where music repeats."""
