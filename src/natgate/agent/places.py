"""Where an agent keeps its things."""

from pathlib import Path

STATE = Path("/var/lib/natgate")
"""The state directory unless told otherwise."""

DATABASE, SOCKET = "natgate.db", "agent.sock"
"""The store, and where the agent listens: names inside the state directory."""
