"""Kafka Connect's REST API, for programs that speak it: same paths, same shapes, same codes."""
