"""What `seqimg live` does: everything is opened and checked, and then served."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from seqimg import modelfolder
from seqimg.cli.fields import pace_of, reading_flags
from seqimg.cli.machine import chosen_device, device_sentence, kernel_sentence
from seqimg.cli.output import as_word, command, output
from seqimg.cli.resident import resident_bytes
from seqimg.cli.run import _stem
from seqimg.config import Config, ReadingConfig, check_flags
from seqimg.errors import UsageError, did_you_mean
from seqimg.live.browser_camera import SOURCE, BrowserCamera
from seqimg.live.engine import Engine, Wishes
from seqimg.live.hub import Hub
from seqimg.live.recorder import Recorder
from seqimg.live.serving import LOOPBACK, LiveServer, Place, listen
from seqimg.live.source import LiveSource
from seqimg.live.studio import Facts, Studio
from seqimg.masking import is_address, masked
from seqimg.modelfolder import LoadedModel
from seqimg.sequences import open_configured

__all__ = ["LiveOptions", "work"]

_FIRST_PORT = 8765


@dataclass(frozen=True)
class LiveOptions:
    """What can be chosen of the page.

    Attributes:
        values: Options of the task, each as `name=value`.
        loop: Whether a file begins again at its end.
        port: Where to listen; None for the first free port.
        host: Address of this machine to listen at.
        keep: Seconds that can be recorded afterwards.
        device: Where to compute.
    """

    values: list[str]
    loop: bool
    port: int | None
    host: str
    keep: float
    device: Literal["auto", "cpu", "cuda"]


def work(model: Path, source: str, reading: ReadingConfig, chosen: LiveOptions) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        SeqimgError: The model or the source cannot be used, or the port is taken.
    """
    where = chosen_device(chosen.device)
    loaded = modelfolder.load(model, device=where)
    options = _options(loaded, chosen.values)
    camera = BrowserCamera(loaded.task.config.channels) if source == SOURCE else None
    opened = camera.opened if camera is not None else partial(open_configured, source, reading)
    played = LiveSource(opened, loaded.task, str(model), loop=chosen.loop or camera is not None)
    place = listen(chosen.host, chosen.port, _FIRST_PORT)
    try:
        if camera is not None:
            camera.gate = played.gate
        else:
            output().say(played.open().sentence())
        facts = Facts(
            source=masked(source),
            name=masked(source) if is_address(source) else Path(source).name or source,
            model=str(model),
            device=device_sentence(where, chosen.device),
            kernel=kernel_sentence(loaded.model, where, streaming=True),
            command=lambda now: _command(loaded, source, model, now, reading),
            resident=resident_bytes,
            browser=camera is not None,
            forgets="reset_on_cut" in pace_of(type(options)).model_fields,
        )
        hub = Hub()
        engine = Engine(loaded, played, options, where, hub.publish, debug=output().debug)
        recorder = Recorder(f"{_stem_of(source)}.{loaded.task.name}.live", chosen.keep)
        studio = Studio(engine, hub, recorder, facts, output().say)
        _serve(LiveServer(studio, place, camera=camera, tell=output().warn), place, facts)
    finally:
        played.close()
        place.listener.close()


def _serve(server: LiveServer, place: Place, facts: Facts) -> None:
    for sentence in (facts.device, facts.kernel):
        if sentence:
            output().say(sentence)
    if place.host not in (LOOPBACK, "localhost", "::1"):
        output().warn(
            f"other machines can reach this page at {place.host}; its token is the only lock, and nothing is encrypted"
        )
    output().data({"url": server.url}, server.url)
    output().say("Open it in a browser; Ctrl-C ends it.")
    server.run()


def _options(loaded: LoadedModel, values: list[str]) -> Config:
    """Return the task's options, as they have to be while frames come."""
    task, given = loaded.task, dict[str, object]()
    for text in values:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise UsageError(f"--set {text} has no value", hint=f"--set {name}=VALUE")
        if name not in task.RunOptions.model_fields:
            near = did_you_mean(name, task.RunOptions.model_fields)
            raise UsageError(
                f"--set: {task.name} has no option {name}" + (f"; did you mean {near}?" if near else ""),
                why=f"there are {', '.join(task.RunOptions.model_fields)}",
            )
        given[name] = value
    live, usual = type(task).while_live, task.RunOptions()
    # Some options are only good beside those that a source without an end needs.
    needed = {
        name: value for name, value in live(usual).model_dump().items() if value != getattr(usual, name)
    }
    options: Config = live(check_flags(task.RunOptions, {**needed, **given}))
    return options


def _command(loaded: LoadedModel, source: str, model: Path, wishes: Wishes, reading: ReadingConfig) -> str:
    """Return the command line that does the same and writes it to a file; of the browser's camera, this page's."""
    options = wishes.options
    fields = type(options).model_fields
    changed = {
        name: value
        for name, value in options.model_dump(mode="json").items()
        if value != fields[name].get_default(call_default_factory=True)
    }
    if source == SOURCE:
        words = [word for name, value in changed.items() for word in ("--set", f"{name}={_plain(value)}")]
        return command("seqimg", "live", SOURCE, "--model", model, *words)
    words = []
    for name, value in changed.items():
        flag = name.replace("_", "-")
        words += (
            [f"--{flag}" if value else f"--no-{flag}"]
            if isinstance(value, bool)
            else [f"--{flag}", _plain(value)]
        )
    if wishes.forget:
        words.append("--reset-on-cut")
    shown = masked(source)
    return command(
        "seqimg", loaded.task.name, "run", as_word(shown), "--model", model, *words, *reading_flags(reading)
    )


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _stem_of(source: str) -> str:
    return "camera" if source == SOURCE else _stem(source)
