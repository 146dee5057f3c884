"""The wrappers around the Triton kernels: one launch each, what it moves, what they refuse; no Triton needed."""

import subprocess
import sys

import pytest
import torch

from seqimg.errors import UnavailableError
from seqimg.kernels import triton_conv, triton_gates
from seqimg.kernels.audit.cases import CALLS, Operands, Size, meta
from seqimg.kernels.triton_gates import as_rows, conv_lstm, gru_after, gru_before, operands, record, scan
from seqimg.kernels.triton_gates.launch import program

SIZE = Size(2, 6, 8, 16, 5)
STREAMED = {  # bytes a state element and step in bf16, everything fused
    "reset": 18,
    "blend": 18,
    "blend_backward": 22,
    "reset_backward": 16,
    "after": 30,
    "after_backward": 34,
    "lstm": 42,
    "lstm_backward": 40,
    "linear_scan": 6,
    "linear_scan_backward": 12,
}


def launched(call: str, variant: str = "full", size: Size = SIZE) -> list[triton_gates.Launch]:
    with record() as launches:
        CALLS[call](Operands(meta, size, torch.bfloat16, variant))  # type: ignore[arg-type]
    return launches


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_one_launch_for_all_elements(call: str) -> None:
    (launch,) = launched(call)
    assert launch.elements == 2 * 6 * 8 * 16
    assert launch.programs * launch.elements_a_program >= launch.elements
    assert (launch.programs - 1) * launch.elements_a_program < launch.elements
    assert launched(call, size=SIZE._replace(samples=0)) == []


def test_what_is_moved_is_what_the_documentation_says() -> None:
    assert {call: launched(call)[0].traffic.streamed for call in STREAMED} == STREAMED
    said = {
        gru_before: "18 + 18 bytes forward and 22 + 16 backward",
        gru_after: "30 bytes forward and 34 backward",
        conv_lstm: "42 bytes forward and 40 backward",
        scan: "6 bytes forward and 12 backward",
    }
    for module, sentence in said.items():
        assert sentence in " ".join((module.__doc__ or "").split())


def test_operands_that_are_not_there_move_nothing() -> None:
    plain, full = (launched("blend", variant)[0].traffic for variant in ("plain", "full"))
    assert full.streamed - plain.streamed == 2 + 2  # recurrent, y
    assert (plain.cached, full.cached) == (0, 2 * 4 / 8)  # two factors, shared by vectors of eight
    assert launched("blend", "each")[0].traffic.streamed - full.streamed == 1  # a mask of bytes


def test_channels_last_pictures_are_rows() -> None:
    pictures = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5).to(memory_format=torch.channels_last)
    rows = as_rows(pictures)
    assert rows.data_ptr() == pictures.data_ptr()
    assert torch.equal(rows, pictures.permute(0, 2, 3, 1).reshape(40, 3))
    assert as_rows(torch.zeros(2, 1, 4, 5)).shape == (40, 1)
    with pytest.raises(ValueError, match="not channels last"):
        as_rows(torch.zeros(2, 3, 4, 5))


def test_operands_that_do_not_fit_are_refused() -> None:
    gates, h, rh = torch.zeros(6, 12), torch.zeros(6, 4), torch.zeros(6, 4)
    refused = [
        ((gates[:, :8], h, rh), {}, "gates"),
        ((gates, h, rh.double()), {}, "rh"),
        ((gates, h, torch.zeros(4, 6).T), {}, "rh"),
        ((gates, h, rh), {"recurrent": torch.zeros(6, 4)}, "recurrent"),
        ((gates, h, rh), {"keep": torch.ones(4)}, "divisor of 6"),
        ((gates, h, rh), {"keep": torch.ones(6, 1)}, "factor"),
    ]
    for arguments, options, words in refused:
        with record(), pytest.raises(ValueError, match=words):
            triton_gates.reset(*arguments, **options)
    with record(), pytest.raises(ValueError, match="h_out"):
        triton_gates.blend(gates, h, h.half())
    with record(), pytest.raises(ValueError, match="update"):
        triton_gates.blend(gates, h, h, update=torch.ones(6, 2))
    with record(), pytest.raises(ValueError, match="gelu"):
        triton_gates.blend(gates, h, h, activation="gelu")  # type: ignore[arg-type]
    with record(), pytest.raises(ValueError, match="keep"):
        triton_gates.linear_scan(torch.zeros(2, 6, 8), h, torch.zeros(2, 6, 4), h, keep=torch.ones(3, 2))
    with pytest.raises(ValueError, match="dense"):
        operands.require_vector(12, bias=torch.zeros(24)[::2])


def test_convolutions_refuse_what_is_no_same_convolution() -> None:
    x, h = torch.zeros(6, 4), torch.zeros(6, 4)
    for picture, weight, words in (
        (triton_conv.Picture(2, 3, (2, 3)), torch.zeros(24, 8), "even"),
        (triton_conv.Picture(2, 2), torch.zeros(36, 8), "no pictures"),
        (triton_conv.Picture(2, 3), torch.zeros(36, 4), "weight"),
    ):
        with record(), pytest.raises(ValueError, match=words):
            triton_conv.conv_reset(x, weight, torch.zeros(6, 12), h, torch.zeros(6, 4), picture)


def test_packed_weights_are_the_convolution_as_a_matrix() -> None:
    weight = torch.randn(5, 3, 3, 1, dtype=torch.float64)
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.conv2d(x, weight, padding=(1, 0))
    unfolded = torch.nn.functional.unfold(x, (3, 1), padding=(1, 0)).unflatten(1, (3, 3))  # [B, I, taps, HW]
    rows = unfolded.permute(0, 3, 2, 1).flatten(2)
    assert torch.allclose(rows @ triton_conv.pack(weight), y.flatten(2).transpose(1, 2))
    dy = torch.randn_like(y)
    y.backward(dy)
    unfolded = torch.nn.functional.unfold(dy, (3, 1), padding=(1, 0)).unflatten(1, (5, 3))
    rows = unfolded.permute(0, 3, 2, 1).flatten(2)
    assert x.grad is not None
    assert torch.allclose(rows @ triton_conv.pack_transposed(weight), x.grad.flatten(2).transpose(1, 2))


def test_without_a_gpu_the_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="triton is not installed")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(UnavailableError, match="cannot run on cpu"):
        triton_gates.reset(torch.zeros(6, 12), torch.zeros(6, 4), torch.zeros(6, 4))


def test_without_triton_only_a_launch_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    code = """if True:
        import sys
        sys.modules["triton"] = None
        import seqimg.kernels.triton_conv, seqimg.kernels.audit.roofline
        from seqimg.kernels.triton_gates.launch import program
        from seqimg.errors import UnavailableError
        try:
            program("lstm.forward")
        except UnavailableError as error:
            print(error.why, error.exit_code)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "triton is not installed 3\n", done.stderr


def test_a_program_that_does_not_exist_is_no_missing_triton() -> None:
    with pytest.raises(ModuleNotFoundError):
        program("nothing.forward")
