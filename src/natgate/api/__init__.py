"""Floor 4: machines. HTTP over the agent, and the client for it."""
