"""What a person sees: events and snapshots turned into log lines and the live view."""
