"""What all tests have in common."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Examples that failed are printed; nothing is written into the repository.
settings.register_profile("package", database=None, deadline=None, print_blob=True)
settings.load_profile("package")


@pytest.fixture(autouse=True)
def ctrl_c_interrupts() -> Iterator[None]:
    """Python ignores Ctrl-C where whoever started it does, as shells do for background jobs."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
