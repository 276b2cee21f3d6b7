"""Kafka's messages: schemas, version choice, the hand-made Fetch and Produce codecs, the error table."""
