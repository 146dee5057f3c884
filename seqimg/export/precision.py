"""A graph in fewer bits: half precision, or whole numbers of eight."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from seqimg.errors import SeqimgError
from seqimg.export.graphs import quiet
from seqimg.plugins.reports import reason_of

__all__ = ["Precision", "halved", "quantised"]

Precision = Literal["fp32", "fp16", "int8"]
Inputs = Mapping[str, NDArray[Any]]


def halved(model: Any) -> Any:
    """Return an ONNX model that computes in float16 and takes and gives float32.

    Args:
        model: The model; it is changed.

    Raises:
        SeqimgError: It cannot be converted.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    try:
        with quiet():
            return convert_float_to_float16(model, keep_io_types=True)
    except Exception as error:
        raise SeqimgError("the graph cannot be had in fp16", why=reason_of(error)) from error


def quantised(model: Any, calibration: Iterator[Inputs]) -> Any:
    """Return an ONNX model whose convolutions compute in whole numbers of eight bits, scaled for each channel.

    How large their inputs become is seen from what they are fed; everything between them stays in float32.

    Args:
        model: The model in fp32.
        calibration: What it is fed, step by step; it is gone through once.

    Raises:
        SeqimgError: It has no convolution, or cannot be converted.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    if not any(node.op_type == "Conv" for node in model.graph.node):
        raise SeqimgError("the graph has no convolution, which is what int8 is for", hint="--precision fp32")

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> Inputs | None:
            return next(calibration, None)

    with tempfile.TemporaryDirectory(prefix="seqimg-") as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        try:
            with quiet():
                quantize_static(
                    str(source),
                    str(target),
                    Reader(),
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=["Conv"],
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                )
        except SeqimgError:
            raise
        except Exception as error:
            raise SeqimgError("the graph cannot be had in int8", why=reason_of(error)) from error
        return onnx.load(target)
