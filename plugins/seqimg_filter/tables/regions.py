"""Morphology, thresholds, masks and regions."""

from seqimg_filter.tables.short import choice, flag, number, op, whole

__all__ = ["TABLE"]

_OWN, _MORPHOLOGY = "seqimg_filter.functions.regions", "skimage.morphology"
_NEAR = (
    whole("radius", 1, "pixels about each", 1, 200),
    choice("shape", ("disk", "square", "diamond"), "of the neighbourhood"),
)
_CONNECTIVITY = whole("connectivity", 1, "1: neighbours share a side, 2: or a corner", 1, 2)
_BELOW = flag("below", False, "mark what is below the threshold instead")
_BINS = whole("nbins", 256, "bins of the histogram", 2, 65536)
_WINDOW = whole("window_size", 15, "side of the window in pixels, odd", 3, 1001)
_MASKED = "of a mask: all above the middle of the range"

TABLE = (
    op("morphology", "erosion", _OWN, "Grayscale erosion: the least value nearby.", *_NEAR),
    op("morphology", "dilation", _OWN, "Grayscale dilation: the greatest value nearby.", *_NEAR),
    op("morphology", "opening", _OWN, "Erosion, then dilation: removes small bright spots.", *_NEAR),
    op("morphology", "closing", _OWN, "Dilation, then erosion: removes small dark spots.", *_NEAR),
    op("morphology", "white_tophat", _OWN, "What opening takes away: small bright spots.", *_NEAR),
    op("morphology", "black_tophat", _OWN, "What closing fills: small dark spots.", *_NEAR),
    op("morphology", "area_opening", _MORPHOLOGY, "Remove bright structures of a smaller area.",
       whole("area_threshold", 64, "in pixels", 1), _CONNECTIVITY),
    op("morphology", "area_closing", _MORPHOLOGY, "Remove dark structures of a smaller area.",
       whole("area_threshold", 64, "in pixels", 1), _CONNECTIVITY),
    op("morphology", "diameter_opening", _MORPHOLOGY, "Remove bright structures of a smaller diameter.",
       whole("diameter_threshold", 8, "in pixels", 1), _CONNECTIVITY),
    op("morphology", "diameter_closing", _MORPHOLOGY, "Remove dark structures of a smaller diameter.",
       whole("diameter_threshold", 8, "in pixels", 1), _CONNECTIVITY),
    op("masks", "remove_small_objects", _OWN, f"Remove objects of fewer pixels, {_MASKED}.",
       whole("area", 64, "objects of fewer pixels go", 1), _CONNECTIVITY, on="grey", gives="mask"),
    op("masks", "remove_small_holes", _OWN, f"Fill holes of fewer pixels, {_MASKED}.",
       whole("area", 64, "holes of fewer pixels go", 1), _CONNECTIVITY, on="grey", gives="mask"),
    op("masks", "fill_holes", _OWN, f"Fill all holes, {_MASKED}.", on="grey", gives="mask"),
    op("masks", "clear_border", _OWN, f"Remove objects that touch the edge, {_MASKED}.",
       whole("buffer_size", 0, "width of the edge beyond the first pixel", 0), on="grey", gives="mask"),
    op("masks", "skeletonize", _OWN, f"Lines one pixel wide in the middle of objects, {_MASKED}.",
       on="grey", gives="mask"),
    op("masks", "thin", _OWN, f"Morphological thinning, {_MASKED}.",
       whole("max_num_iter", None, "most passes; all by default", 1), on="grey", gives="mask"),
    op("masks", "convex_hull", _OWN, f"The convex hull of each object, {_MASKED}.", on="grey", gives="mask"),
    op("masks", "boundaries", _OWN, f"The edges of objects, {_MASKED}.",
       choice("mode", ("thick", "inner", "outer"), "where they run"), on="grey", gives="mask"),
    op("masks", "distance", _OWN, f"Distance to the nearest pixel outside, {_MASKED}.",
       number("longest", 32.0, "distance in pixels that becomes the upper end", 1), on="grey"),
    op("thresholds", "threshold", _OWN, "Mark what is above a value.",
       number("value", 0.5, "0 is the lower end of the declared range, 1 the upper", -10, 10),
       _BELOW, on="grey", gives="mask"),
    *(
        op("thresholds", f"threshold_{method}", f"{_OWN}:threshold_by",
           f"Mark what is above {words}; each frame has a threshold of its own.", *parameters, _BELOW,
           on="grey", gives="mask", constant={"method": method})
        for method, words, parameters in (
            ("otsu", "the threshold of Otsu's method", (_BINS,)),
            ("isodata", "the threshold of the ISODATA method", (_BINS,)),
            ("li", "the threshold of Li's iterative minimum cross entropy method", ()),
            ("mean", "the mean of the greyscale values", ()),
            ("minimum", "the valley between two peaks of the histogram", (_BINS,)),
            ("triangle", "the threshold of the triangle algorithm", (_BINS,)),
            ("yen", "the threshold of Yen's method", (_BINS,)),
        )
    ),
    op("thresholds", "threshold_local", _OWN, "Mark what is above the mean of the neighbourhood.",
       whole("block_size", 35, "side of the neighbourhood in pixels, odd", 3, 1001),
       choice("method", ("gaussian", "mean", "median"), "how the neighbourhood is averaged"),
       number("offset", 0.0, "taken from the mean", -1, 1), _BELOW, on="grey", gives="mask"),
    op("thresholds", "threshold_niblack", _OWN, "Mark what is above Niblack's local threshold.",
       _WINDOW, number("k", 0.2, "share of the standard deviation", -10, 10), _BELOW, on="grey", gives="mask"),
    op("thresholds", "threshold_sauvola", _OWN, "Mark what is above Sauvola's local threshold.",
       _WINDOW, number("k", 0.2, "share of the standard deviation", -10, 10), _BELOW, on="grey", gives="mask"),
    op("thresholds", "threshold_multiotsu", _OWN, "Several classes of grey by Otsu's method.",
       whole("classes", 3, "how many", 2, 5), _BINS, on="grey"),
    op("thresholds", "hysteresis", f"{_OWN}:hysteresis",
       "Mark what is above a high value, and what is above a low one beside it.",
       number("low", 0.2, "the low one", -10, 10), number("high", 0.6, "the high one", -10, 10),
       on="grey", gives="mask"),
    op("regions", "label", _OWN, f"Number the connected regions {_MASKED}.", _CONNECTIVITY,
       on="grey", gives="labels"),
    op("regions", "label_colours", _OWN, f"Each connected region in a colour of its own, {_MASKED}.",
       _CONNECTIVITY, on="grey", channels=3),
    op("regions", "superpixels", _OWN, "Patches of like colour, by k-means (SLIC), each in its mean colour.",
       whole("n_segments", 200, "about how many", 2, 100_000),
       number("compactness", 10.0, "more makes patches squarer", 1e-3, 1e4),
       whole("max_num_iter", 10, "most iterations of k-means", 1, 1000), on="picture", bounded=True),
    op("regions", "felzenszwalb", _OWN, "Felzenszwalb's graph-based segments, each in its mean colour.",
       number("scale", 100.0, "more makes segments larger", 1e-3, 1e6),
       number("sigma", 0.8, "blur before, in pixels", 0, 100),
       whole("min_size", 50, "least pixels of a segment", 1), on="picture", bounded=True),
)  # fmt: skip
