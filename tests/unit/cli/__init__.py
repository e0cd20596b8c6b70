"""The commands, as far as they need neither root nor an agent."""
