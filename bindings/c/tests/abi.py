#!/usr/bin/env python3
"""Compares the binary interface with the one that is written down, in `abi.txt`.

    abi.py CC HEADER LIST            fails if they differ
    abi.py CC HEADER LIST --write    writes the list anew

The list has the signature of each function, each structure with the places of its fields, and the
numbers of each enumeration, as the header states them and the compiler CC lays them out on a 64-bit
system. What is new is added to the list. What is gone or has changed needs a new
ORIONRT_ABI_VERSION: without one, the list is not written.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path


def declarations(header):
    """The declarations of a header for C, each on one line, and the version that it states."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", header, flags=re.S)
    version = int(re.search(r"#define ORIONRT_ABI_VERSION (\d+)", text).group(1))
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif[^\n]*", "", text, flags=re.S)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found = re.findall(r"[^;{}]+(?:\{[^{}]*\}[^;{}]*)?;", text)
    return [" ".join(one.split()).rstrip(";").strip() for one in found], version


def unnamed(parameter):
    """A parameter without its name, which is no part of the interface."""
    return parameter if parameter == "void" else re.sub(r"\w+$", "", parameter).strip()


def function(declaration):
    """A function's signature, or that of a pointer to one; None for anything else."""
    found = re.fullmatch(r"(.*?)(\(\*\w+\)|\b\w+)\((.*)\)", declaration)
    if found is None:
        return None
    result, name, parameters = found.groups()
    kinds = ", ".join(unnamed(one.strip()) for one in parameters.split(","))
    return f"{result}{name}({kinds})"


def structure(declaration):
    """The name of a structure with its fields; None for anything else."""
    found = re.fullmatch(r"typedef struct (\w+) \{(.*)\} \w+", declaration)
    if found is None:
        return None
    fields = [" ".join(field.split()) for field in found.group(2).split(";") if field.strip()]
    return found.group(1), [re.fullmatch(r"(.*?)(\w+)", field).groups() for field in fields]


def enumeration(declaration):
    """The name of an enumeration and its type, with its values; None for anything else."""
    found = re.fullmatch(r"enum (\w+ : \w+) \{(.*)\}", declaration)
    if found is None:
        return None
    return found.group(1), re.findall(r"\w+ = -?\d+", found.group(2))


def layouts(compiler, header, structures):
    """The size of each structure, and the place of each of its fields, on a 64-bit system."""
    asked = [f"sizeof({name})" for name, _ in structures]
    asked += [f"offsetof({name}, {field})" for name, fields in structures for _, field in fields]
    lines = "\n".join(f'  printf("{one} = %zu\\n", {one});' for one in asked)
    source = f"#include <stdio.h>\n#include <stddef.h>\n#include <orionrt/plan.h>\n" \
             f"int main(void) {{\n  if (sizeof(void *) != 8) return 1;\n{lines}\n  return 0;\n}}\n"
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "layouts"
        (Path(folder) / "layouts.c").write_text(source, encoding="utf-8")
        include = f"-I{header.parent.parent}"
        subprocess.run([compiler, include, f"{program}.c", "-o", program], check=True)
        told = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return dict(line.split(" = ") for line in told.splitlines())


def interface(compiler, header):
    """The lines of the list, without the version, and the version."""
    all_of_it, version = declarations(header.read_text(encoding="utf-8"))
    structures = [one for one in map(structure, all_of_it) if one]
    places = layouts(compiler, header, structures)
    lines = []
    for name, fields in structures:
        lines.append(f"struct {name}: {places[f'sizeof({name})']} bytes")
        for kind, field in fields:
            place = places[f"offsetof({name}, {field})"]
            lines.append(f"struct {name} at {place}: {kind.strip()} {field}")
    for name, values in filter(None, map(enumeration, all_of_it)):
        lines += [f"enum {name} has {value}" for value in values]
    lines += [f"handle {one.split()[-1]}" for one in all_of_it
              if re.fullmatch(r"typedef struct (\w+) \1", one)]
    # Enumerations are numbers of a fixed width.
    lines += [one for one in all_of_it if re.fullmatch(r"typedef \w+ orionrt_\w+", one)]
    lines += [one for one in map(function, all_of_it) if one]
    return lines, version


def main():
    compiler, header, listed, *write = sys.argv[1:]
    lines, version = interface(compiler, Path(header))
    if len(lines) < 100:
        sys.exit(f"{header}: {len(lines)} lines of an interface, expected at least 100")
    file = Path(listed)
    stated = file.read_text(encoding="utf-8").splitlines() if file.exists() else ["version 0"]
    old_version, old = int(stated[0].removeprefix("version ")), stated[1:]
    gone = [line for line in old if line not in lines]
    new = [line for line in lines if line not in old]
    faults = [f"- {line}" for line in gone] + [f"+ {line}" for line in new]
    if gone and version <= old_version:
        faults.append(f"what is gone or has changed needs an ORIONRT_ABI_VERSION above {version}")
    elif write:
        file.write_text("\n".join([f"version {version}", *lines]) + "\n", encoding="utf-8")
        return
    elif faults or version != old_version or lines != old:
        faults.append(f"{listed} is of another interface; write it anew: "
                      f"abi.py {compiler} {header} {listed} --write")
    sys.exit("\n".join(faults) if faults else 0)


if __name__ == "__main__":
    main()
