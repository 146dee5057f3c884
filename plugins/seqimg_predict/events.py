"""Scores of events: where a value reaches a threshold, as rain does, was it said to?"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from seqimg_predict.measures import Family, Measure

__all__ = ["Fractions", "Hits", "event_names"]

_PIXELS = (2, 3, 4)
_NOTES = {
    "csi": "Critical success index: hits over hits, misses and false alarms; 1 if there are none of the three",
    "pod": "Probability of detection: hits over hits and misses; 1 if there was nothing to detect",
    "far": "False alarm ratio: false alarms over hits and false alarms; 0 if nothing was said",
    "hss": "Heidke skill score: how much better than chance; 1 if everything was right",
}


def event_names(name: str, thresholds: tuple[float, ...]) -> str:
    """Return a score's name: `csi` for the mean over all thresholds, `csi_20` for one of 20 % of the range.

    Example:
        >>> event_names("csi", (0.2,)), event_names("fss", (0.025,)), event_names("csi", (0.2, 0.5))
        ('csi_20', 'fss_2_5', 'csi')
    """
    return name if len(thresholds) != 1 else f"{name}_{100 * thresholds[0]:g}".replace(".", "_")


@dataclass(frozen=True)
class Hits(Family):
    """Hits, misses, false alarms and correct negatives of pixels, for each threshold.

    Attributes:
        thresholds: Values in [0, 1] from which on a pixel is an event.

    Example:
        >>> truth = torch.tensor([0.9, 0.9, 0.1, 0.1]).reshape(1, 1, 1, 2, 2)
        >>> outputs = torch.tensor([0.9, 0.1, 0.9, 0.1]).reshape(1, 1, 1, 2, 2)
        >>> hits = Hits((0.5,))
        >>> hits.sums(outputs, truth).tolist()
        [[1.0, 1.0, 1.0, 1.0]]
        >>> [round(float(measure.figure(hits.sums(outputs, truth).sum(0))), 3) for measure in hits.measures()]
        [0.333, 0.5, 0.5, 0.0]
    """

    thresholds: tuple[float, ...]

    @property
    def size(self) -> int:  # type: ignore[override]
        """Four counts for each threshold."""
        return 4 * len(self.thresholds)

    def sums(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Count the pixels of each kind."""
        valid, counts = ~truth.isnan(), []
        for threshold in self.thresholds:
            said, came = outputs >= threshold, truth >= threshold
            kinds = (said & came, ~said & came, said & ~came, ~said & ~came)
            counts += [(kind & valid).sum((0, *_PIXELS)) for kind in kinds]
        return torch.stack(counts, dim=1).double()

    def measures(self) -> tuple[Measure, ...]:
        """Return csi, pod, far and hss: means over the thresholds."""
        scores: dict[str, Callable[..., Tensor]] = {"csi": _csi, "pod": _pod, "far": _far, "hss": _hss}
        at = " and ".join(f"{100 * threshold:g} %" for threshold in self.thresholds)
        mean = ", mean over the thresholds" if len(self.thresholds) > 1 else ""

        def mean_over(score: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
            def figure(sums: Tensor) -> Tensor:
                return score(*sums.unflatten(-1, (len(self.thresholds), 4)).unbind(-1)).mean(-1)

            return figure

        return tuple(
            Measure(
                event_names(name, self.thresholds),
                self,
                mean_over(score),
                name != "far",
                f"{_NOTES[name]}; of pixels of at least {at} of the value range, all frames counted together{mean}.",
                name,
            )
            for name, score in scores.items()
        )


@dataclass(frozen=True)
class Fractions(Family):
    """The fractions skill score's sums: how far off the share of events in each neighbourhood is.

    Attributes:
        thresholds: Values in [0, 1] from which on a pixel is an event.
        side: Side of the neighbourhoods in pixels, odd.
    """

    thresholds: tuple[float, ...]
    side: int

    @property
    def size(self) -> int:  # type: ignore[override]
        """Two sums for each threshold."""
        return 2 * len(self.thresholds)

    def sums(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """Add up the squared differences of shares, and what they could be at most."""
        valid, found = ~truth.isnan(), []
        for threshold in self.thresholds:
            said, came = (
                self._shares(((frames >= threshold) & valid).double()) for frames in (outputs, truth)
            )
            found += [(said - came).square().sum((0, *_PIXELS))]
            found += [(said.square() + came.square()).sum((0, *_PIXELS))]
        return torch.stack(found, dim=1)

    def measures(self) -> tuple[Measure, ...]:
        """Return fss: the mean over the thresholds."""
        at = " and ".join(f"{100 * threshold:g} %" for threshold in self.thresholds)

        def figure(sums: Tensor) -> Tensor:
            wrong, most = sums.unflatten(-1, (len(self.thresholds), 2)).unbind(-1)
            skill: Tensor = (1 - wrong / most.masked_fill(most == 0, 1)).mean(-1)
            return skill

        about = (
            f"Fractions skill score: shares of pixels of at least {at} of the value range in neighbourhoods of "
            f"{self.side}×{self.side} pixels, all frames together; 1 if there are no events."
        )
        return (Measure(event_names("fss", self.thresholds), self, figure, True, about, "fss"),)

    def _shares(self, events: Tensor) -> Tensor:
        """Return the share of events around each pixel; beyond the border there are none."""
        flat, margin = events.flatten(0, 1), self.side // 2
        rows = avg_pool2d(flat, (1, self.side), 1, (0, margin))
        shares: Tensor = avg_pool2d(rows, (self.side, 1), 1, (margin, 0)).unflatten(0, events.shape[:2])
        return shares


def _share(part: Tensor, whole: Tensor, otherwise: float) -> Tensor:
    return torch.where(whole > 0, part / whole.clamp(min=1), otherwise)


def _csi(hits: Tensor, misses: Tensor, false: Tensor, negatives: Tensor) -> Tensor:
    return _share(hits, hits + misses + false, 1.0)


def _pod(hits: Tensor, misses: Tensor, false: Tensor, negatives: Tensor) -> Tensor:
    return _share(hits, hits + misses, 1.0)


def _far(hits: Tensor, misses: Tensor, false: Tensor, negatives: Tensor) -> Tensor:
    return _share(false, hits + false, 0.0)


def _hss(hits: Tensor, misses: Tensor, false: Tensor, negatives: Tensor) -> Tensor:
    chance = (hits + misses) * (misses + negatives) + (hits + false) * (false + negatives)
    return _share(2 * (hits * negatives - misses * false), chance, 1.0)
