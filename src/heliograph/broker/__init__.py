"""One connection to one broker: framing, correlation, TLS, SASL. No retries, no meaning of requests."""
