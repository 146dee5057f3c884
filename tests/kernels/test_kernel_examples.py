"""The examples in the documentation of cells, kernels and layers say what is so."""

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import seqimg.cells
import seqimg.kernels
import seqimg.nn

MODULES = [
    module.name
    for package in (seqimg.cells, seqimg.kernels, seqimg.nn)
    for module in walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, _ = doctest.testmod(import_module(name))
    assert failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    count = sum(len(finder.find(import_module(name))) for name in MODULES)
    assert count > 20
