"""One token after another, exactly: weights laid out for decoding, bounded caches, the cached baseline."""
