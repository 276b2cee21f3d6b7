"""Builds the compiled kernel with AddressSanitizer and UBSan and runs the tests that concern it: ``make sanitize``.

The build goes to ``build/sanitized``, so the kernel that is in use stays as it is. Python itself is not built that way,
so the sanitizer's library must be loaded before everything else, and Python must take each object from ``malloc`` for
an access beside it to be noticed. A finding ends the process with a report. Options are passed on to pytest;
``HELIOGRAPH_FUZZ=n`` makes the fuzzing n times as long.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "sanitized"
TESTS = ("tests/records", "tests/hostile")
BUILD_S_MAX = 900
RUN_S_MAX = 7200


def stop(why: str) -> None:
    raise SystemExit(f"The kernel cannot be tried under a sanitizer: {why}")


def compiler() -> str:
    """Return the C compiler that builds Python's extensions here."""
    chosen = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    name = chosen.split()[0]
    if shutil.which(name) is None:
        stop(f"there is no C compiler {name}. Install gcc or clang, or set CC")
    return name


def said(command: str, *options: str) -> str:
    return subprocess.run([command, *options], capture_output=True, text=True, check=False, timeout=60).stdout.strip()


def library(command: str, *names: str) -> Path:
    """Return the sanitizer's library; ends the program where the compiler comes without it."""
    for name in names:
        path = Path(said(command, f"-print-file-name={name}"))
        if path.is_absolute() and path.exists():
            return path.resolve()
    stop(f"{command} has no {names[0]}. Install the sanitizers of your compiler (libasan, compiler-rt)")
    raise AssertionError


def preloaded(command: str) -> str:
    """List the libraries that must be loaded first: the sanitizer, and C++'s, whose exceptions it watches."""
    if "clang" in said(command, "--version"):
        machine = os.uname().machine
        first = library(command, f"libclang_rt.asan-{machine}.so", "libclang_rt.asan.so")
    else:
        first = library(command, "libasan.so")
    cxx = Path(said(command, "-print-file-name=libstdc++.so.6"))
    return " ".join(str(path) for path in (first, cxx) if path.is_absolute())


def build(environment: dict[str, str]) -> Path:
    """Build the package again; returns the folder to import it from."""
    shutil.rmtree(BUILT, ignore_errors=True)
    folder = BUILT / "lib"
    command = [sys.executable, "setup.py", "-q", "build", "--build-base", str(BUILT), "--build-lib", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=BUILD_S_MAX
    )
    kernels = list((folder / "heliograph" / "records").glob("_kernel.*.so"))
    if done.returncode or not kernels:
        stop(f"the build failed.\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    content = kernels[0].read_bytes()
    if b"__asan_report" not in content or b"__ubsan_handle" not in content:
        stop("the compiler took the options, but built no sanitizer in")
    return folder


def main() -> int:
    command = compiler()
    first = preloaded(command)
    environment = {**os.environ, "HELIOGRAPH_SANITIZED": "1"}
    sys.stdout.write(f"building the kernel with {command}'s sanitizers in {BUILT.relative_to(ROOT)}\n")
    sys.stdout.flush()
    folder = build(environment)
    environment |= {
        "LD_PRELOAD": first,
        "PYTHONPATH": str(folder),
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": f"detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:log_path={BUILT / 'report'}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={BUILT / 'report'}",
    }
    where = "from heliograph.records import _kernel; print(_kernel.__file__)"
    seen = subprocess.run(
        [sys.executable, "-c", where], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    if not seen.stdout.startswith(str(folder)):
        stop(f"Python does not load it.\n{seen.stdout}{seen.stderr[-3000:]}")
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=1800", *TESTS]
    done = subprocess.run([*tests, *sys.argv[1:]], cwd=ROOT, env=environment, check=False, timeout=RUN_S_MAX)
    for report in sorted(BUILT.glob("report*")):  # pytest holds back what a process writes that dies
        sys.stdout.write(report.read_text(errors="replace"))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
