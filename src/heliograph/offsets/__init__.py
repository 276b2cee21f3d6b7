"""Offsets on both clusters: stored positions, translation, take-over from MirrorMaker 2, and moving consumer groups."""
