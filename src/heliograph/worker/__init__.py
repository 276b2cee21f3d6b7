"""The running process: the supervisor, one runner for each flow, ownership, start and drain."""
