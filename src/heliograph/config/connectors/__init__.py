"""Kafka Connect's way to be configured: a worker's file, and connectors as maps of texts (KIP-26, KIP-875)."""
