"""From what `--data` names to opened examples: pictures as well as sequences."""

from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from seqimg.data import FrameSource, FrameStore, WindowDataset, window_datasets
from seqimg.data.generators.photographs import PHOTOGRAPHS
from seqimg.data.stills import is_picture, still_item
from seqimg.errors import SeqimgError, UsageError, did_you_mean
from seqimg_texture.config import TextureConfig

__all__ = ["Opened", "open_examples"]

_DEMO = "demo:"
_PHOTOGRAPHS = {Path(name).stem: name for names in PHOTOGRAPHS.values() for name in names}


@dataclass(frozen=True)
class Opened:
    """Opened examples.

    Attributes:
        sources: Their frames.
        readings: What was understood of each, in a sentence.
        channels: Channels of all of them.
    """

    sources: tuple[FrameSource, ...]
    readings: tuple[str, ...]
    channels: int


def open_examples(config: TextureConfig, resources: ExitStack) -> Opened:
    """Open the pictures and sequences that `config.data` names.

    Args:
        config: Names them, and says how to read them.
        resources: Takes what is to be closed in the end.

    Raises:
        UsageError: None is named, or a photograph that is not there.
        SeqimgError: One cannot be read, or they differ in channels.
    """
    if not config.data:
        raise UsageError("no example was named", hint="--data picture.png, or --data demo:brick")
    sources: list[FrameSource] = []
    readings: list[str] = []
    for name in config.data:
        picture = _picture(name)
        if picture is None:
            found, said = _sequences(config, name, resources)
        else:
            found, said = [_store(picture, config, resources)], []
        sources += found
        readings += said or [source.info.sentence() for source in found]
    _check_alike(sources)
    return Opened(tuple(sources), tuple(readings), sources[0].channels)


def _picture(name: str) -> Path | None:
    """Return where a single picture is; None for what is a sequence, or is not there."""
    if name.startswith(_DEMO):
        plain, found = name.removeprefix(_DEMO), find_spec("skimage")
        if plain not in _PHOTOGRAPHS or found is None or found.origin is None:
            raise UsageError(
                f"no example {name!r}",
                why=f"there are {', '.join(_PHOTOGRAPHS)}, photographs of scikit-image",
                hint=did_you_mean(name, [f"{_DEMO}{known}" for known in _PHOTOGRAPHS]),
            )
        return Path(found.origin).parent / "data" / _PHOTOGRAPHS[plain]
    path = Path(name)
    return path if is_picture(path) else None


def _store(path: Path, config: TextureConfig, resources: ExitStack) -> FrameSource:
    store = FrameStore.read(still_item(path), config.size, config)
    resources.callback(store.close)
    return store


def _sequences(config: TextureConfig, name: str, resources: ExitStack) -> tuple[list[FrameSource], list[str]]:
    """Open what is no single picture, every frame of it, whatever part it may be thought to belong to."""
    alone = {"data": (name,), "split": "time", "holdout": 0.0, "validation": 0.0, "crop": 0, "short": "error"}
    data = resources.enter_context(
        window_datasets(config.model_copy(update=alone), length=1, step=1, part="all")
    )
    if not isinstance(data.test, WindowDataset):
        raise UsageError("a texture is not learnt from generated sequences", hint="--data picture.png")
    return data.test.stores, list(data.readings)


def _check_alike(sources: list[FrameSource]) -> None:
    first = sources[0]
    for source in sources:
        if source.channels != first.channels:
            raise SeqimgError(
                f"{first.path} and {source.path} do not go together",
                why=f"they have {first.channels} and {source.channels} channels",
            )
