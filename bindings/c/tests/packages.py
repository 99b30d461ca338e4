#!/usr/bin/env python3
"""Builds the library as a part of another project, and installs it into two unrelated folders.

    packages.py CMAKE SOURCE BUILD

BUILD is a build of SOURCE, whose library is built: Cargo has nothing to do here.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PARENT = """
cmake_minimum_required(VERSION 3.20)
project(parent LANGUAGES C)
include(FetchContent)
FetchContent_Declare(orionrt SOURCE_DIR "${ORIONRT_REPOSITORY}" SOURCE_SUBDIR bindings/c)
FetchContent_MakeAvailable(orionrt)
enable_testing()
add_executable(table "${ORIONRT_REPOSITORY}/bindings/c/examples/table.c")
target_link_libraries(table PRIVATE orionrt::plan)
add_executable(table_static "${ORIONRT_REPOSITORY}/bindings/c/examples/table.c")
target_link_libraries(table_static PRIVATE orionrt::plan_static)
install(TARGETS table_static)
"""


def run(*command, env=None):
    """Runs a command, which must succeed; returns what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode != 0:
        print(" ".join(map(str, command)), done.stdout, done.stderr, sep="\n", file=sys.stderr)
        sys.exit(1)
    return done.stdout


def empty(name):
    folder = Path(name).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def cache(build):
    """The variables of a build, by name."""
    lines = (build / "CMakeCache.txt").read_text(encoding="utf-8").splitlines()
    found = (re.match(r"(\w+):\w+=(.*)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def as_a_part(cmake, source, settings):
    """The parent has the two libraries, and nothing else of this project."""
    project, build, prefix = empty("parent"), empty("parent-build"), empty("parent-prefix")
    (project / "CMakeLists.txt").write_text(PARENT, encoding="utf-8")
    repository = f"-DORIONRT_REPOSITORY={source.parent.parent}"
    run(cmake, "-S", project, "-B", build, repository, *settings)
    run(cmake, "--build", build)
    for program in ("table", "table_static"):
        assert "optimal" in run(build / program)
    linked = run("readelf", "-d", build / "table_static")
    assert "liborionrt" not in linked, linked
    tests = run(Path(cmake).parent / "ctest", "--test-dir", build, "--show-only")
    assert "Total Tests: 0" in tests, tests
    targets = run(cmake, "--build", build, "--target", "help")
    targets = re.findall(r"^\.\.\. (\w+)$", targets, re.M)
    ours = {"all", "clean", "depend", "edit_cache", "rebuild_cache", "install", "test"}
    ours |= {"list_install_components", "table", "table_static", "orionrt_cargo"}
    assert set(targets) <= ours | {"package"}, targets
    run(cmake, "--install", build, "--prefix", prefix)
    assert files_of(prefix) == ["bin/table_static"], files_of(prefix)


def into_two_folders(cmake, source, settings):
    """What is installed finds its parts where they are."""
    build, libraries, headers = empty("apart-build"), empty("apart/lib"), empty("apart-include")
    run(cmake, "-S", source, "-B", build, f"-DCMAKE_INSTALL_LIBDIR={libraries}",
        f"-DCMAKE_INSTALL_INCLUDEDIR={headers}", "-DBUILD_TESTING=OFF", "-DORIONRT_EXAMPLES=OFF",
        *settings)
    run(cmake, "--build", build)
    run(cmake, "--install", build, "--prefix", empty("apart-prefix"))
    assert files_of(Path("apart-prefix")) == [], files_of(Path("apart-prefix"))
    uses = empty("uses")
    (uses / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(uses LANGUAGES C)\n"
        "find_package(orionrt-plan REQUIRED)\n"
        f"add_executable(table {source}/examples/table.c)\n"
        "target_link_libraries(table PRIVATE orionrt::plan)\n", encoding="utf-8")
    run(cmake, "-S", uses, "-B", uses / "build", f"-DCMAKE_PREFIX_PATH={libraries.parent}")
    run(cmake, "--build", uses / "build")
    assert "optimal" in run(uses / "build/table")
    env = {**os.environ, "PKG_CONFIG_PATH": str(libraries / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "orionrt-plan", env=env).split()
    assert f"-I{headers}" in flags and f"-L{libraries}" in flags, flags


def main():
    cmake, source, build = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    known = cache(build)
    shared = [f"-DORIONRT_CARGO_DIR={known['ORIONRT_CARGO_DIR']}",
              f"-DORIONRT_MODELS={known['ORIONRT_MODELS']}"]
    kind = known["CMAKE_BUILD_TYPE"]
    as_a_part(cmake, source, shared + ([] if kind == "Release" else [f"-DCMAKE_BUILD_TYPE={kind}"]))
    into_two_folders(cmake, source, [*shared, f"-DCMAKE_BUILD_TYPE={kind}"])


if __name__ == "__main__":
    main()
