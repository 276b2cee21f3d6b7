"""Builds the compiled kernel of the records room; the rest of the build is declared in pyproject.toml.

The extension is optional: without a C compiler the package works on the kernel's Python twin,
and ``heliograph --version`` says which of the two runs.
"""

from pathlib import Path

from setuptools import Extension, setup

KERNEL = Path("src/heliograph/records/_kernel.pyx")


def extensions() -> list[Extension]:
    """The kernel, when its source and Cython are there."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - absent on a machine that builds without it
    except ImportError:
        return []
    if not KERNEL.exists():
        return []
    module = Extension("heliograph.records._kernel", [str(KERNEL)], optional=True, extra_compile_args=["-O3"])
    built: list[Extension] = cythonize([module], build_dir="build/cython", language_level=3)
    return built


setup(ext_modules=extensions())
