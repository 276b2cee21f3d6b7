"""Our own API, for what Kafka Connect has no words for: flows, lanes, losses, commands, long work, events."""
