"""Which image networks may be imported: those that a person named, never those that only a file names."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import get_type_hints

import torch
from torch import nn

from seqimg.errors import SeqimgError, UnavailableError, UsageError, did_you_mean

__all__ = ["BACKBONES", "allow_backbone", "import_network", "one_line"]

BACKBONES = ("efficientnet-lite0",)
"""The networks that are known by name."""

_VARIABLE = "SEQIMG_BACKBONES"
_allowed: set[str] = set()


def allow_backbone(name: str) -> None:
    """Note that a person asked for an image network, so that this process may import it.

    A configuration may come out of a model folder that somebody else made. So `module:attribute` is imported only
    after this call, which tasks make where a training begins, or if the environment variable `SEQIMG_BACKBONES`
    names it (several separated by commas).

    Args:
        name: `module:attribute`; names of `BACKBONES` are always allowed.

    Example:
        >>> allow_backbone("my_networks:resnet")
    """
    _allowed.add(name)


def import_network(name: str) -> nn.Module:
    """Import and make what `module:attribute` names.

    Args:
        name: A class of `torch.nn.Module`, or a function whose return type is said to be one.

    Raises:
        UsageError: It is no such name, nobody allowed it, or it names something else.
        UnavailableError: There is no such module or attribute.
        SeqimgError: It cannot be imported or made.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise UsageError(
            f"no image network {name!r}",
            why=f"there is {', '.join(BACKBONES)}, or module:attribute of your own",
            hint=did_you_mean(name, BACKBONES),
        )
    if name not in _allowed and name not in os.environ.get(_VARIABLE, "").split(","):
        raise UsageError(
            f"this model is built on {name}, which nobody has allowed to be imported",
            why="a model folder may name anything; import it only if you know what it is",
            hint=f"{_VARIABLE}={name}",
        )
    make = _attribute(module_name, attribute, name)
    if not _makes_module(make):
        raise UsageError(
            f"{name} is no image network",
            why="it has to be a class of torch.nn.Module, or a function with such a return type (-> nn.Module)",
        )
    try:
        network = make()
    except Exception as error:
        if torch.get_default_device().type == "meta":
            raise  # shapes alone are no ground to refuse it
        raise SeqimgError(f"the image network {name} cannot be made", why=one_line(error)) from error
    if not isinstance(network, nn.Module):
        raise UsageError(f"{name} is no image network", why=f"it returned a {type(network).__name__}")
    return network


def _attribute(module_name: str, attribute: str, name: str) -> Callable[[], object]:
    try:
        found: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"the image network {name} is not installed",
            why=f"there is no module {error.name}",
            hint="PYTHONPATH=. seqimg …, if its file is in this folder",
        ) from error
    except Exception as error:
        raise SeqimgError(f"the image network {name} cannot be imported", why=one_line(error)) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [known for known in dir(found) if not known.startswith("_")]
            raise UnavailableError(
                f"{module_name} has no {attribute}", hint=did_you_mean(part, names) if names else None
            )
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{name} is no image network", why=f"it is a {type(found).__name__}")
    return found


def _makes_module(make: Callable[..., object]) -> bool:
    """Whether it is a class of modules, or says that it returns one: never is anything else called."""
    if inspect.isclass(make):
        return issubclass(make, nn.Module)
    if not inspect.isfunction(make):
        return False
    returned = make.__annotations__.get("return")
    if isinstance(returned, str):  # `from __future__ import annotations`
        try:
            returned = get_type_hints(make, vars(sys.modules[make.__module__])).get("return")
        except (NameError, TypeError, KeyError):
            return False
    return inspect.isclass(returned) and issubclass(returned, nn.Module)


def one_line(error: Exception) -> str:
    """Return an error of someone else's code in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
