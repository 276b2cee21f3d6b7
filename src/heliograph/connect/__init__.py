"""The process in Kafka Connect's words: connectors, tasks, and the topics that keep a Connect cluster's state."""
