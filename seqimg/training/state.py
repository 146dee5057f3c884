"""All that a run has to remember to go on as if it had never been stopped."""

import base64
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqimg.errors import SeqimgError

__all__ = ["State", "fill", "optimizer_state", "random_state", "restore_optimizer", "restore_random"]


@dataclass(frozen=True)
class State:
    """What a run remembers.

    Attributes:
        values: Plain values, as in JSON.
        tensors: Tensors by name; a name's first part says what it belongs to, as in `network/stem.weight`.
        where: What to call it in an error.
    """

    values: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    where: str = "the checkpoint"

    def value(self, name: str) -> Any:
        """Return a value.

        Raises:
            SeqimgError: There is none of that name.
        """
        with self.complete():
            return self.values[name]

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `name/`, without that.

        Example:
            >>> State({}, {"best/a": torch.ones(1), "other/a": torch.ones(1)}).part("best")
            {'a': tensor([1.])}
        """
        return {
            key.removeprefix(f"{name}/"): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(f"{name}/")
        }

    @contextmanager
    def complete(self) -> Iterator[None]:
        """Turn what is missing or of another kind than expected into an error that names it.

        Raises:
            SeqimgError: Something in the block was not there, or not what it has to be.
        """
        try:
            yield
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise SeqimgError(
                f"{self.where} cannot be gone on from", why=what.splitlines()[0], hint="a new run"
            ) from error


def fill(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Give a module its weights; each must be there, and of the right shape.

    Raises:
        KeyError: One is missing; it is named.
        ValueError: One is of another shape.
    """
    for name, tensor in module.state_dict().items():
        if f"{name}" not in tensors:
            raise KeyError(f"{what}/{name}")
        if tensors[name].shape != tensor.shape:
            raise ValueError(f"{what}/{name} is {tuple(tensors[name].shape)}, not {tuple(tensor.shape)}")
    module.load_state_dict(dict(tensors))


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return an optimiser's state: plain values, and tensors by `NUMBER/NAME`."""
    whole = optimizer.state_dict()
    tensors: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for number, entries in whole["state"].items():
        for name, entry in entries.items():
            place = tensors if isinstance(entry, Tensor) else values
            place[f"{number}/{name}"] = entry
    return {"values": values, "entries": sorted([*tensors, *values])}, tensors


def restore_optimizer(
    optimizer: torch.optim.Optimizer, values: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Give an optimiser the state that `optimizer_state` returned; its options stay what they are.

    Raises:
        KeyError: An entry is missing; it is named.
    """
    whole = optimizer.state_dict()
    parameters = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for entry in values["entries"]:
        number, name = entry.split("/", 1)
        if entry in tensors:
            found: Any = tensors[entry]
            weight = parameters[int(number)]
            if found.shape == weight.shape:  # in the weight's own layout, or every step becomes slower
                found = torch.empty_like(weight, dtype=found.dtype).copy_(found)
        elif entry in values["values"]:
            found = values["values"][entry]
        else:
            raise KeyError(f"optimizer/{entry}")
        state.setdefault(int(number), {})[name] = found
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the state of every generator of random numbers that a model or a plugin may draw from."""
    version, numbers, gauss = random.getstate()
    kind, key, *rest = np.random.get_state(legacy=True)
    found: dict[str, Any] = {
        "python": [version, list(numbers), gauss],
        "numpy": [kind, key.tolist(), *rest],  # type: ignore[union-attr]
        "torch": _text(torch.get_rng_state()),
    }
    if device.type == "cuda":
        found["cuda"] = _text(torch.cuda.get_rng_state(device))
    return found


def restore_random(found: Mapping[str, Any], device: torch.device) -> None:
    """Put the generators where they were.

    Raises:
        KeyError: The state of one is missing; it is named.
    """
    version, numbers, gauss = found["python"]
    kind, key, *rest = found["numpy"]
    states = [_tensor(found["torch"])]
    if device.type == "cuda":
        states.append(_tensor(found["cuda"]))
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state((kind, np.array(key, np.uint32), *rest))
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)


def _text(state: Tensor) -> str:
    return base64.b64encode(state.cpu().numpy().tobytes()).decode()


def _tensor(text: str) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
