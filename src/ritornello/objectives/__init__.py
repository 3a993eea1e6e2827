"""Does another training objective learn faster, or better, than cross-entropy? A fair comparison, and its verdict."""
