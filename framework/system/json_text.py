"""Parses JSON that somebody else may have damaged: one exception, whatever is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator


class InvalidJsonError(ValueError):
    """A text is not JSON, or not the JSON that was expected; the message says why."""


def parse(content: bytes) -> object:
    """Returns the value of a JSON text.

    Args:
        content: UTF-8. NaN and Infinity are read as Python writes them.

    Raises:
        InvalidJsonError: It is not UTF-8, not JSON, too deep, or a number is too long.

    Example:
        >>> parse(b'{"step": 10}')
        {'step': 10}
    """
    try:
        return json.loads(content.decode())
    except UnicodeDecodeError as problem:
        raise InvalidJsonError(f"byte {problem.start} is not UTF-8") from None
    except RecursionError:
        raise InvalidJsonError("it is nested too deeply") from None
    except ValueError as problem:
        raise InvalidJsonError(str(problem)) from None


def parse_object(content: bytes) -> dict[str, object]:
    """Returns the members of a JSON object.

    Raises:
        InvalidJsonError: See `parse`; or it is another value than an object.
    """
    value = parse(content)
    if not isinstance(value, dict):
        raise InvalidJsonError("it is not a JSON object")
    return value


def parse_record(content: bytes) -> dict[str, float]:
    """Returns a record of numbers by name, of which "step" is an integer from 0 up.

    Raises:
        InvalidJsonError: See `parse_object`; or its members are others.
    """
    record = parse_object(content)
    step = record.get("step")
    if type(step) is not int or not 0 <= step < 2**63:
        raise InvalidJsonError("its step is not an integer from 0 up")
    for name, value in record.items():
        # In Python a bool is an int, and an int can be too long for a float.
        is_count = type(value) is int and abs(value) < 2**63
        if type(value) is not float and not is_count:
            raise InvalidJsonError(f"its {name!r} is not a number")
    return record


def lines(content: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Yields the lines of a text: number from 1, content, whether its newline is there.

    Only the last one can lack its newline: whoever wrote it may have been killed.
    """
    *complete, last = content.split(b"\n")
    for number, line in enumerate(complete, start=1):
        yield number, line, True
    if last:
        yield len(complete) + 1, last, False
