"""Floor 2: this host's kernel. Does what it is told and reports what it sees; never decides."""
