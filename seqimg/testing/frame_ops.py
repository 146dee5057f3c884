"""What every operation on single frames promises, for the tests of a plugin that brings one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np

from seqimg.errors import SeqimgError, UnavailableError, UsageError
from seqimg.plugins.manager import plugin_host
from seqimg.sequences import SequenceInfo, open_sequence
from seqimg.sequences.limits import value_range_of
from seqimg.sequences.prepared import FrameOp, prepared
from seqimg.sequences.values import Values, to_pixels, to_values
from seqimg.testing.checking import SkipTest, require
from seqimg.testing.sequences import moving_square
from seqimg.wording import split_word

__all__ = ["FrameOpContract"]

_SIZES = ((16, 20), (1, 1), (1, 9), (7, 1), (33, 17))
_FEW = 4


class FrameOpContract:
    """Tests to inherit, for an operation that tasks may do first with every frame (`--pre`).

    Attributes:
        words: The operation as people write it: `dehaze`, or `dehaze:strength=0.5`.
        kinds: Channels and dtypes of the frames that it is tried on; those that it cannot work on it refuses.

    Example:
        >>> class TestInvert(FrameOpContract):
        ...     words = "invert"
        >>> TestInvert().test_the_same_answer_in_any_order()
    """

    words: ClassVar[str]
    kinds: ClassVar[tuple[tuple[int, str], ...]] = (
        (1, "uint8"),
        (3, "uint8"),
        (4, "uint8"),
        (1, "uint16"),
        (3, "float32"),
        (7, "float64"),
    )

    def test_registered(self) -> None:
        """It can be made for frames of at least one kind."""
        self._name()
        require(list(self._made()), f"{self.words} works on none of {self.kinds}")

    def test_frames_keep_their_size(self) -> None:
        """What comes out has the size of what goes in, the channels that `info` says, and the precision."""
        for op, info, _ in self._made():
            for size in _SIZES:
                try:
                    given = self._values(info, size)[0]
                    found = op(given)
                except SeqimgError:  # too small for it, which it says
                    continue
                wanted = (*size, op.info.channels)
                require(found.shape == wanted, f"a frame {given.shape} becomes {found.shape}, not {wanted}")
                require(found.dtype == given.dtype, f"values in {given.dtype} become {found.dtype}")
                require(not np.isinf(found).any(), f"a frame {given.shape} becomes infinite somewhere")

    def test_what_goes_out_is_described(self) -> None:
        """`info` tells of a frame that can be: a range with two ends, a dtype that is known, the same length."""
        for op, info, _ in self._made():
            low, high = op.info.value_range
            require(low < high, f"info.value_range is {op.info.value_range}")
            require(
                op.info.frame_count == info.frame_count and op.info.fps == info.fps,
                "info has another number of frames or another rate: an operation on single frames changes neither",
            )
            pixels = to_pixels(op(self._values(info)[0]), op.info)
            require(
                str(pixels.dtype) == op.info.dtype,
                f"info says {op.info.dtype}, and frames become {pixels.dtype}",
            )

    def test_the_same_answer_in_any_order(self) -> None:
        """A frame's answer depends on that frame alone, and is the same from an operation made again."""
        for op, info, again in self._made():
            frames = self._values(info)
            forwards = [op(frame.copy()) for frame in frames]
            backwards = [op(frame.copy()) for frame in frames[::-1]][::-1]
            for place, (one, other) in enumerate(zip(forwards, backwards, strict=True)):
                same = np.array_equal(one, other, equal_nan=True)
                require(same, f"frame {place} has another answer when others go before it")
            fresh = again()(frames[-1].copy())
            require(
                np.array_equal(fresh, forwards[-1], equal_nan=True),
                "made again with the same words, it gives another answer: training and run would differ",
            )

    def test_frames_stay_as_they_are(self) -> None:
        """The frame given is not written into, and answers kept are not written over."""
        for op, info, _ in self._made():
            frames = self._values(info)
            before = [frame.copy() for frame in frames]
            answers = [op(frame) for frame in frames]
            copies = [answer.copy() for answer in answers]
            for frame in frames:
                op(frame)
            for one, other in zip(frames, before, strict=True):
                require(np.array_equal(one, other, equal_nan=True), "it writes into the frame it is given")
            for one, other in zip(answers, copies, strict=True):
                require(np.array_equal(one, other, equal_nan=True), "it writes over an answer that was kept")

    def test_missing_values(self) -> None:
        """Frames that lack some values, or all of them (NaN), are answered, or refused in words."""
        for op, info, _ in self._made():
            some, every = self._values(info)[:2]
            some[3:9, 4:12], every[:] = np.nan, np.nan
            for frame in (some, every):
                try:
                    found = op(frame)
                except SeqimgError:
                    continue
                require(not np.isinf(found).any(), "where values are missing, it answers with infinity")

    def test_wrong_words_are_refused(self) -> None:
        """A parameter that it does not have, and a value that means nothing, are refused as UsageError."""
        name, arguments = split_word(self.words)
        wrong = [arguments | {"no_such_parameter": "1"}]
        wrong += [arguments | {key: "no such value!"} for key in arguments]
        for channels, dtype in self.kinds:
            for given in wrong:
                try:
                    plugin_host().frame_ops.load(name)(given, _info(channels, dtype))
                except UsageError:
                    continue
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is not what was promised
                    require(False, f"{given} end in {type(error).__name__}; raise a UsageError")
                require(False, f"{given} are taken: check the names and values of arguments")

    def test_before_a_task(self) -> None:
        """A sequence is read with it as `--pre` does, in its own dtype, frame by frame."""
        for op, info, _ in self._made():
            clip = moving_square(_FEW, _SIZES[0], info.channels, info.dtype)
            with TemporaryDirectory() as name:
                np.save(Path(name) / "clip.npy", clip)
                source = open_sequence(Path(name) / "clip.npy", axes="THWC")
                with prepared(source, [self.words]) as sequence:
                    found = list(sequence)
                    wanted = [to_pixels(op(to_values(frame, source.info)), op.info) for frame in clip]
            require(len(found) == len(clip), f"{len(found)} of {len(clip)} frames are read")
            for one, other in zip(found, wanted, strict=True):
                require(np.array_equal(one, other, equal_nan=True), "through --pre it gives another answer")

    def _name(self) -> str:
        name, _ = split_word(self.words)
        known = plugin_host().frame_ops
        require(
            name in known, f"there is no operation {name!r}; registered: {', '.join(known.names()) or 'none'}"
        )
        return name

    def _made(self) -> Iterator[tuple[FrameOp, SequenceInfo, Callable[[], FrameOp]]]:
        """Yield the operation made for each kind of frames that it takes, and what makes it again."""
        name, arguments = self._name(), split_word(self.words)[1]
        for channels, dtype in self.kinds:
            info = _info(channels, dtype)

            def make(info: SequenceInfo = info) -> FrameOp:
                op: FrameOp = plugin_host().frame_ops.load(name)(dict(arguments), info)
                return op

            try:
                op = make()
            except UnavailableError as error:
                raise SkipTest(f"{error.message}: {error.hint or error.why}") from error
            except UsageError:
                continue
            yield op, info, make

    def _values(self, info: SequenceInfo, size: tuple[int, int] = _SIZES[0]) -> list[Values]:
        clip = moving_square(_FEW, size, info.channels, info.dtype)
        return [to_values(frame, info) for frame in clip]


def _info(channels: int, dtype: str) -> SequenceInfo:
    height, width = _SIZES[0]
    return SequenceInfo(
        path="contract",
        format="array",
        height=height,
        width=width,
        channels=channels,
        dtype=dtype,
        value_range=value_range_of(dtype),
        frame_count=_FEW,
    )
