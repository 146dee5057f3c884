"""What seqimg itself brings, registered exactly as a third party's plugin would be."""

from collections.abc import Iterable

from seqimg.plugins.builtin_formats import FORMATS
from seqimg.plugins.hookspecs import hookimpl
from seqimg.plugins.specs import (
    API_VERSION,
    CellSpec,
    CommandSpec,
    DatasetSpec,
    FormatSpec,
    KernelSpec,
    LayoutSpec,
)

__all__ = ["SEQIMG_API"]

SEQIMG_API = API_VERSION
_TRITON_DTYPES = ("float32", "bfloat16", "float16")
_INTERPRETER_ONLY = "interpreter only: no GPU has agreed with it yet"


@hookimpl
def seqimg_cells() -> Iterable[CellSpec]:
    """Return the cells of [seqimg.cells][]."""
    return [
        CellSpec(name=name, summary=summary, cell=f"seqimg.cells.{cell}")
        for name, summary, cell in (
            ("conv_gru", "Convolutional gated recurrent unit.", "conv_gru:ConvGRUCell"),
            ("conv_gru_lite", "ConvGRU that looks around in its input only.", "conv_gru:ConvGRULiteCell"),
            (
                "sep_conv_gru",
                "ConvGRU in two passes, along rows then columns.",
                "sep_conv_gru:SepConvGRUCell",
            ),
            (
                "depthwise_conv_gru",
                "ConvGRU of depthwise-separable convolutions.",
                "depthwise_conv_gru:DepthwiseConvGRUCell",
            ),
            (
                "min_conv_gru",
                "ConvGRU whose gates see the input only: a linear scan.",
                "min_conv_gru:MinConvGRUCell",
            ),
            ("conv_lstm", "Convolutional long short-term memory.", "conv_lstm:ConvLSTMCell"),
            ("traj_gru", "GRU that gathers its state along learned motion.", "traj_gru:TrajGRUCell"),
            ("gru", "Gated recurrent unit for feature vectors.", "gru:GRUCell"),
            ("lstm", "Long short-term memory for feature vectors.", "lstm:LSTMCell"),
        )
    ]


@hookimpl
def seqimg_kernels() -> Iterable[KernelSpec]:
    """Return the kernels of [seqimg.kernels][]."""
    return [
        KernelSpec(
            name="reference",
            summary="The cell's own equations in plain torch.",
            op="*.sequence",
            kernel="seqimg.kernels.reference:sequence",
        ),
        *(
            KernelSpec(
                name="fused",
                summary="Hoisted convolutions, gates in place, backward by hand.",
                op=f"{family}.sequence",
                kernel="seqimg.kernels.fused.kernel:sequence",
                refuse="seqimg.kernels.fused.kernel:refuse",
                priority=20,
            )
            for family in ("conv_gru", "conv_lstm", "min_conv_gru")
        ),
        *(
            KernelSpec(
                name="triton",
                summary="Convolutions by cuDNN, gates in Triton, states in fp32.",
                op=f"{family}.sequence",
                kernel="seqimg.kernels.triton_clip.kernel:sequence",
                devices=("cuda",),
                dtypes=_TRITON_DTYPES,
                refuse="seqimg.kernels.triton_clip.kernel:refuse",
                priority=40,
                status="experimental",
                note=_INTERPRETER_ONLY,
            )
            for family in ("conv_gru", "conv_lstm", "min_conv_gru")
        ),
        KernelSpec(
            name="triton_conv",
            summary="Convolutions in Triton that compute the gates themselves.",
            op="conv_gru.sequence",
            kernel="seqimg.kernels.triton_clip.kernel:conv_sequence",
            devices=("cuda",),
            dtypes=_TRITON_DTYPES,
            refuse="seqimg.kernels.triton_clip.kernel:refuse_conv",
            priority=30,
            status="experimental",
            note=_INTERPRETER_ONLY,
        ),
        KernelSpec(
            name="reference",
            summary="The cell's own equations for one frame.",
            op="*.step",
            kernel="seqimg.kernels.step:reference",
        ),
        KernelSpec(
            name="packed",
            summary="Weights packed once, activations inside the convolutions.",
            op="conv_gru.step",
            kernel="seqimg.kernels.step:packed",
            devices=("cpu",),
            refuse="seqimg.kernels.step:refuse_packed",
            priority=20,
        ),
        KernelSpec(
            name="graph",
            summary="The step recorded as a CUDA graph.",
            op="*.step",
            kernel="seqimg.kernels.step:graph",
            devices=("cuda",),
            refuse="seqimg.kernels.step:refuse_graph",
            priority=10,
            status="experimental",
        ),
    ]


@hookimpl
def seqimg_datasets() -> Iterable[DatasetSpec]:
    """Return the generated data sets of [seqimg.data][]."""
    return [
        DatasetSpec(
            name="pans",
            summary="Camera pans, zooms and rotations across photographs.",
            dataset="seqimg.data.generators:pans",
        ),
        DatasetSpec(
            name="pan",
            summary="The same camera moves with exact optical flow.",
            dataset="seqimg.data.generators:pan",
        ),
        DatasetSpec(
            name="motion",
            summary="Eight classes of motion over photographs that only the order of frames tells apart.",
            dataset="seqimg.data.generators:motion",
        ),
        DatasetSpec(
            name="tracks",
            summary="Moving objects with boxes, among clutter, behind bars, through noise.",
            dataset="seqimg.data.generators:tracks",
        ),
        DatasetSpec(
            name="moving-digits",
            summary="Digits that bounce about a black canvas.",
            dataset="seqimg.data.generators:moving_digits",
            batch="seqimg.data.generators:moving_digits_batch",
        ),
    ]


@hookimpl
def seqimg_formats() -> Iterable[FormatSpec]:
    """Return the file formats of [seqimg.sequences][]."""
    return FORMATS


@hookimpl
def seqimg_layouts() -> Iterable[LayoutSpec]:
    """Return the layouts of [seqimg.data.layouts][], whose names no plugin may take."""
    return [
        LayoutSpec(name=name, summary=summary, layout=f"seqimg.data.layouts.{layout}")
        for name, summary, layout in (
            ("mot", "MOT challenge: img1/, gt/gt.txt, seqinfo.ini", "mot:MOT"),
            ("ucf101", "UCF101 with its splits; ucf101:2 for the second", "benchmarks:UCF101"),
            ("hmdb51", "HMDB51 with its splits; hmdb51:2 for the second", "benchmarks:HMDB51"),
            ("kth", "KTH: root/ACTION/personNN_ACTION_dN_uncomp, .avi or folders", "folders:KTH"),
            (
                "kinetics",
                "Kinetics CSV: label, youtube_id, time_start, time_end, split",
                "benchmarks:KINETICS",
            ),
            ("coco-vid", "COCO-VID JSON: videos, images, boxes with tracks", "coco:COCO_VID"),
            (
                "moving-mnist",
                "Moving MNIST .npy; moving-mnist:time-first or :sample-first",
                "moving:MOVING_MNIST",
            ),
            ("xy-npz", "TaxiBJ and OpenSTL npz: X_train, Y_train, X_test, …", "arrays:XY_NPZ"),
            ("predrnn", "PredRNN npz: clips, input_raw_data", "arrays:PREDRNN"),
            ("idx", "IDX pictures and labels, as of MNIST: train-images-idx3-ubyte.gz, …", "digits:IDX"),
            ("optdigits", "optical digits: digits.csv.gz of scikit-learn, optdigits.tra", "digits:OPTDIGITS"),
            ("list", "a text file: path label, or folder [first] frames label", "lists:LIST"),
            ("class-folders", "root/CLASS/VIDEO, or root/CLASS/CLIP/FRAME", "folders:CLASS_FOLDERS"),
            ("frame-folders", "root/CLIP/FRAME", "folders:FRAME_FOLDERS"),
            ("videos", "root/VIDEO", "folders:VIDEOS"),
            ("class-pictures", "root/CLASS/PICTURE, each picture by itself", "class_pictures:CLASS_PICTURES"),
        )
    ]


@hookimpl
def seqimg_commands() -> Iterable[CommandSpec]:
    """Return the commands that belong to no task."""
    return [
        CommandSpec(
            name="demo",
            summary="Train a small forecaster and watch it predict; needs no data.",
            app="seqimg.cli.demo:app",
        ),
        CommandSpec(
            name="live",
            summary="Watch a model work on a camera, a file or an address, on a page.",
            app="seqimg.cli.live:app",
        ),
        CommandSpec(
            name="data",
            summary="Look at sequences, check, index, convert and make them.",
            app="seqimg.cli.data:app",
        ),
        CommandSpec(
            name="runs",
            summary="List training runs, look at one, compare several.",
            app="seqimg.cli.runs:app",
        ),
        CommandSpec(
            name="config",
            summary="Write a configuration to fill in; see each value and where it comes from.",
            app="seqimg.cli.config_cmd:app",
        ),
        CommandSpec(
            name="report",
            summary="Make the page about a run again, or one about two runs.",
            app="seqimg.cli.report:app",
        ),
        CommandSpec(
            name="export",
            summary="Check an exported model against torch on a sequence.",
            app="seqimg.cli.export_check:app",
        ),
        CommandSpec(
            name="model",
            summary="See what a trained model costs, and make a cheaper one of it.",
            app="seqimg.cli.model:app",
        ),
        CommandSpec(
            name="cells",
            summary="See cells and their kernels: what, why, how fast.",
            app="seqimg.cli.cells:app",
        ),
    ]
