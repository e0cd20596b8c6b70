"""Floor 3: the one loop of a node. Observe, plan, apply; nothing clever."""
