"""Floor 0: the words. Frozen, without I/O, clock or logging."""
