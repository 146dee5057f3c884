"""Smoothing, sharpening, denoising, edges and ridges."""

from seqimg_filter.tables.short import MODES, choice, flag, number, op, whole

__all__ = ["TABLE"]

_FILTERS, _RESTORE, _OWN = "skimage.filters", "skimage.restoration", "seqimg_filter.functions.spatial"
_RADIUS = whole("radius", 1, "pixels about each", 1, 200)
_SHAPE = choice("shape", ("disk", "square", "diamond"), "of the neighbourhood")
_MODE = choice("mode", MODES, "what lies beyond the edge")
_RIDGES = (
    number("smallest", 1.0, "least width of a ridge, in pixels", 0.1, 200),
    number("largest", 9.0, "greatest", 0.1, 200),
    number("step", 2.0, "from one width to the next", 0.1, 200),
    flag("black_ridges", True, "dark lines on bright ground, else bright on dark"),
)
_TOGETHER = {"channel_axis": -1}

TABLE = (
    op(
        "smooth", "gaussian", _FILTERS, "Multi-dimensional Gaussian filter.",
        number("sigma", 1.0, "standard deviation in pixels", 0, 500),
        choice("mode", MODES, "what lies beyond the edge", "nearest"),
        number("truncate", 4.0, "the kernel ends after so many sigmas", 0.1, 10),
    ),
    op("smooth", "median", _OWN, "Local median of an image.", _RADIUS, _SHAPE,
       choice("mode", MODES, "what lies beyond the edge", "nearest")),
    op("smooth", "box", _OWN, "Mean of the square about each pixel.", _RADIUS, _MODE),
    op(
        "smooth", "butterworth", _FILTERS, "Butterworth filter to keep low or high frequencies.",
        number("cutoff_frequency_ratio", 0.05, "cutoff as a share of the sampling frequency", 0, 0.5),
        flag("high_pass", False, "keep high frequencies instead"),
        number("order", 2.0, "steepness", 0.1, 20),
    ),
    op(
        "sharpen", "unsharp_mask", _FILTERS, "Unsharp masking filter.",
        number("radius", 1.0, "of the blur that is taken away, in pixels", 0, 500),
        number("amount", 1.0, "how much the details are enlarged", -50, 50),
        bounded=True,
    ),
    op(
        "denoise", "denoise_tv_chambolle", _RESTORE, "Total-variation denoising by Chambolle's algorithm.",
        number("weight", 0.1, "more removes more noise and more detail", 1e-6, 1e3),
        number("eps", 0.0002, "change of the cost that ends it", 1e-12, 1),
        whole("max_num_iter", 200, "most iterations", 1, 10_000),
        on="picture", constant=_TOGETHER,
    ),
    op(
        "denoise", "denoise_tv_bregman", _RESTORE, "Total-variation denoising by split-Bregman optimisation.",
        number("weight", 5.0, "less removes more noise and more detail", 1e-6, 1e6),
        whole("max_num_iter", 100, "most iterations", 1, 10_000),
        number("eps", 0.001, "change of the cost that ends it", 1e-12, 1),
        flag("isotropic", True, "treat all directions alike"),
        on="picture", constant=_TOGETHER,
    ),
    op(
        "denoise", "denoise_nl_means", _RESTORE, "Non-local means denoising.",
        whole("patch_size", 7, "pixels of the patches compared", 1, 51),
        whole("patch_distance", 11, "how far off patches are looked for", 1, 101),
        number("h", 0.1, "more removes more noise and more detail", 1e-6, 10),
        flag("fast_mode", True, "uniform rather than Gaussian weights within a patch"),
        number("sigma", 0.0, "standard deviation of the noise, if known", 0, 10),
        on="picture", constant=_TOGETHER,
    ),
    op(
        "denoise", "denoise_bilateral", _RESTORE, "Bilateral filter: smooths, keeps edges.",
        whole("win_size", None, "side of the window in pixels", 1, 101),
        number("sigma_color", None, "differences of value that are smoothed", 1e-6, 10),
        number("sigma_spatial", 1.0, "distance in pixels that is smoothed over", 1e-3, 100),
        on="picture", bounded=True, constant={**_TOGETHER, "mode": "edge"},
    ),
    op("denoise", "rolling_ball", _OWN, "Take away the uneven background that a rolling ball finds.",
       number("radius", 50.0, "of the ball, larger than what is to stay", 1, 500)),
    op("edges", "sobel", _FILTERS, "Edges by the Sobel filter."),
    op("edges", "sobel_h", _FILTERS, "Horizontal edges by the Sobel transform.", gives="signed"),
    op("edges", "sobel_v", _FILTERS, "Vertical edges by the Sobel transform.", gives="signed"),
    op("edges", "scharr", _FILTERS, "Edge magnitude by the Scharr transform."),
    op("edges", "prewitt", _FILTERS, "Edge magnitude by the Prewitt transform."),
    op("edges", "farid", _FILTERS, "Edge magnitude by the Farid transform."),
    op("edges", "roberts", _FILTERS, "Edge magnitude by Roberts' cross operator."),
    op("edges", "laplace", _FILTERS, "Edges by the Laplace operator.",
       whole("ksize", 3, "side of the operator", 3, 31), gives="signed"),
    op(
        "edges", "difference_of_gaussians", _FILTERS, "Features between a low and a high Gaussian width.",
        number("low_sigma", 1.0, "the smaller width in pixels", 0, 500),
        number("high_sigma", 2.0, "the greater", 0, 500),
        choice("mode", MODES, "what lies beyond the edge", "nearest"),
        gives="signed",
    ),
    op(
        "edges", "canny", "skimage.feature", "Thin edges by the Canny algorithm.",
        number("sigma", 1.0, "standard deviation of the blur before", 0, 500),
        number("low_threshold", None, "weakest edge that goes on from a strong one", 0, 10),
        number("high_threshold", None, "weakest edge that begins one", 0, 10),
        on="grey", gives="mask",
    ),
    op("ridges", "frangi", _OWN, "Frangi's vesselness: lines, vessels, wrinkles.", *_RIDGES, on="grey"),
    op("ridges", "sato", _OWN, "Sato's tubeness: lines and tubes.", *_RIDGES, on="grey"),
    op("ridges", "meijering", _OWN, "Meijering's neuriteness: fine branching lines.", *_RIDGES, on="grey"),
    op("ridges", "hessian", _OWN, "Hybrid Hessian filter: continuous edges, vessels.", *_RIDGES, on="grey"),
    op(
        "features", "local_binary_pattern", _OWN, "Local binary patterns: texture that light does not change.",
        whole("points", 8, "neighbours on the circle", 1, 24),
        number("radius", 1.0, "of the circle in pixels", 0.1, 100),
        choice("method", ("default", "ror", "uniform"), "how patterns are told apart"),
        on="grey",
    ),
    op(
        "features", "hog", _OWN, "Histogram of oriented gradients, as a picture.",
        whole("orientations", 9, "directions", 1, 36), whole("cell", 8, "side of a cell in pixels", 2, 256),
        on="picture", channels=1,
    ),
    op("features", "shape_index", _OWN, "Cups, ruts, saddles, ridges and caps of the grey surface.",
       number("sigma", 1.0, "width in pixels", 0.1, 100), on="grey", gives="signed"),
)  # fmt: skip
