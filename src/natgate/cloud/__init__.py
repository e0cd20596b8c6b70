"""Floor 2: whatever moves routes. Does what it is told and reports what it sees."""
