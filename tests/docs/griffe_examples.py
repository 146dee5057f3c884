"""Have the documentation read a docstring's `Example:` as it reads `Examples:`: as code that was run, with its output.

Griffe takes the singular for the title of a box with text in it, in which `>>>` would be a quotation.
"""

import re
from typing import Any

import griffe

__all__ = ["ExamplesExtension"]


class ExamplesExtension(griffe.Extension):
    """Rewrites the heading in every docstring that is loaded."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite that of one object."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"(?m)^( *)Example:$", r"\1Examples:", obj.docstring.value)
