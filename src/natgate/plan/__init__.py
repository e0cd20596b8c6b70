"""Floor 1: pure decisions. Time and randomness are arguments; nothing is performed."""
