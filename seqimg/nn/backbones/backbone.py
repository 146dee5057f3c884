"""One face for all image networks: features of every frame, whatever the network is."""

import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.nn.backbones.consent import BACKBONES, import_network, one_line
from seqimg.nn.backbones.efficientnet import STRIDES, EfficientNetLite0, imagenet_weights

__all__ = ["Backbone", "load_backbone"]

_PROBE = 64  # side of the picture that is shown to a network to see what it makes of it


class Backbone(nn.Module):
    """An image network that turns frames into features.

    It is always in evaluation mode: what its normalisation has learnt of millions of pictures is not
    overwritten with a few clips, and it drops nothing. A frozen one is not differentiated either.

    Args:
        network: Maps pictures `[N, 3, H, W]` in [0, 1] to features `[N, F, h, w]` or `[N, F]`.
        channels: Channels of the frames: 3 are taken for red, green and blue, 1 is shown as grey, and any other
            number is mixed to 3 by a learnt 1×1 convolution.
        frozen: Leave the network as it is.
        missing: What to raise when it is used before weights were loaded; None if it has some.

    Attributes:
        features: F.
        stride: Pixels that one position of the features stands for, seen on a picture of 64 pixels; 0 for
            networks that return vectors.

    Raises:
        SeqimgError: The network does not understand such pictures.
        UsageError: It returns something else than features.

    Example:
        >>> backbone = Backbone(nn.Conv2d(3, 8, 4, stride=4), channels=1)
        >>> backbone(torch.rand(2, 1, 32, 32)).shape, backbone.stride
        (torch.Size([2, 8, 8, 8]), 4)
    """

    def __init__(
        self,
        network: nn.Module,
        channels: int = 3,
        *,
        frozen: bool = True,
        missing: UnavailableError | None = None,
    ) -> None:
        super().__init__()
        # Convolutions of few pictures are a quarter faster with the channels last.
        self.network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.channels, self.frozen = channels, frozen
        self.mix = nn.Conv2d(channels, 3, 1) if channels not in (1, 3) else None
        if self.mix is not None:
            nn.init.constant_(self.mix.weight, 1 / channels)
            if self.mix.bias is not None:
                nn.init.zeros_(self.mix.bias)
        for parameter in network.parameters():
            parameter.requires_grad_(not frozen)
        self.features, self.stride = _measured(network)
        self.missing = missing
        self.register_load_state_dict_post_hook(_has_weights)  # type: ignore[no-untyped-call]

    def forward(self, frames: Tensor) -> Tensor:
        """Return the features `[N, F, h, w]` of frames `[N, C, H, W]` in [0, 1]; h = w = 1 for vectors.

        Args:
            frames: Pictures `[N, C, H, W]` in [0, 1].

        Raises:
            UnavailableError: The network's weights are neither installed nor loaded.
        """
        if self.missing is not None:
            raise self.missing
        pictures = frames.expand(-1, 3, -1, -1) if self.mix is None else self.mix(frames)
        differentiated = torch.is_grad_enabled() and (not self.frozen or self.mix is not None)
        with torch.set_grad_enabled(differentiated):
            found: Tensor = self.network(pictures)
        return found if found.ndim == 4 else found[:, :, None, None]

    def train(self, mode: bool = True) -> "Backbone":
        """Set training or evaluation of what is around the network.

        Args:
            mode: True for training; the network stays as it is.
        """
        super().train(mode)
        self.network.eval()
        return self


def load_backbone(name: str, channels: int = 3, *, frozen: bool = True, stride: int = 32) -> Backbone:
    """Make an image network by its name.

    Args:
        name: `efficientnet-lite0`, with the weights of ImageNet, or `module:attribute`: a class of
            `torch.nn.Module` that needs no arguments, or a function annotated to return one. Others' networks
            have to be allowed first, see [allow_backbone][seqimg.nn.backbones.allow_backbone].
        channels: Channels of the frames.
        frozen: Leave the network as it is.
        stride: Pixels that one position of the features stands for: 4, 8, 16 or 32; of `efficientnet-lite0` only.

    Raises:
        UsageError: No such network, or nobody allowed it.
        UnavailableError: It is not installed. (Of `efficientnet-lite0`, this is raised when it is used: the weights
            may also come from a model folder.)
        SeqimgError: It cannot be made.

    Example:
        >>> with torch.device("meta"):  # the shapes alone, without weights
        ...     backbone = load_backbone("efficientnet-lite0", channels=1, stride=16)
        >>> backbone.features, backbone.stride
        (112, 16)
    """
    if name not in BACKBONES:
        return Backbone(import_network(name), channels, frozen=frozen)
    if stride not in STRIDES:
        raise UsageError(
            f"stride={stride} is none of {name}", why=f"there are {', '.join(map(str, STRIDES))}"
        )
    network, missing = EfficientNetLite0(stride), None
    if next(network.parameters()).device.type != "meta":  # of shapes alone, weights would fill nothing
        try:
            network.load_state_dict(imagenet_weights(network))
        except UnavailableError as error:
            missing = error
    return Backbone(network, channels, frozen=frozen, missing=missing)


def _has_weights(backbone: nn.Module, _keys: object) -> None:
    backbone.missing = None  # type: ignore[assignment]


def _measured(network: nn.Module) -> tuple[int, int]:
    """Return how many features a network has and what one position stands for."""
    if isinstance(network, EfficientNetLite0):
        return network.features, network.stride
    parameter = next(network.parameters(), torch.empty(0))
    if parameter.is_meta:
        raise NotImplementedError("what a network makes of a picture cannot be seen without its weights")
    probe = torch.zeros(1, 3, _PROBE, _PROBE, dtype=parameter.dtype, device=parameter.device)
    try:
        with torch.no_grad():
            found = network(probe)
    except Exception as error:
        raise SeqimgError(
            "the image network does not understand pictures",
            why=f"given [1, 3, {_PROBE}, {_PROBE}], {one_line(error)}",
        ) from error
    if not isinstance(found, Tensor) or found.ndim not in (2, 4) or len(found) != 1:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UsageError(
            f"the image network returns {shape}", why="it has to return features [N, F, h, w] or [N, F]"
        )
    return found.shape[1], _PROBE // found.shape[-1] if found.ndim == 4 else 0
