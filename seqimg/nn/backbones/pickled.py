"""Tensors out of a file of `torch.save`'s older format, read as data: nothing in it is called or imported.

Such a file is four pickles (a magic number, a version, the machine's habits, the object), a fifth that lists
the storages, and the storages' bytes. A pickle is a program for a small stack machine; here only those of its
instructions are understood that build dictionaries, tuples, names and numbers, and the few callables that a
state dict mentions stand for functions of this module. Anything else is refused.
"""

import pickletools
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch
from torch import Tensor

from seqimg.errors import SeqimgError

__all__ = ["read_tensors"]

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {
    "torch FloatStorage": torch.float32,
    "torch DoubleStorage": torch.float64,
    "torch HalfStorage": torch.float16,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
}
_MOST = 2**31  # bytes in all: more is no image network
_MARK = object()


class _Storage(NamedTuple):
    key: str
    dtype: torch.dtype
    length: int


class _View(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _RefusedError(Exception):
    """The file holds something else than named tensors."""


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict.

    Args:
        path: A file that `torch.save(state_dict, path, _use_new_zipfile_serialization=False)` made.

    Returns:
        Its tensors by name, each a copy of its own.

    Raises:
        SeqimgError: The file cannot be read, is damaged, or holds something else.
    """
    try:
        with Path(path).open("rb") as file, warnings.catch_warnings():
            # Damaged text may have escapes that Python warns of.
            warnings.simplefilter("ignore")
            return _read(file)
    except OSError as error:
        raise SeqimgError(f"cannot read {path}", why=str(error)) from error
    except (
        _RefusedError,
        ValueError,
        IndexError,
        TypeError,
        KeyError,
        AttributeError,
        RuntimeError,
    ) as error:
        raise SeqimgError(
            f"{path} holds no weights that can be read", why=f"not a plain state dict: {error}"
        ) from error


def _read(file: IO[bytes]) -> dict[str, Tensor]:
    if _unpack(file) != _MAGIC:
        raise _RefusedError("it does not begin like one")
    _version, habits, entries = _unpack(file), _unpack(file), _unpack(file)
    if not habits["little_endian"]:
        raise _RefusedError("it is big-endian")
    views = {name: value for name, value in entries.items() if isinstance(value, _View)}
    if len(views) != len(entries):
        raise _RefusedError("some entries are no tensors")
    stated = {view.storage.key: view.storage for view in views.values()}
    storages = {key: _storage(file, stated[key]) for key in _unpack(file)}
    return {name: _tensor(view, storages) for name, view in views.items()}


def _storage(file: IO[bytes], stated: _Storage) -> Tensor:
    count = int.from_bytes(file.read(8), "little")
    size = count * stated.dtype.itemsize
    if count != stated.length or size > _MOST:
        raise _RefusedError("its parts contradict each other")
    content = file.read(size)
    if len(content) != size:
        raise _RefusedError("it ends too early")
    return (
        torch.frombuffer(bytearray(content), dtype=stated.dtype)
        if size
        else torch.empty(0, dtype=stated.dtype)
    )


def _tensor(view: _View, storages: Mapping[str, Tensor]) -> Tensor:
    whole = storages[view.storage.key]
    if min((*view.shape, *view.strides, view.offset), default=0) < 0:
        raise _RefusedError("a shape is negative")
    last = view.offset + sum((side - 1) * step for side, step in zip(view.shape, view.strides, strict=True))
    if 0 not in view.shape and last >= len(whole):
        raise _RefusedError("a tensor reaches beyond its storage")
    # Strides of 0 would let a short file state a huge tensor.
    if torch.Size(view.shape).numel() > len(whole):
        raise _RefusedError("a tensor is larger than its storage")
    return torch.as_strided(whole, view.shape, view.strides, view.offset).clone()


def _unpack(file: IO[bytes]) -> Any:
    """Read one pickle of plain values, named storages and views of them."""
    machine = _Machine()
    for opcode, argument, _place in pickletools.genops(file):
        if opcode.name == "STOP":
            return machine.stack.pop()
        machine.step(opcode.name, argument)
    raise _RefusedError("it ends too early")


class _Machine:
    """The stack machine, as far as a state dict needs it."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _PUT:
            self.memo[argument] = self.stack[-1]
        elif name in _GET:
            self.stack.append(self.memo[argument])
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name != "PROTO":
            raise _RefusedError(f"it uses {name}")

    def since_mark(self) -> list[Any]:
        place = max(index for index, value in enumerate(self.stack) if value is _MARK)
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def last(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise _RefusedError("its stack is empty")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def set_items(self, values: list[Any]) -> None:
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise _RefusedError("it extends what is no list")
        self.stack[-1].extend(values)

    def reduce(self) -> None:
        what, arguments = self.last(2)
        if what == "collections OrderedDict" and arguments == ():
            self.stack.append({})
        elif what == "torch._utils _rebuild_tensor_v2":
            storage, offset, shape, strides = arguments[:4]
            if not isinstance(storage, _Storage):
                raise _RefusedError("a tensor has no storage")
            self.stack.append(_View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides))))
        else:
            raise _RefusedError(f"it asks for {what}")

    def build(self) -> None:
        self.last(1)  # an object's other attributes: of no use here

    def persistent(self) -> None:
        (stated,) = self.last(1)
        kind, dtype, key, _device, count = stated[:5]
        if kind != "storage" or dtype not in _DTYPES:
            raise _RefusedError(f"it stores {dtype}")
        self.stack.append(_Storage(str(key), _DTYPES[dtype], int(count)))


_VALUES = frozenset(
    ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT", "GLOBAL")
)
_PUT = frozenset(("BINPUT", "LONG_BINPUT"))
_GET = frozenset(("BINGET", "LONG_BINGET"))
_CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "MARK": lambda: _MARK,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
_ACTIONS: Mapping[str, Callable[[_Machine], None]] = {
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.since_mark())),
    "TUPLE1": lambda machine: machine.stack.append(tuple(machine.last(1))),
    "TUPLE2": lambda machine: machine.stack.append(tuple(machine.last(2))),
    "TUPLE3": lambda machine: machine.stack.append(tuple(machine.last(3))),
    "SETITEM": lambda machine: machine.set_items(machine.last(2)),
    "SETITEMS": lambda machine: machine.set_items(machine.since_mark()),
    "APPEND": lambda machine: machine.extend(machine.last(1)),
    "APPENDS": lambda machine: machine.extend(machine.since_mark()),
    "REDUCE": _Machine.reduce,
    "BINPERSID": _Machine.persistent,
    "BUILD": _Machine.build,
}
