"""Proof on demand that source and target hold the same records.

:mod:`prover` reads both sides of a flow, and :mod:`comparison` compares them in order, without decoding what is the
same bytes. :mod:`compacted` compares topics whose records may lawfully be gone, :mod:`document` says what was found.
"""
