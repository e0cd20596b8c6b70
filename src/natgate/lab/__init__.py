"""Floor 5: whole networks out of network namespaces, with real packets."""
