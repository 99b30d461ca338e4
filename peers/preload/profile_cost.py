#!/usr/bin/env python3
"""What a heap profile costs: instructions of a pair of malloc and free, by callgrind.

For blocks of some sizes, a program makes so many pairs, and then some more; the difference is that
of the pairs alone, with the loop around them. It runs on `liborionrt.so` without a profile, and
with one at its usual rate, of 512 KiB.

    cargo build --release -p orionrt-preload
    python3 peers/preload/profile_cost.py target/release/liborionrt.so
"""

import argparse
import os
import re
import subprocess
import tempfile
from pathlib import Path

PROGRAM = """
#include <stdlib.h>
int main(int argc, char **argv) {
    (void)argc;
    long pairs = atol(argv[1]), bytes = atol(argv[2]);
    for (long i = 0; i < pairs; i++) {
        void *volatile block = malloc(bytes);
        free(block);
    }
}
"""

SIZES = [16, 100, 1000, 10_000]


def instructions(program: Path, pairs: int, size: int, variables: dict[str, str]) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [str(program), str(pairs), str(size)]
    ran = subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, check=True
    )
    collected = re.search(r"Collected : (\d+)", ran.stderr)
    if collected is None:
        raise SystemExit(f"callgrind tells no instructions:\n{ran.stderr}")
    return int(collected[1])


def a_pair(program: Path, size: int, variables: dict[str, str]) -> float:
    few, many = 100_000, 4_100_000
    runs = [instructions(program, pairs, size, variables) for pairs in (few, many)]
    return (runs[1] - runs[0]) / (many - few)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path)
    library = parser.parse_args().library.resolve()
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "pairs.c"), Path(folder, "pairs")
        source.write_text(PROGRAM)
        subprocess.run(["cc", "-O1", "-o", program, source], check=True)
        preloaded = {"LD_PRELOAD": str(library)}
        profiled = preloaded | {"ORIONRT_PROFILE": f"{folder}/heap.pb"}
        print("| bytes | without a profile | with a profile | more |")
        print("| ---: | ---: | ---: | ---: |")
        for size in SIZES:
            off, on = (a_pair(program, size, which) for which in (preloaded, profiled))
            print(f"| {size} | {off:.2f} | {on:.2f} | {on / off - 1:.2%} |")


if __name__ == "__main__":
    main()
