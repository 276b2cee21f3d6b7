"""Builds the compiled kernel of the records room; the rest of the build is declared in pyproject.toml.

The extension is optional: without a C compiler the package works on the kernel's Python twin,
and ``heliograph --version`` says which of the two runs. With ``HELIOGRAPH_SANITIZED`` in the environment the kernel is
built to find its own mistakes (``make sanitize``): slow, and only for tests.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

KERNEL = Path("src/heliograph/records/_kernel.pyx")
SANITIZED = bool(os.environ.get("HELIOGRAPH_SANITIZED"))
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# Python's own flags make signed overflow harmless; here it is to be found.
COMPILE = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", *SANITIZERS] if SANITIZED else ["-O3"]
LINK = SANITIZERS if SANITIZED else []


def extensions() -> list[Extension]:
    """Give the kernel, when its source and Cython are there."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - absent on a machine that builds without it
    except ImportError:
        return []
    if not KERNEL.exists():
        return []
    parts = [str(path) for pattern in ("*.pxi", "*.h") for path in KERNEL.parent.glob(pattern)]
    module = Extension(
        "heliograph.records._kernel", [str(KERNEL)], depends=parts, extra_compile_args=COMPILE, extra_link_args=LINK
    )
    folder = "build/sanitized/cython" if SANITIZED else "build/cython"
    built: list[Extension] = cythonize([module], build_dir=folder, language_level=3)
    for each in built:
        each.optional = True  # set here, because cythonize makes new extensions without it
    return built


setup(ext_modules=extensions())
