"""Stands where Python looks first when a test runs the program: who installs it has no tools of the developers.

A library of the program loads hypothesis wherever it finds it, which would take a fifth of a second at every start.
"""

raise ImportError("hypothesis is a tool of the developers")
