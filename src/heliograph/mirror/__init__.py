"""What mirroring *means*, pure: naming, selection, plans, MM2's formats. No I/O, no clock, no await."""
