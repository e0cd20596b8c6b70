"""Floor 1: text and byte formats, in pure pairs of parse and render. Never guesses."""
