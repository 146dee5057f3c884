"""Several sequences put together; the others are named by `--with`, counted from 1."""

from seqimg_filter.tables.short import choice, flag, number, op, whole

__all__ = ["TABLE"]

_OWN = "seqimg_filter.composing"
_SOURCE = whole("source", 1, "which of the sequences named by --with", 1, 64)

TABLE = tuple(
    op("together", name, f"{_OWN}:{target}", doc, *parameters, on="sequences", role="compose", resizes=resizes)
    for name, target, doc, parameters, resizes in (
        ("blend", "Blend", "Lay another sequence over this one; its alpha, if it has one, counts too.",
         (_SOURCE, number("alpha", 0.5, "how much of the other", 0, 1)), False),
        ("mask", "Mask", "Keep what another sequence marks, dark elsewhere.",
         (_SOURCE, flag("below", False, "keep what it does not mark"),
          flag("soft", False, "grey marks in part")), False),
        ("difference", "Difference", "Absolute difference to another sequence.", (_SOURCE,), False),
        ("beside", "Beside", "Another sequence at the right, as high.",
         (_SOURCE, whole("gap", 0, "pixels between", 0, 1000)), True),
        ("above", "Above", "Another sequence below, as wide.",
         (_SOURCE, whole("gap", 0, "pixels between", 0, 1000)), True),
        ("grid", "Grid", "This and all the others in a grid, each as large as this.",
         (whole("columns", None, "how many; about a square by default", 1, 64),
          whole("gap", 0, "pixels between", 0, 1000)), True),
        ("picture_in_picture", "PictureInPicture", "Another sequence, small, in a corner.",
         (_SOURCE, number("scale", 0.3, "its height as a share of this one's", 0.01, 1),
          choice("corner", ("bottom-right", "bottom-left", "top-right", "top-left"), "where"),
          whole("margin", 8, "pixels to the edge", 0, 10_000)), False),
    )
)  # fmt: skip
