"""The work of `seqimg style stabilise`."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Literal

import torch
from torch import Tensor

from seqimg import modelfolder
from seqimg.cli.machine import chosen_device, device_sentence
from seqimg.cli.output import command, output
from seqimg.config import ReadingConfig
from seqimg.cuts import Cuts
from seqimg.data import Batch, collate, fill_missing, to_frame, to_tensor, window_datasets
from seqimg.errors import SeqimgError, UsageError
from seqimg.publish import check_writable
from seqimg.sequences import Sequence, open_configured, save_sequence
from seqimg.sequences.pixeltypes import Pixels
from seqimg_style.config import StyleConfig
from seqimg_style.flows import real_flow
from seqimg_style.losses import keeping_losses, keeping_total
from seqimg_style.memory import Memory
from seqimg_style.model import Restyler, colours
from seqimg_style.task import StyleTask

__all__ = ["Order", "learn", "run", "stabilised"]

_RATE, _BATCH, _WARMUP = 3e-3, 4, 0.05
_USUAL = StyleConfig()  # terms weigh what they do in a training


@dataclass(frozen=True)
class Order:
    """What is wanted.

    Attributes:
        original: The sequence as it was.
        processed: What was made of it.
        out: Where to write; None for a name after `processed`.
        model: What was learnt before.
        save: Where to keep what is learnt.
        minutes: How long to learn.
        seed: Seed of everything random.
        reset_on_cut: Whether nothing is carried on to another scene.
        reading: How both sequences are read.
    """

    original: str
    processed: str
    out: Path | None = None
    model: Path | None = None
    save: Path | None = None
    minutes: float = 3.0
    seed: int = 0
    reset_on_cut: bool = True
    reading: ReadingConfig = field(default_factory=ReadingConfig)

    def opened(self, source: str) -> Sequence:
        """Open one of the two."""
        return open_configured(source, self.reading)


def run(order: Order, *, overwrite: bool, device: Literal["auto", "cpu", "cuda"]) -> None:
    """Take the flicker out of a sequence, and write it.

    Raises:
        UsageError: A model is both used and learnt, or the two sequences are not the same frames.
        SeqimgError: One cannot be read, or the result not be written.
    """
    out = order.out or Path(f"{Path(order.processed).stem}.stable.mp4")
    if order.model is not None and order.save is not None:
        raise UsageError("--save does not go with --model", why="nothing is learnt then")
    check_writable(out, overwrite=overwrite)
    if order.save is not None:
        check_writable(order.save, overwrite=False)
    with order.opened(order.original) as original, order.opened(order.processed) as processed:
        for sequence in (original, processed):
            output().say(sequence.info.sentence())
        _check_pair(original, processed)
        where = chosen_device(device)
        output().say(device_sentence(where, device))
        memory = _memory(order, where)
        info = processed.info
        with output().progress("Stabilising", total=info.frame_count) as bar:
            saved = save_sequence(
                stabilised(original, processed, memory, reset_on_cut=order.reset_on_cut, advance=bar.advance),
                out,
                fps=info.fps,
                value_range=info.value_range,
                overwrite=overwrite,
            )
        for sequence in (original, processed):
            if losses := sequence.losses():
                output().warn(losses)
    output().data(
        {"output": str(out), "frames_written": saved.frame_count}, f"Saved {out} ({saved.frame_count} frames)"
    )
    output().hint(command("seqimg", "style", "train", "--style", "PICTURE", "--data", order.original))


def stabilised(
    original: Sequence,
    processed: Sequence,
    memory: Memory,
    *,
    reset_on_cut: bool = True,
    advance: Callable[[], object] = lambda: None,
) -> Iterator[Pixels]:
    """Yield processed frames without their flicker, in the dtype and range they have, in constant memory.

    Args:
        original: The sequence as it was; its cuts count.
        processed: What was made of it.
        memory: What was learnt.
        reset_on_cut: Whether nothing is carried on to another scene, whose first frame stays as it was made.
        advance: Called after each frame.

    Raises:
        SeqimgError: One of the sequences ends before the other.
    """
    info, past, cuts = processed.info, None, Cuts()
    where = next(memory.parameters()).device
    ours, theirs = original.timed(), processed.timed()
    while True:
        frame, painted = next(ours, None), next(theirs, None)
        if frame is None or painted is None:
            if (frame is None) != (painted is None):
                shorter = original if frame is None else processed
                raise SeqimgError(
                    f"{shorter.info.path} ends before the other sequence",
                    why="each processed frame is held against the original it was made of",
                )
            return
        with torch.inference_mode():
            seen, made = (
                colours(fill_missing(to_tensor(one.pixels, sequence.info.value_range))[0][None]).to(where)
                for one, sequence in ((frame, original), (painted, processed))
            )
            if reset_on_cut and cuts(seen[0]):
                past = None
            result, past = memory(seen, made, past)
        picture = result[0] if info.channels == 3 else result[0].mean(0, keepdim=True)
        yield to_frame(picture, info.dtype, info.value_range, info.fill_value)
        advance()


def learn(order: Order, memory: Memory) -> int:
    """Train a memory on the two sequences for a bounded time; returns the number of steps.

    Raises:
        SeqimgError: One cannot be read or is too short to learn from.
    """
    torch.manual_seed(order.seed)
    where = next(memory.parameters()).device
    optimizer = torch.optim.AdamW(memory.parameters(), lr=_RATE, weight_decay=1e-4)
    how = order.reading.model_dump()
    config = StyleConfig(**how, crop=128, holdout=0, validation=0, split="time", size=0, seed=order.seed)
    length, steps, limit = config.unroll, 0, order.minutes * 60
    with (
        window_datasets(config.model_copy(update={"data": (order.original,)}), length=length, step=1) as one,
        window_datasets(
            config.model_copy(update={"data": (order.processed,)}), length=length, step=1
        ) as other,
        output().progress("Learning", total=limit) as bar,
    ):
        # Both have the same windows, and the same crops of them: they are drawn by number and seed.
        begun = before = perf_counter()
        while (share := (perf_counter() - begun) / limit) < 1:
            places = range(steps * _BATCH, (steps + 1) * _BATCH)
            batches = [collate([part.train[place] for place in places]).to(where) for part in (one, other)]
            for group in optimizer.param_groups:
                rise = min(1.0, share / _WARMUP + 0.02)
                group["lr"] = _RATE * rise * 0.5 * (1 + math.cos(math.pi * share))
            _step(memory, optimizer, *batches)
            steps += 1
            bar.advance(perf_counter() - before)
            before = perf_counter()
    return steps


def _step(memory: Memory, optimizer: torch.optim.Optimizer, original: Batch, processed: Batch) -> None:
    frames, painted = colours(original.frames), colours(processed.frames)
    results, past = list[Tensor](), None
    for frame, made in zip(frames.unbind(1), painted.unbind(1), strict=True):
        result, past = memory(frame, made, past)
        results.append(result)
    flow = torch.stack([real_flow(clip) for clip in frames])
    total = keeping_total(
        keeping_losses(torch.stack(results, 1), painted, flow),
        temporal=_USUAL.temporal_weight,
        fidelity=_USUAL.fidelity_weight,
    )
    optimizer.zero_grad()
    total.backward()
    norm = torch.nn.utils.clip_grad_norm_(memory.parameters(), 1.0)
    if not bool(norm.isfinite()):
        raise SeqimgError(
            "the gradient is not finite", why="the frames hold values that cannot be learnt from"
        )
    optimizer.step()


def _memory(order: Order, where: torch.device) -> Memory:
    """Return the memory that was learnt before, or learn one."""
    if order.model is not None:
        model = modelfolder.load(order.model, task="style", device=where).model
        assert isinstance(model, Restyler)
        return model.memory.eval()
    task = StyleTask(StyleConfig(width=4, blocks=0, channels=3, seed=order.seed))
    model = task.build_model().to(where)
    steps = learn(order, model.memory.train())
    output().say(f"Learnt from the two for {steps} steps.")
    if order.save is not None:
        modelfolder.save(order.save, task, model.state_dict(), {"steps": steps})
        output().say(f"Kept in {order.save}.")
    return model.memory.eval()


def _check_pair(original: Sequence, processed: Sequence) -> None:
    one, other = original.info, processed.info
    if (one.height, one.width) != (other.height, other.width):
        raise UsageError(
            f"{other.path} is {other.width}×{other.height}, {one.path} is {one.width}×{one.height}",
            why="they have to be the same frames, before and after",
            hint=f"seqimg filter run {other.path} --op resize:height={one.height},width={one.width}",
        )
    if None not in (one.frame_count, other.frame_count) and one.frame_count != other.frame_count:
        raise UsageError(
            f"{other.path} has {other.frame_count} frames, {one.path} has {one.frame_count}",
            why="they have to be the same frames, before and after",
            hint="cut the longer one: seqimg filter run IN --end 100f",
        )
    for info in (one, other):
        if info.live or info.channels not in (1, 3):
            why = "it is live" if info.live else f"its frames have {info.channels} channels"
            raise UsageError(f"{info.path} cannot be stabilised", why=why)
