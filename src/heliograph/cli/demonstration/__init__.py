"""What the command ``demo`` puts on the stage: sample records, two clusters, the replicator, and the proof."""
