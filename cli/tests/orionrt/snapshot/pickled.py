"""Writes memory snapshots with Python's own pickle, for the tests of `orionrt plan`.

    pickled.py SNAPSHOT.json     that snapshot in protocols 2 to 5, with equal lists of frames
                                 shared as PyTorch shares them
    pickled.py --reduce          snapshots that would run a command if they were loaded
"""

import json
import os
import pickle
import sys


def share(value, known):
    """The value, with equal lists of frames as one object."""
    if isinstance(value, list):
        return [share(item, known) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: known.setdefault(json.dumps(item), item) if name == "frames" else share(item, known)
        for name, item in value.items()
    }


class Command:
    """Something that runs a command when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch it-ran",)


def main(argument):
    if argument == "--reduce":
        snapshot = {"segments": [Command()], "device_traces": [[]]}
    else:
        with open(argument, encoding="utf-8") as file:
            snapshot = share(json.load(file), {})
    for protocol in range(2, 6):
        with open(f"protocol-{protocol}.pickle", "wb") as file:
            pickle.dump(snapshot, file, protocol)


main(sys.argv[1])
