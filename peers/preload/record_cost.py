#!/usr/bin/env python3
"""What a recording costs: instructions of a pair of malloc and free, and CPU time of programs.

    apt-get install valgrind redis-server lua5.4 gawk perl nodejs sqlite3 g++
    cargo build --release -p orionrt-preload
    python3 peers/preload/record_cost.py target/release/liborionrt.so
    python3 peers/preload/record_cost.py --rounds 3 --only python target/release/liborionrt.so

The first table has instructions, counted by callgrind: for blocks of some sizes, a program makes so
many pairs, and then some more; the difference is that of the pairs alone, with the loop around
them. The second one has CPU seconds, user and system: of that loop, which does nothing else, and of
the programs of `compare.py` that are installed, without a recording and with one, in turns. Shown
are medians. Recordings are written to a folder of their own, which is removed.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile

import compare
import profile_cost

LOOP_PAIRS = 20_000_000
LOOP_BYTES = 100


def recorded(scratch):
    """The variables by which each process has a recording in the folder."""
    return {"ORIONRT_RECORD": f"{scratch}/%p.rec", "ORIONRT_RECORD_LIMIT": "2G"}


def forget_recordings(scratch):
    for file in scratch.glob("*.rec*"):
        file.unlink()


def pairs(scratch):
    """The program that makes pairs."""
    source = scratch / "pairs.c"
    source.write_text(profile_cost.PROGRAM)
    program = scratch / "pairs"
    subprocess.run(["cc", "-O1", "-o", program, source], check=True)
    return program


def instructions(program, library, scratch):
    """The table of instructions of a pair."""
    lines = ["| bytes | without a recording | with a recording |", "| ---: | ---: | ---: |"]
    preloaded = {"LD_PRELOAD": str(library)}
    for size in profile_cost.SIZES:
        off, on = (profile_cost.a_pair(program, size, variables)
                   for variables in (preloaded, preloaded | recorded(scratch)))
        forget_recordings(scratch)
        lines.append(f"| {size} | {off:.0f} | {on:.0f} |")
    return "\n".join(lines)


def cpu_seconds(program, measure, library, scratch):
    """CPU seconds of a program without a recording, and with one."""
    seconds = []
    for variables in ({}, recorded(scratch)):
        program.environment = program.environment | variables
        seconds.append(program.run(measure, library)[0])
        program.environment = {name: value for name, value in program.environment.items()
                               if name not in variables}
        forget_recordings(scratch)
    return seconds


def programs(scratch, loop):
    """The loop of pairs, and what is compared elsewhere, but for the server."""
    every = [compare.Program("pairs", [loop, LOOP_PAIRS, LOOP_BYTES])]
    return every + [one for one in compare.programs(scratch) if not isinstance(one, compare.Redis)]


def main():
    """Parses the options and prints both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", action="append", metavar="WORD", help="programs with this word")
    parser.add_argument("--no-instructions", action="store_true", help="without the first table")
    parser.add_argument("library", type=pathlib.Path)
    options = parser.parse_args()
    library = options.library.resolve()
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        loop = pairs(scratch)
        if not options.no_instructions:
            print(instructions(loop, library, scratch), end="\n\n", flush=True)
        measure = compare.compiled(scratch, compare.HERE / "measure.c")
        print("| program | CPU seconds | with a recording | ratio |")
        print("| --- | ---: | ---: | ---: |")
        for program in programs(scratch, loop):
            if options.only and not any(word in program.name for word in options.only):
                continue
            if program.missing():
                print(f"left out: {program.name}, there is no {program.missing()}", file=sys.stderr)
                continue
            rounds = [cpu_seconds(program, measure, library, scratch)
                      for _ in range(options.rounds)]
            off, on = (statistics.median(each) for each in zip(*rounds))
            print(f"| {program.name} | {off:.3f} | {on:.3f} | {on / off:.2f} |", flush=True)


if __name__ == "__main__":
    main()
