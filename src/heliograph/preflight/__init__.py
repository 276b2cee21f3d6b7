"""What can be known before a start, by looking only: `check` and `adopt`."""
