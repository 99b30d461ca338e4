#!/usr/bin/env python3
"""Installs the library into an empty folder and uses it as others do.

    installed.py CMAKE BUILD C_COMPILER CXX_COMPILER

The C and C++ programs of the README are built by the README's own CMake project, which finds the
library with `find_package`, and, where it is there, with `pkg-config`, and run.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def run(*command, env=None):
    """Runs a command, which must succeed; returns what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode != 0:
        print(" ".join(map(str, command)), done.stdout, done.stderr, sep="\n", file=sys.stderr)
        sys.exit(1)
    return done.stdout


def empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder.resolve()


def blocks():
    """The examples of the README, by language; each language occurs once."""
    found = {}
    for language, text in BLOCK.findall(README.read_text(encoding="utf-8")):
        if language in ("c", "cpp", "cmake"):
            assert language not in found, f"the README has two examples in {language}"
            found[language] = text
    return found


def write_project(folder):
    """The README's project: its CMake file, and the sources that it names."""
    examples = blocks()
    (folder / "CMakeLists.txt").write_text(examples["cmake"])
    (folder / "plan.c").write_text(examples["c"])
    (folder / "plan.cpp").write_text(examples["cpp"])


def with_cmake(cmake, prefix, source, compilers):
    build = empty(Path("build"))
    c, cxx = compilers
    run(cmake, "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_COMPILER={c}", f"-DCMAKE_CXX_COMPILER={cxx}")
    run(cmake, "--build", build)
    for program in ("plan_c", "plan_cpp"):
        check(run(build / program))


def with_pkg_config(prefix, source, compilers):
    """Both kinds of library, as `pkg-config` says they are linked."""
    pkg_config = shutil.which("pkg-config")
    if pkg_config is None:
        print("pkg-config is not installed", file=sys.stderr)
        return
    found = next(prefix.rglob("orionrt-plan.pc"))
    env = {**os.environ, "PKG_CONFIG_PATH": str(found.parent)}
    shared = run(pkg_config, "--cflags", "--libs", "orionrt-plan", env=env).split()
    static = run(pkg_config, "--static", "--cflags", "--libs", "orionrt-plan", env=env).split()
    # The static library by its file's name: both have the same one for the linker.
    static = [flag.replace("-lorionrt-plan", "-l:liborionrt-plan.a") for flag in static]
    library = {**env, "LD_LIBRARY_PATH": str(found.parent.parent)}
    for compiler, name, standard in zip(compilers, ("plan.c", "plan.cpp"), ("c11", "c++17")):
        for kind, flags, where in (("shared", shared, library), ("static", static, env)):
            program = Path(f"{name}.{kind}").resolve()
            run(compiler, f"-std={standard}", source / name, "-o", program, *flags)
            check(run(program, env=where))


def check(printed):
    """The examples of the README say what their plans need."""
    assert "3072 bytes" in printed, printed


def main():
    cmake, build, *compilers = sys.argv[1:]
    prefix, source = empty(Path("prefix")), empty(Path("source"))
    run(cmake, "--install", build, "--prefix", prefix)
    write_project(source)
    with_cmake(cmake, prefix, source, compilers)
    with_pkg_config(prefix, source, compilers)


if __name__ == "__main__":
    main()
