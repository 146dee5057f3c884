"""ConvGRU over whole clips: hoisted input convolutions, gate arithmetic in place, a backward pass written by hand."""
