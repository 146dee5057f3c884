"""Which measures there are."""

from seqimg_predict.events import Fractions, Hits
from seqimg_predict.measures import Edges, Errors, Measure
from seqimg_predict.structure import Structure

__all__ = ["drawn", "event_measures", "lead_time_measures", "picture_measures"]


def picture_measures() -> tuple[Measure, ...]:
    """Return what any predictions are measured by."""
    return (*Errors().measures(), *Structure().measures(), *Edges().measures())


def event_measures(thresholds: tuple[float, ...], side: int) -> tuple[Measure, ...]:
    """Return the scores of events at each threshold, in neighbourhoods of `side` pixels for fss."""
    return tuple(measure for threshold in thresholds for measure in _events((threshold,), side))


def lead_time_measures(thresholds: tuple[float, ...], side: int) -> tuple[Measure, ...]:
    """Return what is shown against lead time: all of these, and events as means over several thresholds too."""
    means = _events(thresholds, side) if len(thresholds) > 1 else ()
    return (*picture_measures(), *event_measures(thresholds, side), *means)


def drawn(thresholds: tuple[float, ...], side: int) -> tuple[str, ...]:
    """Return the names of those that get a diagram beside mse and sharpness."""
    events = _events(thresholds, side) if thresholds else ()
    return ("psnr", "ssim", *(measure.name for measure in events))


def _events(thresholds: tuple[float, ...], side: int) -> tuple[Measure, ...]:
    """Return the scores of events as means over the thresholds."""
    return (*Hits(thresholds).measures(), *Fractions(thresholds, side).measures())
