"""Reads the data of a pickle by PyTorch without executing anything in it.

A pickle is a program that may import and call whatever it names. Here its operations
are read by `pickletools`, and only those that build numbers, texts, containers and
descriptions of tensors are followed. A name outside `_CALLS` and `_TYPES` is an error.
"""

from __future__ import annotations

import dataclasses
import pickletools
from collections.abc import Callable
from typing import IO, Any

import numpy as np

# The classes of PyTorch's storages and the types of their elements, little-endian.
# bfloat16 is the upper half of a float32.
_TYPES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch BFloat16Storage": "<u2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
    "torch BoolStorage": "?",
}


@dataclasses.dataclass(frozen=True)
class Storage:
    """A block of memory that tensors share.

    Attributes:
        key: Its name in the file.
        dtype: The type of its elements.
        is_bfloat16: Whether the elements are upper halves of float32.
        size: The number of elements.
    """

    key: str
    dtype: np.dtype[Any]
    is_bfloat16: bool
    size: int


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor, whose elements are in a storage.

    Attributes:
        storage: Where the elements are.
        offset: The index of the first one.
        shape: The size of each axis.
        strides: The distance in elements between neighbours along each axis.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> Tensor:
    """Describes a tensor; what follows are gradients and hooks."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor is without storage")
    return Tensor(storage, int(offset), tuple(shape), tuple(strides))


# What a file may call, and what is done instead.
_CALLS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": lambda items=(): dict(items),
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
}


@dataclasses.dataclass(frozen=True)
class _Name:
    """What a pickle would import."""

    text: str


class _Mark:
    """The begin of a list of arguments on the stack."""


def load(file: IO[bytes]) -> Any:
    """Returns the data of the pickle at the position of a file, and moves behind it.

    Args:
        file: Opened for reading in binary.

    Returns:
        Numbers, texts, tuples, lists, dictionaries and `Tensor`.

    Raises:
        ValueError: The pickle names code, has another operation, or is damaged.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for operation, given, _ in pickletools.genops(file):
        name = operation.name
        argument: Any = given
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name == "GLOBAL":
            stack.append(_allowed(argument))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in _OPERATIONS:
            _OPERATIONS[name](stack)
        elif name == "STOP":
            return stack.pop()
        elif name != "PROTO":
            raise ValueError(f"its pickle has the operation {name}, which is not data")
    raise ValueError("its pickle does not end")


def _allowed(text: str) -> _Name:
    if text not in _CALLS and text not in _TYPES:
        raise ValueError(
            f"it contains code, {text.replace(' ', '.')}, which is not executed; write "
            f"the weights alone, torch.save(model.state_dict(), ...)"
        )
    return _Name(text)


# Operations that push their argument, and those that push a new value.
_VALUES = {
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "MARK": _Mark,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}


def _marked(stack: list[Any]) -> list[Any]:
    """Takes the values down to the last mark."""
    start = max(i for i, value in enumerate(stack) if isinstance(value, _Mark))
    values = stack[start + 1 :]
    del stack[start:]
    return values


def _last(stack: list[Any], count: int) -> list[Any]:
    values = stack[-count:]
    del stack[-count:]
    return values


def _extend(stack: list[Any]) -> None:
    items = _marked(stack)
    stack[-1].extend(items)


def _ignore(stack: list[Any]) -> None:
    """Drops the attributes of a dictionary of weights: versions of its modules."""
    stack.pop()


def _update(stack: list[Any], items: list[Any]) -> None:
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _reduce(stack: list[Any]) -> None:
    function, arguments = _last(stack, 2)
    if not isinstance(function, _Name) or function.text not in _CALLS:
        raise ValueError("its pickle calls what is not a function")
    stack.append(_CALLS[function.text](*arguments))


def _persistent(stack: list[Any]) -> None:
    kind, type_of, key, _, size, *view = stack.pop()
    if kind != "storage" or any(each is not None for each in view):
        raise ValueError(f"its pickle refers to a {kind} that is not a plain storage")
    dtype = np.dtype(_TYPES[type_of.text])
    is_bfloat16 = type_of.text == "torch BFloat16Storage"
    stack.append(Storage(str(key), dtype, is_bfloat16, int(size)))


_OPERATIONS: dict[str, Callable[[list[Any]], None]] = {
    "TUPLE": lambda stack: stack.append(tuple(_marked(stack))),
    "TUPLE1": lambda stack: stack.append(tuple(_last(stack, 1))),
    "TUPLE2": lambda stack: stack.append(tuple(_last(stack, 2))),
    "TUPLE3": lambda stack: stack.append(tuple(_last(stack, 3))),
    "APPEND": lambda stack: stack[-2].append(stack.pop()),
    "APPENDS": _extend,
    "SETITEM": lambda stack: _update(stack, _last(stack, 2)),
    "SETITEMS": lambda stack: _update(stack, _marked(stack)),
    "REDUCE": _reduce,
    "BINPERSID": _persistent,
    "BUILD": _ignore,
}
