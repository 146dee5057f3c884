"""What is computed: recurrent cells, one file each, as plain torch with the equations in the docstring."""

from seqimg.cells.base import Cell, Weights

__all__ = ["Cell", "Weights"]
