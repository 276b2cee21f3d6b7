"""Many brokers as one: metadata, routing, retry, admin, groups, compacted topics as tables."""
