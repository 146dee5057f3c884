"""What every generated data set promises, for the tests of a plugin that brings one."""

from typing import Any, ClassVar

import numpy as np

from seqimg.data.generators.requests import batch_of, generator_of, make_sample, split_request
from seqimg.data.generators.samples import Sample
from seqimg.errors import UsageError
from seqimg.testing.checking import SkipTest, require

__all__ = ["DatasetContract"]

_IMPOSSIBLE: tuple[dict[str, Any], ...] = (
    {"index": -1},
    {"length": 0},
    {"seed": -1},
    {"size": (0, 32)},
    {"split": "no-such-part"},
    {"length": 10**9},
)


class DatasetContract:
    """Tests to inherit, for a generator of sequences, `seqimg.data.generators.Generator`.

    Attributes:
        name: Its registered name, with options if you like: `"waves?speed=2"`.
        length: Frames of the clips that are made.
        size: Their height and width.

    Example:
        >>> class TestDigits(DatasetContract):
        ...     name = "moving-digits"
        >>> TestDigits().test_the_same_again()
    """

    name: ClassVar[str]
    length: ClassVar[int] = 4
    size: ClassVar[tuple[int, int]] = (40, 48)

    def test_frames(self) -> None:
        """Sequences have the length and size asked for, in bytes from 0 to 255, and always the same channels."""
        channels = set()
        for index in (0, 1, 7):
            frames = self._made(index=index).frames
            require(frames.dtype == np.uint8, f"frames are {frames.dtype}, not uint8")
            wanted = (self.length, *self.size)
            require(frames.ndim == 4, f"frames have {frames.ndim} axes, not [T, H, W, C]")
            require(frames.shape[:3] == wanted, f"frames are {frames.shape}, asked for {wanted}")
            channels.add(frames.shape[3])
        require(len(channels) == 1, f"the number of channels changes: {sorted(channels)}")

    def test_the_same_again(self) -> None:
        """The same arguments give the same sequence, in any order of calls."""
        forwards = [self._made(index=index).frames.copy() for index in (0, 1, 2)]
        backwards = [self._made(index=index).frames.copy() for index in (2, 1, 0)][::-1]
        for index, (one, other) in enumerate(zip(forwards, backwards, strict=True)):
            require(np.array_equal(one, other), f"sequence {index} is another when it is made again")

    def test_numbers_seeds_and_parts_differ(self) -> None:
        """Another number, seed or part is another sequence."""
        for change in ({"seed": 1}, {"split": "test"}, {"split": "val"}):
            # By chance one sequence of few kinds may be the same; five will hardly be.
            pairs = [(self._made(index=n).frames, self._made(index=n, **change).frames) for n in range(5)]
            same = all(np.array_equal(one, other) for one, other in pairs)
            require(not same, f"{change} makes no difference")
        numbers = {self._made(index=index).frames.tobytes() for index in range(5)}
        require(len(numbers) > 1, "every number gives the same sequence")

    def test_impossible_requests_are_refused(self) -> None:
        """What cannot be made is refused in words, before memory is taken for it."""
        for change in _IMPOSSIBLE:
            try:
                self._made(**change)
            except UsageError:
                continue
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is not what was promised
                require(False, f"{change} ends in {type(error).__name__}: call check_request first")
            require(False, f"{change} is made: call check_request first")

    def test_labels(self) -> None:
        """A label is one of the classes, which do not change from sequence to sequence."""
        samples = [self._made(index=index) for index in (0, 1, 5)]
        if all(sample.label is None for sample in samples):
            raise SkipTest("it gives no labels")
        for sample in samples:
            require(sample.classes == samples[0].classes, "the classes change from sequence to sequence")
            require(sample.label in sample.classes, f"the label {sample.label!r} is no class")

    def test_many_at_once(self) -> None:
        """Made many at once, each sequence is what it is alone."""
        name, _ = split_request(self.name)
        batch = batch_of(name, {})
        if batch is None:
            raise SkipTest("it has no batch function")
        given: dict[str, Any] = {"length": self.length, "size": self.size, "seed": 0, "split": "train"}
        together = batch([3, 0], **given)
        for place, index in enumerate((3, 0)):
            alone = make_sample(generator_of(name), index, **given).frames
            require(
                np.array_equal(together[place], alone), f"sequence {index} is another when made with others"
            )

    def _made(self, **changes: Any) -> Sample:
        given = {"index": 0, "length": self.length, "size": self.size, "seed": 0, "split": "train", **changes}
        index: int = given.pop("index")
        return make_sample(generator_of(self.name), index, **given)
