"""Floor 2: what must outlive the agent."""
