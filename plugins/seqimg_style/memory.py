"""What carries a picture from frame to frame: a recurrent network that decides, everywhere, what of it stays.

    O_t = P_t + g_t (W O_{t-1} - P_t) + r_t,    g_t = q_t max(0, 1 - j_t / |W O_{t-1} - P_t|)

P_t is the frame as it is painted by itself, W O_{t-1} the last result moved along with what is seen. A painted frame
may jump by j away from what is kept; what is more is taken off: squared flicker is made of few great jumps, while small
ones, held back, would cost as much of the painted frame. How far the past is trusted, q, one for broad tones and one
for fine strokes, and j come from a ConvGRU and from how well the frames themselves match. Where nothing changes at all,
nothing changes in the result either.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle

from seqimg.nn import ConvRNN, State, crop_to, pad_to_multiple
from seqimg_style.motion import local_mean, motion_between, moved

__all__ = ["Memory", "Past"]

_PATCH = 4  # pixels that one position of the state stands for
_UNIT = 0.03  # how far colours are off that do not match: one unit
_NEAR = 5  # pixels across a neighbourhood
_JUMP = 0.025  # how far a painted frame may be from what is kept, before training
_LEAST = 1e-6  # of a difference that is divided by
_MOST_SAID = 3.0  # how far the network may move a logarithm
_STILL = 0.0015  # mean change in a neighbourhood below which a frame stands still
_CHANGE = 0.1  # one unit of what is added
_SMOOTH = 5  # side of the mean that parts broad tones from fine strokes
_MOST, _DARK = 1.5, 1e-4  # times that fine strokes are made stronger at most; squared strokes that are none


class Past(NamedTuple):
    """What is carried from frame to frame.

    Attributes:
        hidden: The state of the ConvGRU.
        output: The last result, `[B, 3, H, W]`.
        frame: The last frame, `[B, 3, H, W]`.
    """

    hidden: State
    output: Tensor
    frame: Tensor


class Memory(nn.Module):
    """Keep the strokes of per-frame pictures on the things they were painted on.

    Args:
        width: Channels of the state.

    Example:
        >>> memory = Memory(8)
        >>> frame, painted = torch.rand(2, 1, 3, 40, 40)
        >>> first, past = memory(frame, painted, None)
        >>> again, past = memory(frame, painted, past)
        >>> torch.equal(first, painted), torch.allclose(again, painted, atol=1e-5)
        (True, True)
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        pictures = 3 * 3 * _PATCH**2
        self.look = nn.Sequential(
            nn.Conv2d(pictures + 3 * _PATCH**2, width, 1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
        )
        self.recurrence = ConvRNN(width, width, cell="conv_gru")
        self.say = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 6 * 4, 3, padding=1)
        )
        last = self.say[-1]
        assert isinstance(last, nn.Conv2d)
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        # How far painted frames may jump, in units of `_JUMP`, and how much broad tones and fine strokes mind that
        # frames do not match; all as logarithms.
        self.strengths = nn.Parameter(torch.zeros(3))
        # Means of strokes that do not quite meet are flat: how much of the contrast that is lost so is given back.
        self.restoring = nn.Parameter(torch.tensor(0.15))

    def forward(self, frame: Tensor, painted: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        """Work through one frame.

        Args:
            frame: `[B, 3, H, W]` in [0, 1].
            painted: The frame as it is painted by itself, of the same shape.
            past: What the call before returned; None for a first frame, whose result is `painted` as it is.

        Returns:
            The result `[B, 3, H, W]` in [0, 1], and what to give to the next call.
        """
        if past is None:
            hidden = self.recurrence.initial_state(
                painted.new_zeros(len(painted), 1, 1, *_positions(painted))
            )
            return painted, Past(hidden, painted, frame)
        with torch.no_grad():
            flow, mismatch, change = _followed(frame, past.frame)
            going = change / (change + _STILL)  # 0 where a frame stands still
        kept = moved(past.output, flow, sharp=True).clamp(0, 1)
        off = (painted - kept).abs().mean(1, keepdim=True)
        seen = torch.cat(
            [2 * painted - 1, 2 * kept - 1, 2 * frame - 1, mismatch - 1, 4 * off - 1, going], dim=1
        )
        features = self.look(pixel_unshuffle(pad_to_multiple(seen, _PATCH), _PATCH))
        state = tuple(_carried(part, flow) for part in past.hidden)
        said, hidden = self.recurrence(features[:, None], state)
        words = pixel_shuffle(self.say(torch.cat([features, said[:, 0]], dim=1)), 2)
        words = interpolate(words, scale_factor=_PATCH // 2, mode="bilinear", align_corners=False)
        words = crop_to(words, (frame.shape[-2], frame.shape[-1]))
        strengths = torch.exp(words[:, :3].clamp(-_MOST_SAID, _MOST_SAID) + self.strengths[:, None, None])
        jump, minding = _JUMP * strengths[:, :1], strengths[:, 1:]
        trusted = torch.exp(-minding * mismatch)
        shares = trusted * (1 - jump / off.clamp(min=_LEAST)).clamp(min=0)
        difference = kept - painted
        broad = local_mean(difference, _SMOOTH)
        result = painted + shares[:, :1] * broad + shares[:, 1:] * (difference - broad)
        result = result + _CHANGE * torch.tanh(words[:, 3:])
        result = _restored(result, painted, self.restoring).clamp(0, 1)
        result = kept + going * (result - kept)
        return result, Past(hidden, result, frame)


def _restored(result: Tensor, painted: Tensor, share: Tensor) -> Tensor:
    """Make fine strokes as strong as those of the painted frame are around, by a share of what they lack."""
    fine, wanted = (picture - local_mean(picture, _SMOOTH) for picture in (result, painted))
    strengths = torch.cat([part.square().mean(1, keepdim=True) for part in (fine, wanted)], dim=1)
    own, goal = local_mean(strengths, 2 * _SMOOTH - 1).split(1, dim=1)
    # 1.0: bounds of two kinds have no form in ONNX.
    lacking = ((goal + _DARK) / (own + _DARK)).sqrt().clamp(1.0, _MOST) - 1
    restored: Tensor = result + share * lacking * fine
    return restored


def _followed(frame: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the motion since the frame before, `[B, 2, H, W]`, what it leaves unexplained, and what changed at all.

    What is plain moves as its surroundings do: that standing still would explain it as well says nothing there.
    """
    change = local_mean((frame - before).abs().mean(1, keepdim=True), _NEAR)
    flow = motion_between(frame, before)
    unexplained = local_mean((frame - moved(before, flow)).abs().mean(1, keepdim=True), _NEAR)
    mismatch = (unexplained / _UNIT).clamp(max=4)
    return flow, torch.where(_outside(flow), mismatch.new_tensor(4.0), mismatch), change


def _carried(state: Tensor, flow: Tensor) -> Tensor:
    """Move a state along with what is seen."""
    coarse = avg_pool2d(pad_to_multiple(flow, _PATCH), _PATCH) / _PATCH
    return moved(state, coarse)


def _outside(flow: Tensor) -> Tensor:
    """Tell which pixels come from outside the picture, `[B, 1, H, W]`."""
    height, width = flow.shape[-2:]
    rows = torch.arange(height, device=flow.device)[:, None] + flow[:, 0]
    columns = torch.arange(width, device=flow.device) + flow[:, 1]
    return ((rows < -0.5) | (rows > height - 0.5) | (columns < -0.5) | (columns > width - 0.5))[:, None]


def _positions(pictures: Tensor) -> tuple[int, int]:
    height, width = pictures.shape[-2:]
    return -(-height // _PATCH), -(-width // _PATCH)
