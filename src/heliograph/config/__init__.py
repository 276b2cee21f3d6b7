"""Configuration: every option declared once, read from MirrorMaker 2's files, given as frozen values.

``load`` is the door; :mod:`~heliograph.config.model` holds what it gives, :mod:`~heliograph.config.javaregex` what
turns its patterns into something that matches.
"""

from heliograph.config.load import OPTIONS, load

__all__ = ["OPTIONS", "load"]
