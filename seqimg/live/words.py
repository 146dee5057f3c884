"""What viewers may ask for: messages of a few fields, anything else is refused."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seqimg.errors import UsageError
from seqimg.live.pictures import Part, Quality

__all__ = ["LARGEST", "Asked", "read"]

LARGEST = 4096
"""Bytes of the longest message that is read."""


class Asked(BaseModel):
    """One message of a viewer; each field is one thing asked for.

    Attributes:
        drawn: The number of the moment that is now on the screen.
        look: What to look at.
        quality: How good pictures are to be.
        do: Something to be done.
        set: Options of the task with their new values.
        compare: Whether a model without memory works beside the other.
        forget: Whether the memory begins anew at cuts.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    drawn: int | None = None
    look: list[Part] | None = Field(None, min_length=1, max_length=4)
    quality: Quality | None = None
    do: Literal["pause", "go", "reset", "again", "save"] | None = None
    set: dict[str, bool | int | float | str] | None = Field(None, max_length=8)
    compare: bool | None = None
    forget: bool | None = None


def read(text: str) -> Asked:
    """Read a message.

    Raises:
        UsageError: It is none.

    Example:
        >>> read('{"do": "reset"}').do
        'reset'
    """
    if len(text) > LARGEST:
        raise UsageError("the page says too much at once")
    try:
        value: Any = json.loads(text)
        return Asked.model_validate(value)
    except (ValidationError, ValueError, RecursionError) as error:
        raise UsageError(
            "the page asks for something that is not known here", hint="load it again"
        ) from error
