"""Every option declared once; files of any accepted kind become frozen dataclasses."""
