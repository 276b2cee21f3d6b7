"""Heliograph copies topics, and everything that belongs to them, from one Kafka cluster to another."""

__version__ = "0.1.0"
