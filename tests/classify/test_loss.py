"""The loss against torch's own where that has one, and the gradients it sends."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from seqimg_classify.loss import ClassLoss, balanced_weights

LENGTHS = torch.tensor([4, 2])
LOGITS = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([3, 1])
LAST = torch.stack([LOGITS[0, 3], LOGITS[1, 1]])


def test_one_class_is_cross_entropy_of_the_last_real_frame() -> None:
    wanted = cross_entropy(LAST, LABELS, label_smoothing=0.1)
    assert torch.allclose(ClassLoss(smoothing=0.1)(LOGITS, LABELS, LENGTHS), wanted)


def test_shares_and_weights_are_those_of_torch() -> None:
    shares = torch.tensor([[0.3, 0, 0, 0.7, 0], [0, 1.0, 0, 0, 0]])
    weights = (1.0, 2.0, 3.0, 0.5, 1.0)
    wanted = cross_entropy(LAST, shares, weight=torch.tensor(weights))
    assert torch.allclose(ClassLoss(weights=weights)(LOGITS, shares, LENGTHS), wanted)


def test_several_classes_are_binary_cross_entropy() -> None:
    shares = torch.tensor([[1.0, 0, 0, 1, 0], [0, 0, 0, 0, 0]])
    weights = (1.0, 2.0, 3.0, 0.5, 1.0)
    wanted = binary_cross_entropy_with_logits(LAST, shares, pos_weight=torch.tensor(weights))
    assert torch.allclose(ClassLoss(several=True, weights=weights)(LOGITS, shares, LENGTHS), wanted)


def test_every_frame_means_the_real_ones() -> None:
    each = [
        cross_entropy(LOGITS[0], LABELS[:1].expand(4)),
        cross_entropy(LOGITS[1, :2], LABELS[1:].expand(2)),
    ]
    found = ClassLoss(every_frame=1.0)(LOGITS, LABELS, LENGTHS)
    assert torch.allclose(found, torch.stack(each).mean())
    half = ClassLoss(every_frame=0.5)(LOGITS, LABELS, LENGTHS)
    assert torch.allclose(half, (found + cross_entropy(LAST, LABELS)) / 2)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("answer", ["last", "mean"])
def test_padding_gets_no_gradient_and_all_is_finite(answer: str, several: bool) -> None:
    logits = (100 * LOGITS).requires_grad_()
    labels = torch.eye(5)[LABELS] if several else LABELS
    loss = ClassLoss(answer=answer, several=several, every_frame=0.5)(logits, labels, LENGTHS)
    loss.backward()
    assert logits.grad is not None
    assert bool(loss.isfinite())
    assert bool(logits.grad.isfinite().all())
    assert not logits.grad[1, 2:].any()


def test_balanced_weights_make_classes_weigh_alike() -> None:
    counts = (80, 15, 5)
    weights = balanced_weights(counts, 100, several=False)
    weighed = [weight * count for weight, count in zip(weights, counts, strict=True)]
    assert weighed == pytest.approx([100 / 3] * 3)
    assert balanced_weights((0, 1), 100_000, several=True) == (1.0, 100.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("answer", ["last", "mean"])
def test_half_precision_gives_finite_losses_and_gradients(
    dtype: torch.dtype, several: bool, answer: str
) -> None:
    logits = torch.tensor([[[40.0, -40.0], [40.0, -40.0]]], dtype=dtype, requires_grad=True)
    labels = torch.tensor([[0.0, 1.0]]) if several else torch.tensor([1])
    loss = ClassLoss(several=several, answer=answer)(logits, labels, torch.tensor([2]))
    loss.backward()
    assert loss.dtype == torch.float32
    assert bool(loss.isfinite())
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())
