"""Data sets of a folder with a `catalogue.json` of paths and classes: `{"a.npy": "left", "more/b.mp4": "right"}`."""

import json
from pathlib import Path

from seqimg.data.layouts import Found, Layout, labelled, named_item, within
from seqimg.sequences import SequenceError

NAME = "catalogue.json"
MOST = 2**24  # bytes


def detect(path: Path) -> str | None:
    """Say what was seen if a path looks like this layout, else None; only a glance is taken."""
    return f"a {NAME}" if (path / NAME).is_file() else None


def read(path: Path, found: Found) -> None:
    """Put the sequences of a data set into `found`, with their classes."""
    file = path / NAME
    if not file.is_file():
        raise SequenceError(f"{path} has no {NAME}")
    if file.stat().st_size > MOST:
        raise SequenceError(f"{file} is larger than {MOST:,} bytes")
    try:
        listed = json.loads(file.read_bytes())
        good = all(isinstance(label, str) for label in listed.values())
    except (ValueError, AttributeError, RecursionError) as error:
        raise SequenceError(f"cannot read {file}", why=f"{type(error).__name__}: {error}") from error
    if not good:
        raise SequenceError(f"cannot read {file}", why="a class is a name, in quotes")
    pairs = []
    for name, label in listed.items():
        place = within(path, name)  # nothing outside of the folder is read
        if place.exists():
            pairs.append((named_item(place, path), label))
        else:
            found.refuse(SequenceError(f"{place} does not exist", why=f"{NAME} names it"))
    found.items, found.classes = labelled(pairs)


CATALOGUE = Layout("catalogue", "a catalogue.json of paths and classes", detect, read)
