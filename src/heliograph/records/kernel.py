"""The one door to the kernel: the compiled one where it was built, its Python twin elsewhere.

``HELIOGRAPH_KERNEL=python`` in the environment forces the twin. Which of the two runs is never a secret:
:data:`kernel_name` says it, and so do ``--version``, the health page and the header of the tests.
"""

import os
from typing import TYPE_CHECKING

from heliograph.records import _reference

if TYPE_CHECKING or os.environ.get("HELIOGRAPH_KERNEL") == "python":
    active = _reference
else:
    try:
        from heliograph.records import _kernel as active
    except ImportError:
        active = _reference

kernel_name: str = active.NAME
"""``compiled`` or ``python``."""
