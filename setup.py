"""Builds the compiled kernel of the records room; the rest of the build is declared in pyproject.toml.

The extension is optional: without a C compiler the package works on the kernel's Python twin,
and ``heliograph --version`` says which of the two runs.
"""

from pathlib import Path

from setuptools import Extension, setup

KERNEL = Path("src/heliograph/records/_kernel.pyx")


def extensions() -> list[Extension]:
    """Give the kernel, when its source and Cython are there."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - absent on a machine that builds without it
    except ImportError:
        return []
    if not KERNEL.exists():
        return []
    parts = [str(path) for pattern in ("*.pxi", "*.h") for path in KERNEL.parent.glob(pattern)]
    module = Extension("heliograph.records._kernel", [str(KERNEL)], depends=parts, extra_compile_args=["-O3"])
    built: list[Extension] = cythonize([module], build_dir="build/cython", language_level=3)
    for each in built:
        each.optional = True  # set here, because cythonize makes new extensions without it
    return built


setup(ext_modules=extensions())
