"""Every operation on single frames gives what scikit-image gives, in every dtype."""

import inspect
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import (
    color,
    exposure,
    feature,
    filters,
    measure,
    morphology,
    restoration,
    segmentation,
    transform,
)

from seqimg.sequences import SequenceInfo
from seqimg_filter.stage import Stage
from seqimg_filter.table import operations, parse

Image = NDArray[np.floating]
Reference = Callable[[Image], NDArray]


def each(work: Callable[..., NDArray], **values: object) -> Reference:
    """Apply a function to each channel."""
    return lambda image: np.stack([work(image[..., i], **values) for i in range(image.shape[2])], axis=2)


def grey(work: Callable[..., NDArray], **values: object) -> Reference:
    return lambda image: work(color.rgb2gray(image), **values)


def near(work: Callable[..., NDArray]) -> Reference:
    return each(lambda channel: work(channel, morphology.disk(2)))


def above(work: Callable[..., float], **values: object) -> Reference:
    return grey(lambda image: image > work(image, **values))


def signed(reference: Reference) -> Reference:
    return lambda image: reference(image) / 2 + 0.5


def mask(work: Callable[[NDArray[np.bool_]], NDArray]) -> Reference:
    return grey(lambda image: work(image > 0.5))


def without_small(work: Callable[..., NDArray], area: int, connectivity: int) -> Reference:
    """What has fewer pixels goes: up to 0.25 scikit-image is told what stays, then what goes."""
    words = inspect.signature(work).parameters
    old = "min_size" if "min_size" in words else "area_threshold"
    limit = {"max_size": area - 1} if "max_size" in words else {old: area}
    return mask(lambda image: work(image, connectivity=connectivity, **limit))


def means(image: Image, labels: NDArray) -> Image:
    return color.label2rgb(labels, image, kind="avg", bg_label=-1)


def hsv(change: Callable[[Image], None]) -> Reference:
    def work(image: Image) -> Image:
        turned = color.rgb2hsv(image)
        change(turned)
        return color.hsv2rgb(turned)

    return work


def stronger(image: Image) -> None:
    image[..., 1] = np.clip(image[..., 1] * 2, 0, 1)


def turned(image: Image) -> None:
    image[..., 0] = np.mod(image[..., 0] + 0.25, 1)


def stains(image: Image) -> Image:
    return np.maximum(color.rgb2hed(image), 0) / color.rgb2hed(np.zeros((1, 1, 3), np.float32)).max()


def hog(image: Image) -> Image:
    words = {"pixels_per_cell": (4, 4), "cells_per_block": (1, 1), "visualize": True, "channel_axis": -1}
    picture = feature.hog(image, **words)[1]
    return picture / picture.max()


def percentiles(image: Image) -> Image:
    ends = tuple(np.percentile(image, (5, 95)))
    return exposure.rescale_intensity(image, ends, (0.0, 1.0))


def resized(height: int, width: int) -> Reference:
    return lambda image: transform.resize(image, (height, width), order=1, anti_aliasing=True)


RIDGES = {"sigmas": [1, 2, 3], "black_ridges": False}
_RIDGED = "smallest=1,largest=3,step=1,black_ridges=false"

REFERENCES: dict[str, Reference] = {
    "gaussian:sigma=1.5,mode=mirror": each(filters.gaussian, sigma=1.5, mode="mirror"),
    "median:radius=2": near(filters.median),
    "box:radius=2": each(ndimage.uniform_filter, size=5),
    "butterworth:cutoff_frequency_ratio=0.1": each(
        filters.butterworth, cutoff_frequency_ratio=0.1, high_pass=False
    ),
    "unsharp_mask:radius=2,amount=1.5": each(filters.unsharp_mask, radius=2, amount=1.5),
    "denoise_tv_chambolle:weight=0.2": lambda x: restoration.denoise_tv_chambolle(
        x, weight=0.2, channel_axis=-1
    ),
    "denoise_tv_bregman:weight=3": lambda x: restoration.denoise_tv_bregman(x, weight=3, channel_axis=-1),
    "denoise_nl_means:patch_distance=3": lambda x: restoration.denoise_nl_means(
        x, patch_distance=3, channel_axis=-1
    ),
    "denoise_bilateral:sigma_color=0.1": lambda x: restoration.denoise_bilateral(
        x, sigma_color=0.1, mode="edge", channel_axis=-1
    ),
    "rolling_ball:radius=8": each(lambda x: x - restoration.rolling_ball(x * 255, radius=8) / 255),
    "sobel": each(filters.sobel),
    "sobel_h": signed(each(filters.sobel_h)),
    "sobel_v": signed(each(filters.sobel_v)),
    "scharr": each(filters.scharr),
    "prewitt": each(filters.prewitt),
    "farid": each(filters.farid),
    "roberts": each(filters.roberts),
    "laplace": signed(each(filters.laplace)),
    "difference_of_gaussians:high_sigma=3": signed(
        each(filters.difference_of_gaussians, low_sigma=1, high_sigma=3)
    ),
    "canny:sigma=1.5,low_threshold=0.05,high_threshold=0.1": grey(
        feature.canny, sigma=1.5, low_threshold=0.05, high_threshold=0.1
    ),
    f"frangi:{_RIDGED}": grey(filters.frangi, **RIDGES),
    f"sato:{_RIDGED}": grey(filters.sato, **RIDGES),
    f"meijering:{_RIDGED}": grey(filters.meijering, **RIDGES),
    f"hessian:{_RIDGED}": grey(filters.hessian, **RIDGES),
    "local_binary_pattern:radius=2": grey(lambda x: feature.local_binary_pattern(x, 8, 2.0) / 255),
    "hog:cell=4": hog,
    "shape_index": signed(grey(lambda x: np.nan_to_num(feature.shape_index(x)))),
    "erosion:radius=2": near(morphology.erosion),
    "dilation:radius=2": near(morphology.dilation),
    "opening:radius=2": near(morphology.opening),
    "closing:radius=2": near(morphology.closing),
    "white_tophat:radius=2": near(morphology.white_tophat),
    "black_tophat:radius=2": near(morphology.black_tophat),
    "area_opening:area_threshold=20": each(morphology.area_opening, area_threshold=20),
    "area_closing:area_threshold=20": each(morphology.area_closing, area_threshold=20),
    "diameter_opening:diameter_threshold=5": each(morphology.diameter_opening, diameter_threshold=5),
    "diameter_closing:diameter_threshold=5": each(morphology.diameter_closing, diameter_threshold=5),
    "remove_small_objects:area=58": without_small(morphology.remove_small_objects, 58, 1),
    "remove_small_objects:area=58,connectivity=2": without_small(morphology.remove_small_objects, 58, 2),
    "remove_small_holes:area=4": without_small(morphology.remove_small_holes, 4, 1),
    "remove_small_holes:area=4,connectivity=2": without_small(morphology.remove_small_holes, 4, 2),
    "fill_holes": mask(ndimage.binary_fill_holes),
    "clear_border": mask(segmentation.clear_border),
    "skeletonize": mask(morphology.skeletonize),
    "thin": mask(morphology.thin),
    "convex_hull": mask(morphology.convex_hull_object),
    "boundaries": mask(segmentation.find_boundaries),
    "distance:longest=8": mask(lambda x: np.minimum(ndimage.distance_transform_edt(x) / 8, 1)),
    "threshold:value=0.4": grey(lambda x: x > 0.4),
    "threshold_otsu": above(filters.threshold_otsu),
    "threshold_isodata": above(filters.threshold_isodata),
    "threshold_li": above(filters.threshold_li),
    "threshold_mean": above(filters.threshold_mean),
    "threshold_minimum:nbins=64": above(filters.threshold_minimum, nbins=64),
    "threshold_triangle": above(filters.threshold_triangle),
    "threshold_yen": above(filters.threshold_yen),
    "threshold_local:block_size=11": above(filters.threshold_local, block_size=11),
    "threshold_niblack": above(filters.threshold_niblack),
    "threshold_sauvola": above(filters.threshold_sauvola, r=0.5),
    "threshold_multiotsu": grey(lambda x: np.digitize(x, filters.threshold_multiotsu(x)) / 2),
    "hysteresis": grey(filters.apply_hysteresis_threshold, low=0.2, high=0.6),
    "label_colours": mask(lambda x: color.label2rgb(measure.label(x, connectivity=1), bg_label=0)),
    "superpixels:n_segments=20": lambda x: means(x, segmentation.slic(x, 20, start_label=1)),
    "felzenszwalb:scale=10,min_size=10": lambda x: means(x, segmentation.felzenszwalb(x, 10, 0.8, 10)),
    "grey": color.rgb2gray,
    "channel:index=1": lambda x: x[..., 1],
    "hsv": color.rgb2hsv,
    "from_hsv": color.hsv2rgb,
    "saturate:factor=2": hsv(stronger),
    "turn_hue:degrees=90": hsv(turned),
    "separate_stains": stains,
    "invert": lambda x: 1 - x,
    "adjust_gamma:gamma=2,gain=0.9": lambda x: exposure.adjust_gamma(x, 2, 0.9),
    "adjust_log": exposure.adjust_log,
    "adjust_sigmoid": exposure.adjust_sigmoid,
    "equalize_hist": each(exposure.equalize_hist),
    "equalize_adapthist:kernel_size=8": lambda x: exposure.equalize_adapthist(x, 8),
    "rescale_intensity:low=5,high=95": percentiles,
    "level:low=0.2,high=0.7": lambda x: (x - 0.2) / 0.5,
    "resize:width=20": resized(16, 20),
    "rescale:scale=0.75": resized(24, 30),
    "rotate:angle=30": lambda x: transform.rotate(x, 30, order=1),
    "rotate:angle=30,resize=true": lambda x: transform.rotate(x, 30, resize=True, order=1),
    "turn:quarters=-1": lambda x: np.rot90(x, -1),
    "flip": lambda x: x[:, ::-1],
    "flip:axis=vertical": lambda x: x[::-1],
    "crop:left=4,top=2,width=10,height=12": lambda x: x[2:14, 4:14],
    "pad:left=3,bottom=2,mode=edge": lambda x: np.pad(x, ((0, 2), (3, 0), (0, 0)), "edge"),
    "downscale_local_mean:factor=4": lambda x: transform.downscale_local_mean(x, (4, 4, 1)),
    "swirl:strength=2,radius=20": lambda x: transform.swirl(x, strength=2, radius=20),
    "warp_polar": lambda x: transform.warp_polar(x, channel_axis=-1),
}

DTYPES = {"uint8": (0.0, 255.0), "uint16": (0.0, 4095.0), "float32": (-1.0, 3.0), "float64": (0.0, 1.0)}


def info_of(frame: NDArray, value_range: tuple[float, float]) -> SequenceInfo:
    height, width, channels = frame.shape
    return SequenceInfo(
        path="made", format="array", height=height, width=width, channels=channels, dtype=str(frame.dtype),
        value_range=value_range,
    )  # fmt: skip


def picture(dtype: str, channels: int = 3) -> NDArray:
    """A frame of blobs, two of them bright, with a little noise, that uses most of its range."""
    rng = np.random.default_rng(3)
    blobs = ndimage.gaussian_filter(rng.random((32, 40, channels)), (3, 3, 0))
    blobs = (blobs - blobs.min()) / np.ptp(blobs)
    blobs[6:14, 5:17] = 0.9
    blobs[10, 10] = 0.1
    blobs[20:28, 24:] *= 0.2
    low, high = DTYPES[dtype]
    values = (blobs * 0.95 + 0.05 * rng.random(blobs.shape)).clip(0, 1) * (high - low) + low
    return (np.rint(values) if dtype.startswith("uint") else values).astype(dtype)


def through(word: str, frame: NDArray, value_range: tuple[float, float]) -> tuple[NDArray, SequenceInfo]:
    stage = Stage([parse(word)], info_of(frame, value_range), from_pixels=True, into_pixels=True)
    return stage(frame), stage.info


@pytest.mark.parametrize("word", REFERENCES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_as_scikit_image_has_it(word: str, dtype: str) -> None:
    frame, (low, high) = picture(dtype), DTYPES[dtype]
    exact = np.float64 if dtype == "float64" else np.float32
    image = (frame.astype(exact) - exact(low)) / exact(high - low)
    expected = np.asarray(REFERENCES[word](image), np.float64)
    expected = expected.reshape(*expected.shape[:2], -1)
    found, info = through(word, frame, (low, high))
    assert found.dtype == dtype
    assert found.shape == expected.shape
    if dtype.startswith("uint"):
        assert info.value_range == (low, high)
        scaled = np.rint(expected * high).clip(0, 2 ** int(dtype[4:]) - 1)
        # A value halfway between two may be rounded to either.
        away, half = np.abs(found.astype(np.float64) - scaled), np.abs(expected * high % 1 - 0.5) < 2e-3
        assert (away <= half).all()
    else:
        span = info.value_range[1] - info.value_range[0]
        np.testing.assert_allclose(
            (found - info.value_range[0]) / span, expected, atol=2e-6 if exact == np.float32 else 1e-9
        )


def test_every_operation_is_compared() -> None:
    compared = {word.partition(":")[0] for word in REFERENCES}
    elsewhere = {"label", "rgb"}
    of_frames = {name for name, entry in operations().items() if entry.role == "frame"}
    assert of_frames == compared | elsewhere


def test_regions_are_numbered() -> None:
    frame = picture("uint8")
    found, info = through("label", frame, (0, 255))
    expected = measure.label(color.rgb2gray(frame.astype(np.float32) / np.float32(255)) > 0.5, connectivity=1)
    assert (info.dtype, info.value_range, expected.max() > 1) == ("uint16", (0, 65535), True)
    assert (found[..., 0] == expected).all()


def test_small_things_go() -> None:
    frame = np.zeros((20, 20, 1), np.uint8)
    frame[1:4, 1:4] = frame[8:18, 8:18] = 255
    frame[12, 12] = 0
    kept = through("remove_small_objects:area=10", frame, (0, 255))[0]
    assert (kept[:5] == 0).all()
    assert (kept[8:] == frame[8:]).all()
    assert (through("remove_small_objects:area=9", frame, (0, 255))[0] == frame).all()
    whole = through("remove_small_holes:area=2", frame, (0, 255))[0]
    assert whole[12, 12] == 255
    assert (through("remove_small_holes:area=1", frame, (0, 255))[0] == frame).all()


def test_grey_becomes_three_channels() -> None:
    frame = picture("uint16", 1)
    found, info = through("rgb", frame, (0, 4095))
    assert info.channel_names == ("red", "green", "blue")
    assert (found == frame).all()


@pytest.mark.parametrize("channels", [1, 2, 4, 40])
@pytest.mark.parametrize(
    "name", [n for n, e in operations().items() if e.role == "frame" and e.on != "colour"]
)
def test_any_number_of_channels(name: str, channels: int) -> None:
    if name in ("hog", "felzenszwalb", "denoise_nl_means") and channels == 40:
        return  # the same code as for 4, slow
    frame = picture("uint8", channels)
    word = {"resize": "resize:width=20", "crop": "crop:width=9"}.get(name, name)
    found, info = through(word, frame, (0, 255))
    assert found.shape[2] == info.channels
    if channels in (2, 4) and operations()[name].on in ("channel", "picture") and name != "hog":
        assert (found[..., -1] == frame[..., -1]).all(), "alpha stays as it is"
