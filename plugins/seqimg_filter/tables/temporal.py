"""Operations over time."""

from seqimg_filter.tables.short import choice, flag, number, op, whole

__all__ = ["TABLE"]

_WINDOWS, _BACKGROUND, _MOTION = (
    f"seqimg_filter.temporal.{name}" for name in ("windows", "background", "motion")
)
_FRAMES = whole("frames", 5, "frames in the window", 1, 1001)
_CENTRED = flag(
    "centred", True, "the window lies about the frame, else it ends with it; shorter at both ends"
)
_RATE = number("rate", 0.02, "share of the new frame in the background", 0, 1)
_METHOD = choice("method", ("mean", "median"), "an exponential mean, or a median that goes by small steps")

TABLE = (
    *(
        op("time", f"temporal_{name}", f"{_WINDOWS}:Windowed", f"{words} of each pixel over several frames.",
           _FRAMES, _CENTRED, on="sequence", role="stream", constant={"how": name})
        for name, words in (("mean", "Mean"), ("median", "Median"), ("max", "Greatest value"), ("min", "Least value"))
    ),
    op("time", "exponential_mean", f"{_WINDOWS}:ExponentialMean", "Mean that forgets: new frames count alpha.",
       number("alpha", 0.3, "share of the new frame", 0, 1), on="sequence", role="stream"),
    op("time", "temporal_denoise", f"{_WINDOWS}:TemporalDenoise",
       "Mean over frames of what has not changed: noise goes, what moves stays sharp.",
       _FRAMES, number("strength", 0.05, "differences of value that are taken for noise", 1e-6, 10),
       on="sequence", role="stream"),
    op("time", "background", f"{_BACKGROUND}:Background", "What stays: the background learnt so far.",
       _RATE, _METHOD, on="sequence", role="stream"),
    op("time", "background_subtraction", f"{_BACKGROUND}:Foreground", "Mark what differs from the background.",
       _RATE, _METHOD, number("threshold", 0.1, "difference of any channel from which on", 0, 10),
       on="sequence", gives="mask", channels=1, role="stream"),
    op("time", "frame_difference", f"{_BACKGROUND}:FrameDifference", "Absolute difference to a frame before.",
       whole("lag", 1, "how many frames before; to the first, where there are fewer", 1, 1000),
       on="sequence", role="stream"),
    op("motion", "optical_flow", f"{_MOTION}:FlowPicture",
       "Motion since the frame before as colours: hue is the direction, brightness the speed.",
       choice("method", ("ilk", "tvl1"), "iterative Lucas-Kanade, quick; or TV-L1, finer"),
       whole("radius", 7, "of the window of ilk, in pixels", 1, 100),
       number("fastest", 8.0, "pixels a frame that are brightest", 0.01, 1000),
       whole("longer", 320, "side that frames are shrunk to beforehand, in pixels; 0 keeps them", 0, 65536),
       on="sequence", channels=3, role="stream"),
    op("motion", "stabilise", f"{_MOTION}:Stabilise",
       "Take the shaking out of a hand-held camera: frames are registered and shifted.",
       whole("smooth", 15, "frames on each side that smooth the path; 0 holds the first frame still", 0, 500),
       whole("upsample", 10, "parts of a pixel that shifts are found to", 1, 100),
       number("largest", 0.2, "greatest shift between frames, as a share of the side; beyond it is a cut", 0, 0.5),
       choice("edge", ("nearest", "reflect", "missing"), "what lies beyond the frame's edge"),
       on="sequence", role="stream"),
)  # fmt: skip
