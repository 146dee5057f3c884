"""Generators by name, with options: `moving-digits?digits=3&speed=0.05`."""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any, get_type_hints
from urllib.parse import parse_qsl

import numpy as np
from pydantic import TypeAdapter, ValidationError

from seqimg.data.generators.generator import BatchGenerator, Generator, Split
from seqimg.data.generators.samples import Sample
from seqimg.errors import UsageError, did_you_mean
from seqimg.plugins.manager import plugin_host

__all__ = ["batch_of", "checked_options", "generator_of", "make_sample", "split_request"]

_CONTRACT = ("length", "size", "seed", "split")


def split_request(request: str) -> tuple[str, dict[str, str]]:
    """Split a generator's name and its options, which are written as in an address.

    Example:
        >>> split_request("moving-digits?digits=3&speed=0.05")
        ('moving-digits', {'digits': '3', 'speed': '0.05'})
    """
    name, _, query = request.partition("?")
    return name, dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))


def generator_of(request: str) -> Generator:
    """Return the generator that a name, or a name with options, stands for.

    Raises:
        UnavailableError: No generator has this name.
        UsageError: It has no such option, or the value is wrong.

    Example:
        >>> make = generator_of("moving-digits?digits=1")
        >>> make(0, length=2, size=(64, 64), seed=0, split="train").shape
        (2, 64, 64, 1)
    """
    name, given = split_request(request)
    make = plugin_host().datasets.load(name)
    options = checked_options(name, given)
    found: Generator = partial(make, **options) if options else make
    return found


def batch_of(name: str, options: Mapping[str, Any]) -> BatchGenerator | None:
    """Return the function that makes many sequences of generator `name` at once, if it has one."""
    datasets = plugin_host().datasets
    if datasets.get(name).batch is None:
        return None
    return partial(datasets.load(name, "batch"), **options)


def checked_options(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return options of generator `name` as what its annotations say they are.

    Raises:
        UnavailableError: No generator has this name.
        UsageError: It has no such option, or the value is wrong.
    """
    make = plugin_host().datasets.load(name)
    parameters = inspect.signature(make).parameters
    known = [key for key, one in parameters.items() if one.kind is one.KEYWORD_ONLY and key not in _CONTRACT]
    hints = get_type_hints(make) if given else {}
    options = {}
    for key, value in given.items():
        if key not in known:
            near = did_you_mean(key, known)
            raise UsageError(
                f"{name} has no option {key!r}",
                why=f"it has {', '.join(known)}" if known else "it has none",
                hint=f"{near}={value}" if near else None,
            )
        try:
            options[key] = TypeAdapter(hints.get(key, str)).validate_python(value)
        except ValidationError as error:
            raise UsageError(
                f"option {key} of {name} cannot be {value!r}", why=error.errors()[0]["msg"].lower()
            ) from error
    return options


def make_sample(
    generator: Generator, index: int, *, length: int, size: tuple[int, int], seed: int, split: Split
) -> Sample:
    """Make one sequence, as a `Sample` whatever the generator returns.

    Raises:
        UsageError: An argument is out of its range.

    Example:
        >>> make_sample(generator_of("pans"), 0, length=2, size=(32, 32), seed=0, split="test").label is None
        True
    """
    made = generator(index, length=length, size=size, seed=seed, split=split)
    return Sample(made) if isinstance(made, np.ndarray) else made
