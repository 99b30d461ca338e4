"""The examples in the doc strings of the package."""

import doctest
import importlib

import pytest

MODULES = [
    "orionrt",
    "orionrt.compat.minimalloc",
    "orionrt.compat.minimalloc._csv",
    "orionrt.compat.minimalloc._params",
    "orionrt.compat.minimalloc._problem",
    "orionrt.compat.minimalloc._solver",
    "orionrt.compat.minimalloc._validate",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0 and failed == 0
