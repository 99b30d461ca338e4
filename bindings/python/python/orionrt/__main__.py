"""The command line: `orionrt plan model.onnx`, or `python -m orionrt plan model.onnx`."""

import signal
import sys

from . import _native


def main() -> int:
    """Run the command line with the arguments of this process; return the exit status."""
    # Python's handler would wait until the command has ended. The command sets its own.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.command(["orionrt", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
