"""Where an agent keeps its things."""

from pathlib import Path

STATE = Path("/var/lib/natgate")
"""The state directory unless told otherwise."""

DATABASE, SOCKET = "natgate.db", "agent.sock"
"""The store, and where the agent listens: names inside the state directory."""

REPLICATION = "replication"
"""What conntrackd needs: a directory inside the state directory."""

WITNESS_STATE = Path("/var/lib/natgate-witness")
"""The state directory of a witness unless told otherwise."""

CLAIMS = "claims.db"
"""What a witness keeps: a name inside its state directory."""
