"""Which measures there are."""

from seqimg_predict.events import Fractions, Hits
from seqimg_predict.measures import Edges, Errors, Measure
from seqimg_predict.structure import Structure

__all__ = ["event_measures", "lead_time_measures", "picture_measures"]


def picture_measures() -> tuple[Measure, ...]:
    """Return what any predictions are measured by."""
    return (*Errors().measures(), *Structure().measures(), *Edges().measures())


def event_measures(thresholds: tuple[float, ...], side: int) -> tuple[Measure, ...]:
    """Return the scores of events at each threshold, in neighbourhoods of `side` pixels for fss."""
    return tuple(
        measure
        for threshold in thresholds
        for family in (Hits((threshold,)), Fractions((threshold,), side))
        for measure in family.measures()
    )


def lead_time_measures(thresholds: tuple[float, ...], side: int) -> tuple[Measure, ...]:
    """Return what is shown against lead time beside mse and sharpness; events as means over the thresholds."""
    chosen = [measure for measure in picture_measures() if measure.name in ("psnr", "ssim")]
    if thresholds:
        chosen += [*Hits(thresholds).measures(), *Fractions(thresholds, side).measures()]
    return tuple(chosen)
