"""Floor 5: people. Thin commands that ask the agent and print what it answers."""
