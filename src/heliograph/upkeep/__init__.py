"""Periodic jobs beside the copying: topics, configs, ACLs, heartbeats, offset syncs, checkpoints, groups."""
