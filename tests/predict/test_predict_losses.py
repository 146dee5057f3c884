"""Losses: what they are written as, each term against arithmetic, gradients, gaps."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from skimage.metrics import structural_similarity

from seqimg.data import Batch, ClipSource
from seqimg_predict.config import PredictConfig
from seqimg_predict.losses import Compared, loss_terms
from seqimg_predict.task import PredictTask
from seqimg_predict.terms import TERMS, parse_loss
from tests.predict.clips import drifting

ALONE = tuple(name for name in TERMS if name != "crps")  # which takes two draws: see test_spread


def _compared(**values: object) -> Compared:
    rng = torch.Generator().manual_seed(0)
    truth = drifting(2, 3, 2, (12, 10))
    outputs = (truth + 0.2 * torch.randn(truth.shape, generator=rng)).clamp(0, 1)
    given = {
        "outputs": outputs,
        "truth": truth,
        "valid": None,
        "last": truth[:, :1].roll(1, -1),
        "thresholds": (0.4, 0.6),
        "balance": (1.0, 2.0, 5.0),
    }
    return Compared(**{**given, **values})  # type: ignore[arg-type]


def _term(name: str, compared: Compared) -> float:
    return float(loss_terms(compared, {name: 1.0})[name])


def test_the_terms_are_what_they_say() -> None:
    compared = _compared()
    own, true = compared.outputs.double().numpy(), compared.truth.double().numpy()
    error = own - true
    weights = np.select([true >= 0.6, true >= 0.4], [5.0, 2.0], 1.0)
    slopes = [np.abs(np.abs(np.diff(own, axis=a)) - np.abs(np.diff(true, axis=a))).mean() for a in (3, 4)]
    similar = [
        structural_similarity(t, o, channel_axis=0, data_range=1)
        for t, o in zip(true.reshape(-1, *true.shape[2:]), own.reshape(-1, *own.shape[2:]), strict=True)
    ]
    wanted = {
        "mse": (error**2).mean(),
        "l1": np.abs(error).mean(),
        "charbonnier": (np.sqrt(error**2 + 1e-6) - 1e-3).mean(),
        "gradient": sum(slopes),
        "ssim": 1 - np.mean(similar),
        "balanced_mse": (weights * error**2).mean(),
        "balanced_mae": (weights * np.abs(error)).mean(),
    }
    assert set(wanted) == set(ALONE) - {"relative"}
    for name, value in wanted.items():
        assert _term(name, compared) == pytest.approx(value, rel=1e-4), name


@pytest.mark.parametrize("name", ALONE)
def test_a_perfect_prediction_costs_nothing_and_what_is_missing_has_no_gradient(name: str) -> None:
    compared = _compared()
    assert _term(name, _compared(outputs=compared.truth)) == pytest.approx(0, abs=1e-6)
    valid = torch.rand(compared.truth.shape, generator=torch.Generator().manual_seed(1)) > 0.05
    valid[1] = False
    values = []
    for beneath in (0.5, 1e6):
        outputs = torch.where(valid, compared.outputs, beneath).requires_grad_()
        term = loss_terms(_compared(outputs=outputs, valid=valid), {name: 1.0})[name]
        (slope,) = torch.autograd.grad(term, outputs)
        assert slope.isfinite().all()
        assert not slope[~valid].any()
        assert slope[valid].any()
        values.append(term.item())
    assert values[0] == pytest.approx(values[1]) != 0


@pytest.mark.parametrize("size", [(1, 1), (1, 8), (3, 2)])
@pytest.mark.parametrize("name", ALONE)
def test_frames_of_any_size_have_a_finite_loss(name: str, size: tuple[int, int]) -> None:
    frames = torch.rand(1, 2, 1, *size)
    assert np.isfinite(_term(name, _compared(outputs=frames.flip(1), truth=frames, last=frames[:, :1])))


def test_a_loss_is_terms_with_weights_and_its_parts_are_named() -> None:
    assert parse_loss(" mse+ 0.5 * l1+1e-2*ssim") == {"mse": 1.0, "l1": 0.5, "ssim": 0.01}
    frames = drifting(2, 4, 1, (8, 8))
    batch = Batch(frames, tuple(ClipSource("a", n) for n in range(2)))
    task = PredictTask(PredictConfig(channels=1, context=2, horizon=2, loss="l1+0.25*gradient"))
    losses = task.loss(torch.rand(2, 2, 1, 8, 8), batch)
    assert set(losses.parts) == {"l1", "gradient", "mse"}
    assert float(losses.total) == pytest.approx(
        float(losses.parts["l1"] + 0.25 * losses.parts["gradient"]), rel=1e-6
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"loss": "psnr"}, "there is no 'psnr'"),
        ({"loss": "gradent"}, "did you mean 'gradient'"),
        ({"loss": "mse+mse"}, "twice"),
        ({"loss": "0*mse"}, "not a number above 0"),
        ({"loss": "-1*mse"}, "not a number above 0"),
        ({"loss": ""}, "no term"),
        ({"loss": "balanced_mse"}, "needs thresholds"),
        ({"metrics": ("csi",)}, "needs thresholds"),
        ({"metrics": ("fid",)}, "there is no 'fid'"),
        ({"thresholds": (0.5, 0.2)}, "ascending"),
        ({"thresholds": (0.0,)}, "ascending"),
        ({"thresholds": (0.5,), "balance": (1,)}, "one weight above 0 more"),
        ({"neighbourhood": 4}, "odd"),
        ({"baselines": ("oracle",)}, "there is no 'oracle'"),
        ({"sampling": (0.6, 0.5)}, "the earlier first"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(values: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        PredictConfig(**values)  # type: ignore[arg-type]
