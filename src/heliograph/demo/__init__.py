"""The `demo` command: sample records, two real clusters, the replicator, and the proof."""
