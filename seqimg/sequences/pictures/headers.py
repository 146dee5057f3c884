"""The headers of many pictures: what they have in common, and which are damaged."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from seqimg.sequences.base import Fit, OnError, SequenceError
from seqimg.sequences.pictures.images import describe
from seqimg.sequences.pictures.listing import Listing
from seqimg.sequences.pictures.picture import Picture

__all__ = ["Headers", "with_way_out"]

_DONE = {"resize": "resized", "crop": "cropped", "pad": "bordered"}


@dataclass
class Headers:
    """What the headers say.

    Attributes:
        first: What every frame is.
        last: Place in the listing of the last good picture.
        damage: Why a header cannot be read, by its place in the listing.
        end: Place in the listing where a truncated sequence ends; None if it goes to the end.
        notes: What there is to say.
    """

    first: Picture
    last: int
    damage: dict[int, str] = field(default_factory=dict)
    end: int | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, listing: Listing, *, on_error: OnError, fit: Fit) -> Self:
        """Describe every picture.

        Raises:
            SequenceError: A picture is damaged, and `on_error` says so; it differs; or all are damaged.
        """
        found: Self | None = None
        damage: dict[int, str] = {}
        said: Counter[str] = Counter()
        end = None
        for at, name in enumerate(listing.names):
            try:
                picture = describe(listing.root / name)
            except SequenceError as error:
                if on_error == "error":
                    raise with_way_out(error) from error
                damage[at] = error.why or error.message
                if on_error == "truncate":
                    end = at
                    break
                continue
            found = found or cls(picture, at)
            found.last = at
            said.update(_notes(found.first, picture, fit, listing, name))
        if found is None:
            name, why = listing.names[0], damage[0]
            raise SequenceError(f"cannot read {listing.source}", why=f"{name}: {why}")
        found.damage, found.end = damage, end
        found.notes = tuple(note.replace("{count}", str(count)) for note, count in said.items())
        return found


def with_way_out(error: SequenceError) -> SequenceError:
    """Return an error about one picture with what can be done about it."""
    return SequenceError(
        error.message, why=error.why, hint=error.hint or "--on-error skip, to leave such pictures out"
    )


def _notes(first: Picture, picture: Picture, fit: Fit, listing: Listing, name: str) -> list[str]:
    """Return what there is to say about a picture; refuse one that differs from the first."""
    notes = [picture.note] if picture.note else []
    if picture.kind != first.kind or picture.fill_value != first.fill_value:
        same_but_size = picture.kind[2:] == first.kind[2:] and picture.fill_value == first.fill_value
        if not (same_but_size and _fits(picture, first, fit)):
            missing = (
                ""
                if picture.fill_value == first.fill_value
                else f"; missing values are {picture.fill_value}, there {first.fill_value}"
            )
            raise SequenceError(
                f"{listing.root / name} differs from the frames before it",
                why=f"it is {picture}; they are {first}{missing}",
                hint=_ways(picture, first) if same_but_size else None,
            )
        notes.append(f"{{count}} of other sizes {_DONE[fit]} to that of the first")
    return notes


def _ways(picture: Picture, first: Picture) -> str:
    ways = [way for way in ("resize", "crop", "pad") if _fits(picture, first, way)]
    return " or ".join(f"--fit {way}" for way in ways)


def _fits(picture: Picture, first: Picture, fit: str) -> bool:
    larger = picture.height >= first.height and picture.width >= first.width
    smaller = picture.height <= first.height and picture.width <= first.width
    return {"error": False, "resize": True, "crop": larger, "pad": smaller}[fit]
