"""Stacks in HDF5 and Zarr: axes, chunks, missing values, damage, and links that lead away."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqimg.errors import SeqimgError, UsageError
from seqimg.sequences import SequenceError, open_sequence

KINDS = ["a.h5", "a.zarr", "v2.zarr"]


def _stack(*shape: int, dtype: str = "uint8") -> NDArray[Any]:
    values = np.random.default_rng(0).random(shape)
    return values.astype(dtype) if "f" in dtype else (values * 250).astype(dtype)


def _write(
    path: Path, arrays: dict[str, NDArray[Any]], attributes: dict[str, Any] | None = None, **how: Any
) -> None:
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, **how).attrs.update(attributes or {})
        return
    root = zarr.create_group(store=str(path), zarr_format=2 if path.name.startswith("v2") else 3)
    for name, array in arrays.items():
        made = root.create_array(name, data=np.ascontiguousarray(array), **how)
        made.attrs.update(attributes or {})


def _fails(source: Path, **options: Any) -> SeqimgError:
    with pytest.raises(SeqimgError) as caught:
        open_sequence(source, **options)
    assert 1 <= len(str(caught.value).splitlines()) <= 3
    return caught.value


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("axes", "dtype", "chunks"),
    [
        ("THW", "uint8", (1, 6, 7)),
        ("THWC", "uint16", (4, 3, 7, 2)),
        ("TCHW", "float32", (9, 3, 6, 7)),
        ("HWTC", "float64", (3, 3, 5, 1)),
        ("CHWT", ">f4", (3, 6, 7, 2)),
    ],
)
def test_every_frame_in_every_order(
    tmp_path: Path, name: str, axes: str, dtype: str, chunks: tuple[int, ...]
) -> None:
    sizes = {"T": 9, "H": 6, "W": 7, "C": 3}
    stack = _stack(*(sizes[letter] for letter in axes), dtype=dtype)
    _write(tmp_path / name, {"radar/rain": stack}, chunks=chunks)
    expected = stack.transpose([axes.index(letter) for letter in "THWC" if letter in axes])
    expected = expected.reshape(9, 6, 7, -1)
    told = axes if axes.index("T") else None
    with open_sequence(tmp_path / name, axes=told) as sequence:
        frames = list(sequence.timed())
        assert [frame.index for frame in frames] == list(range(9))
        np.testing.assert_array_equal(np.stack([frame.pixels for frame in frames]), expected)
        assert sequence.info.dtype == np.dtype(dtype).name
        picked = [5, 5, 0, 8]
        for frame, index in zip(sequence.frames(picked), picked, strict=True):
            assert frame.index == index
            np.testing.assert_array_equal(frame.pixels, expected[index])
        assert {"array radar/rain", f"axes {axes}"} <= set(sequence.info.notes)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 12), st.integers(1, 12), st.lists(st.integers(0, 11), max_size=8), st.sampled_from(KINDS)
)
def test_chunks_and_indices(tmp_path: Path, count: int, chunk: int, indices: list[int], name: str) -> None:
    stack = _stack(count, 6, 7, dtype="uint16")
    path = tmp_path / f"{count}-{chunk}-{len(os.listdir(tmp_path))}"
    path.mkdir()
    _write(path / name, {"x": stack}, chunks=(chunk if name != "a.h5" else min(chunk, count), 6, 7))
    wanted = [index for index in indices if index < count]
    with open_sequence(path / name) as sequence:
        for frame, index in zip(sequence.frames(wanted), wanted, strict=True):
            np.testing.assert_array_equal(frame.pixels[..., 0], stack[index])
        np.testing.assert_array_equal(np.stack(list(sequence))[..., 0], stack)


@pytest.mark.parametrize("name", KINDS)
def test_which_array(tmp_path: Path, name: str) -> None:
    stack = _stack(4, 6, 7)
    _write(tmp_path / name, {"a": stack, "g/b": stack + 1, "t": np.arange(4.0)})
    error = _fails(tmp_path / name)
    assert "cannot tell which array" in error.message
    assert error.hint == "--array a"
    for asked, plus in (("a", 0), ("/g/b", 1), ("g/b/", 1)):
        with open_sequence(tmp_path / name, array=asked) as sequence:
            np.testing.assert_array_equal(next(iter(sequence))[..., 0], stack[0] + plus)
    assert "did you mean 'g/b'" in _fails(tmp_path / name, array="g/c").message
    assert "no stack" in _fails(tmp_path / name, array="t").message


@pytest.mark.parametrize("name", KINDS)
def test_missing_values_and_packed_ones(tmp_path: Path, name: str) -> None:
    stack = _stack(4, 6, 7, dtype="float32") * 40
    stack[:, :2] = -9999
    _write(tmp_path / name, {"rain": stack}, {"_FillValue": -9999.0, "scale_factor": 0.5})
    with open_sequence(tmp_path / name) as sequence:
        info = sequence.info
        assert info.fill_value == -9999
        assert {"-9999 means missing", "scale_factor 0.5 not applied", "missing values"} <= set(info.notes)
        assert info.value_range[0] >= 0
    with open_sequence(tmp_path / name, fill_value=7) as sequence:
        assert sequence.info.fill_value == 7


def test_fill_values_arrays_are_made_with(tmp_path: Path) -> None:
    for suffix in (".h5", ".zarr"):
        for fill, expected in ((65535, 65535), (0, None)):
            path = tmp_path / f"{fill}{suffix}"
            if suffix == ".h5":
                with h5py.File(path, "w") as file:
                    file.create_dataset("x", (3, 6, 7), "u2", chunks=(1, 6, 7), fillvalue=fill)[0] = 5
            else:
                root = zarr.create_group(store=str(path))
                root.create_array("x", shape=(3, 6, 7), dtype="u2", chunks=(1, 6, 7), fill_value=fill)[0] = 5
            with open_sequence(path) as sequence:
                assert sequence.info.fill_value == expected
                assert [int(frame[0, 0, 0]) for frame in sequence] == [5, fill, fill]


def test_names_of_axes_tell_what_a_shape_does_not(tmp_path: Path) -> None:
    stack = _stack(5, 6, 3)
    with h5py.File(tmp_path / "a.nc", "w") as file:
        data = file.create_dataset("rain", data=stack)
        for axis, name in enumerate(("time", "lat", "lon")):
            file.create_dataset(name, data=np.arange(stack.shape[axis])).make_scale(name)
            data.dims[axis].attach_scale(file[name])
    with open_sequence(tmp_path / "a.nc") as sequence:
        assert sequence.info.frame_count == 5
    root = zarr.create_group(store=str(tmp_path / "a.zarr"))
    root.create_array("rain", data=stack, dimension_names=["y", "x", "time"])
    with open_sequence(tmp_path / "a.zarr") as sequence:
        assert (sequence.info.frame_count, sequence.info.height) == (3, 5)
    _write(tmp_path / "b.h5", {"rain": stack})
    assert "ambiguous" in _fails(tmp_path / "b.h5").message


def test_hdf5_that_leads_to_other_files(tmp_path: Path) -> None:
    _write(tmp_path / "other.h5", {"x": _stack(3, 6, 7)})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "/x")
    assert "has no arrays" in (_fails(tmp_path / "a.h5").why or "")
    assert isinstance(_fails(tmp_path / "a.h5", array="x"), UsageError)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        layout = h5py.VirtualLayout((3, 6, 7), "u1")
        layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "x", (3, 6, 7))
        file.create_virtual_dataset("x", layout)
    assert "other files" in (_fails(tmp_path / "b.h5").why or "")
    (tmp_path / "raw").write_bytes(bytes(200))
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("x", (3, 6, 7), "u1", external=[(str(tmp_path / "raw"), 0, 126)])
    assert "other files" in (_fails(tmp_path / "c.h5").why or "")


def test_zarr_that_runs_code_or_leads_elsewhere(tmp_path: Path) -> None:
    _write(tmp_path / "v2.zarr", {"x": _stack(3, 6, 7)}, chunks=(1, 6, 7))
    meta = tmp_path / "v2.zarr" / "x" / ".zarray"
    honest = meta.read_text()
    for change in (
        {"filters": [{"id": "pickle"}]},
        {"compressor": {"id": "pickle"}},
        {"filters": ["vlen-utf8"]},
    ):
        meta.write_text(json.dumps(json.loads(honest) | change))
        assert "packed with" in (_fails(tmp_path / "v2.zarr").why or "")
    meta.write_text(json.dumps(json.loads(honest) | {"chunks": [10**6, 10**6, 10**6]}))
    assert "over the limit" in (_fails(tmp_path / "v2.zarr").why or "")
    meta.write_text(honest)
    chunk = next(item for item in meta.parent.iterdir() if item.name.startswith("1"))
    chunk.unlink()
    chunk.symlink_to("/etc/passwd")
    assert "leads out of it" in _fails(tmp_path / "v2.zarr").message
    for content in ("", "[1]", "{", '{"shape": 3}', "[" * 100_000):
        meta.write_text(content)
        assert str(_fails(tmp_path / "v2.zarr"))
    (tmp_path / "empty.zarr").mkdir()
    assert "has no arrays" in (_fails(tmp_path / "empty.zarr").why or "")


@pytest.mark.parametrize("name", ["a.h5", "v2.zarr"])
def test_damage_costs_the_frames_it_is_in(tmp_path: Path, name: str) -> None:
    stack = _stack(10, 60, 70, dtype="uint16")
    how: dict[str, Any] = {"compression": "gzip"} if name == "a.h5" else {}
    _write(tmp_path / name, {"x": stack}, chunks=(2, 60, 70), **how)
    if name == "a.h5":
        with h5py.File(tmp_path / name) as file:
            place = file["x"].id.get_chunk_info(2).byte_offset
        data = bytearray((tmp_path / name).read_bytes())
        data[place : place + 500] = bytes(500)
        (tmp_path / name).write_bytes(data)
    else:
        (tmp_path / name / "x" / "2.0.0").write_bytes(b"no chunk")
    with open_sequence(tmp_path / name) as sequence, pytest.raises(SequenceError, match="damaged at frame 4"):
        list(sequence)
    with open_sequence(tmp_path / name, on_error="skip") as sequence:
        assert [frame.index for frame in sequence.timed()] == [0, 1, 2, 3, 6, 7, 8, 9]
        assert [(lost.index, lost.count) for lost in sequence.damage] == [(4, 1), (5, 1)]
    with open_sequence(tmp_path / name, on_error="truncate") as sequence:
        assert [frame.index for frame in sequence.timed()] == [0, 1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"no file", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_no_hdf5(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    assert "cannot read" in _fails(tmp_path / "a.h5").message


@pytest.mark.parametrize(("package", "name"), [("h5py", "a.h5"), ("zarr", "a.zarr")])
def test_missing_extras_say_what_to_install(tmp_path: Path, package: str, name: str) -> None:
    _write(tmp_path / name, {"x": _stack(3, 6, 7)})
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from seqimg.sequences import open_sequence\n"
        "from seqimg.errors import UnavailableError\n"
        f"try: open_sequence({str(tmp_path / name)!r})\n"
        "except UnavailableError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    extra = "hdf5" if package == "h5py" else "zarr"
    assert f"pip install 'seqimg[{extra}]'" in done.stdout, done
