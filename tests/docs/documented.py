"""What a public name's docstring has to say, and what is missing from it: the rule that the test beside this applies.

A function, or a class with its constructor and methods:

- has a docstring, with each parameter under `Args:` (a method may name it in backticks instead; a class has its
  fields under `Attributes:` or `Args:`);
- names under `Raises:` each error of seqimg that its own code raises;
- says of each tensor or array its shape, as `[B, T, C, H, W]`, or in words ("scalar", "of any shape", …);
- has an example that runs, in the docstring of the function or class, or a reason in `without_examples.py`.

A constant or an alias has a docstring below it, or its module's docstring tells of it: its value is its example.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, get_origin

from seqimg.errors import SeqimgError
from tests.docs.public_api import MODULES

__all__ = ["faults", "has_example", "is_code", "public_names"]

SECTION = re.compile(
    r"^(Args|Attributes|Raises|Returns|Yields|Example|Examples|Note|Equations|Parameters):$", re.M
)
SHAPE = re.compile(
    r"`[^`]*\[[^\]`]+\]|\[[A-Z0-9]\w*(?:[,  ]\s*[^\]]+)*\]|\bscalars?\b|\bshapes?\b|\b[Aa]s (?:of|in) `"
)
ARRAYS = re.compile(r"\b(Tensor|NDArray|ndarray|Frames8|Pixels|Values|Frames)\b")
HOLDERS = re.compile(r"\b(Mapping|dict|Callable|Weights)\b")
"""What holds arrays of shapes of their own."""


def public_names() -> dict[str, Any]:
    """Return every public name once, by the first module that has it, and its value."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for module in MODULES:
        home = import_module(module)
        for name in home.__all__:
            value = getattr(home, name)
            if is_code(value) and id(value) in seen:
                continue
            seen.add(id(value))
            found[f"{module}.{name}"] = value
    return found


def is_code(value: object) -> bool:
    """Return whether it is a function or a class, not a constant or an alias."""
    kind = (inspect.isclass(value) and get_origin(value) is None) or inspect.isroutine(value)
    return kind or is_fixture(value)


def is_fixture(value: object) -> bool:
    """Return whether it is a fixture of pytest, whose parameters are pytest's business."""
    return hasattr(value, "_pytestfixturefunction") or "Fixture" in type(value).__name__


def has_example(value: object) -> bool:
    """Return whether its docstring, not an inherited one, shows a run."""
    return ">>> " in (getattr(value, "__doc__", None) or "")


def faults(path: str, value: Any) -> Iterator[str]:
    """Yield a line for each thing that a public name's docstring lacks, but for the example."""
    if not is_code(value):
        if not _constant_doc(path):
            yield f"{path}: write a docstring below it, as a string of its own"
    elif inspect.isclass(value):
        yield from _of_class(path, value)
    elif not is_fixture(value):
        yield from _of_function(path, inspect.unwrap(value))
    elif not inspect.getdoc(value):
        yield f"{path}: it has no docstring"


def _of_class(path: str, value: type) -> Iterator[str]:
    said = value.__doc__ if "__doc__" in vars(value) else None
    if not said or _made_doc(value, said):
        yield f"{path}: it has no docstring"
        return
    text = inspect.cleandoc(said)
    listed = {**_entries(text, "Args"), **_entries(text, "Attributes"), **_inherited_entries(value)}
    for name, kind in _fields(value):
        yield from _of_part(path, name, kind, listed.get(name, _in_prose(text, name)), text)
    own = inspect.isfunction(vars(value).get("__init__")) and not getattr(value, "_is_protocol", False)
    if own and not is_dataclass(value):
        yield from _of_parameters(path, vars(value)["__init__"], text, loose=False, listed=listed)
        yield from _of_raises(path, vars(value)["__init__"], text)
    if inspect.isfunction(vars(value).get("__post_init__")):
        yield from _of_raises(path, vars(value)["__post_init__"], text)
    for name, member in vars(value).items():
        inner = member.__func__ if isinstance(member, staticmethod | classmethod) else member
        if isinstance(inner, property):
            inner = inner.fget
        called = name == "__call__" and getattr(value, "_is_protocol", False)
        if (name.startswith(("_", "model_")) and not called) or not inspect.isfunction(inner):
            continue
        if inner.__module__.partition(".")[0] == value.__module__.partition(".")[0]:  # not a library's
            yield from _of_function(f"{path}.{name}", inner, of=value)


def _of_function(path: str, value: Any, of: type | None = None) -> Iterator[str]:
    above = _inherited_doc(of, value.__name__)
    if not (value.__doc__ or above):
        yield f"{path}: it has no docstring"
        return
    text = inspect.cleandoc(value.__doc__ or above)
    listed = {**_entries(inspect.cleandoc(above), "Args"), **_entries(text, "Args")}
    yield from _of_parameters(path, value, text, loose=of is not None, listed=listed)
    if value.__doc__:
        yield from _of_raises(path, value, text)
    kind = _written(value.__annotations__.get("return"))
    if (
        ARRAYS.search(kind)
        and not HOLDERS.search(kind)
        and not SHAPE.search(_told_of_return(f"{text}\n{above}"))
    ):
        yield f"{path}: say which shape it returns, such as `[B, T, C, H, W]`"


def _of_parameters(path: str, value: Any, text: str, *, loose: bool, listed: dict[str, str]) -> Iterator[str]:
    for parameter in inspect.signature(value).parameters.values():
        name = parameter.name
        if name in ("self", "cls") or name.startswith("_"):
            continue
        told = listed.get(name) or (_in_prose(text, name) if loose else None)
        yield from _of_part(path, name, _written(value.__annotations__.get(name)), told, text)


def _of_part(path: str, name: str, kind: str, told: str | None, text: str) -> Iterator[str]:
    if told is None:
        yield f"{path}: its docstring does not tell of {name}"
    elif ARRAYS.search(kind) and not HOLDERS.search(kind) and not SHAPE.search(told):
        yield f"{path}: say which shape {name} has, such as `[B, T, C, H, W]`"


def _of_raises(path: str, value: Any, text: str) -> Iterator[str]:
    listed = _entries(text, "Raises")
    for name, parents in _raised(value):
        if not parents & {other.rpartition(".")[2] for other in listed}:
            yield f"{path}: it raises {name}; say when, under Raises:"


@cache
def _raised(value: Callable[..., Any]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the errors of seqimg that a function's own code raises, helpers not looked into.

    Each with the names that stand for it: its own and those of its parents.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, SyntaxError):
        return ()
    found = {}
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else None
        called = call.func if isinstance(call, ast.Call) else None
        if isinstance(called, ast.Name):
            kind = value.__globals__.get(called.id)
            if inspect.isclass(kind) and issubclass(kind, SeqimgError):
                found[called.id] = frozenset(parent.__name__ for parent in kind.__mro__)
    return tuple(found.items())


def _entries(text: str, section: str) -> dict[str, str]:
    """Return what a section of a docstring says, by the name that each entry begins with."""
    parts = SECTION.split(text)
    bodies = [body for name, body in zip(parts[1::2], parts[2::2], strict=True) if name == section]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in "\n".join(bodies).splitlines():
        head = re.match(r"    (\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*)(?: \([^)]*\))?:(?: |$)(.*)", line)
        if head:
            names = [name.strip(" *") for name in head[1].split(",")]
            found |= dict.fromkeys(names, head[2])
        elif line.startswith("        ") and names:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
        elif line.strip() and not line.startswith(" "):
            break
    return found


def _inherited_entries(value: type) -> dict[str, str]:
    found: dict[str, str] = {}
    for base in reversed(value.__mro__[1:]):
        if base.__module__.startswith("seqimg") and base.__doc__:
            text = inspect.cleandoc(base.__doc__)
            found |= {**_entries(text, "Args"), **_entries(text, "Attributes")}
    return found


def _inherited_doc(of: type | None, name: str) -> str:
    for base in of.__mro__[1:] if of else ():
        said = getattr(vars(base).get(name), "__doc__", None)
        if said and base.__module__.startswith("seqimg"):
            return str(said)
    return ""


def _in_prose(text: str, name: str) -> str | None:
    """Return the whole text if it names something in backticks."""
    return text if re.search(rf"`\**{re.escape(name)}\b[^`]*`", text) else None


def _told_of_return(text: str) -> str:
    parts = SECTION.split(text)
    told = [
        body for name, body in zip(parts[1::2], parts[2::2], strict=True) if name in ("Returns", "Yields")
    ]
    return " ".join([parts[0], *told])


def _fields(value: type) -> Iterator[tuple[str, str]]:
    """Yield the fields that a class adds, and their types as they are written."""
    own = vars(value).get("__annotations__", {})
    if is_dataclass(value):
        for field in fields(value):
            if field.name in own and field.init and not field.name.startswith("_"):
                yield field.name, _written(field.type)
    elif hasattr(value, "_fields"):
        yield from ((name, _written(own[name])) for name in value._fields)
    elif hasattr(value, "model_fields"):
        for name, field in value.model_fields.items():
            if name in own and not field.description:
                yield name, _written(own[name])


def _made_doc(value: type, said: str) -> bool:
    """Return whether a docstring was made by a library: dataclasses write their signature."""
    return said.startswith(f"{value.__name__}(")


def _written(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else str(annotation)


def _constant_doc(path: str) -> str | None:
    """Return the string below the assignment of a constant, wherever it was imported from."""
    module, _, name = path.rpartition(".")
    return _constant_doc_in(import_module(module), name)


def _constant_doc_in(module: ModuleType, name: str) -> str | None:
    body = ast.parse(inspect.getsource(module)).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            said = after.value if isinstance(after, ast.Expr) else None
            below = str(said.value) if isinstance(said, ast.Constant) else None
            return below or _in_prose(module.__doc__ or "", name)
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name and node.module != module.__name__:
                    return _constant_doc_in(import_module(node.module), alias.name)
    return _lazily_imported(module, name)


def _lazily_imported(module: ModuleType, name: str) -> str | None:
    for other in list(sys.modules.values()):
        inside = isinstance(other, ModuleType) and other.__name__.startswith(f"{module.__name__}.")
        if inside and vars(other).get(name) is getattr(module, name):
            found = _constant_doc_in(other, name)
            if found:
                return found
    return None
