"""The file formats of [seqimg.sequences][], as names only: nothing of it is imported here."""

from seqimg.plugins.specs import FormatSpec

__all__ = ["FORMATS"]

FORMATS: tuple[FormatSpec, ...] = (
    FormatSpec(
        name="mp4",
        summary="Video: MP4, QuickTime or Matroska; written as H.264 that plays in a browser.",
        suffixes=(".mp4", ".m4v", ".mov", ".mkv"),
        reader="seqimg.sequences.video.reader:VideoSequence",
        writer="seqimg.sequences.video.writer:VideoWriter",
    ),
    FormatSpec(
        name="webm",
        summary="Video: WebM; written as VP9.",
        suffixes=(".webm",),
        reader="seqimg.sequences.video.reader:VideoSequence",
        writer="seqimg.sequences.video.writer:VideoWriter",
    ),
    FormatSpec(
        name="video",
        summary="Video in a container that is read only.",
        suffixes=(".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".flv", ".ogv", ".wmv", ".3gp", ".y4m"),
        reader="seqimg.sequences.video.reader:VideoSequence",
    ),
    FormatSpec(
        name="gif",
        summary="Animated GIF: 256 colours a frame, at most 50 frames/s.",
        suffixes=(".gif",),
        reader="seqimg.sequences.video.reader:VideoSequence",
        writer="seqimg.sequences.video.gif:GifWriter",
    ),
    FormatSpec(
        name="webp",
        summary="Animated WebP: 8-bit RGB or RGBA.",
        suffixes=(".webp",),
        reader="seqimg.sequences.animations.webp:WebpSequence",
        writer="seqimg.sequences.animations.writer:WebpWriter",
    ),
    FormatSpec(
        name="apng",
        summary="Animated PNG: 8-bit or 16-bit, lossless.",
        suffixes=(".apng",),
        reader="seqimg.sequences.animations.apng:ApngSequence",
        writer="seqimg.sequences.animations.writer:ApngWriter",
    ),
    FormatSpec(
        name="frames",
        summary="Folder of numbered pictures: PNG, JPEG, TIFF, WebP or BMP; written as PNG, JPEG or TIFF.",
        suffixes=("",),
        reader="seqimg.sequences.pictures.folder:FrameFolder",
        writer="seqimg.sequences.pictures.writer:PictureFolderWriter",
    ),
    FormatSpec(
        name="picture",
        summary="One picture, of sequences of one frame: PNG or JPEG.",
        suffixes=(".png", ".jpg", ".jpeg"),
        writer="seqimg.sequences.pictures.writer:PictureWriter",
    ),
    FormatSpec(
        name="tiff",
        summary="TIFF stack, one page a frame, of ImageJ and OME too: any dtype, any number of channels.",
        suffixes=(".tif", ".tiff"),
        reader="seqimg.sequences.tiff.reader:TiffSequence",
        writer="seqimg.sequences.tiff.writer:TiffWriter",
    ),
    FormatSpec(
        name="list",
        summary="Text file that names one picture a line.",
        suffixes=(".txt", ".lst"),
        reader="seqimg.sequences.pictures.folder:FrameList",
    ),
    FormatSpec(
        name="npy",
        summary="NumPy stack of frames.",
        suffixes=(".npy",),
        reader="seqimg.sequences.arrays.reader:ArraySequence",
        writer="seqimg.sequences.arrays.writer:ArrayWriter",
    ),
    FormatSpec(
        name="raw",
        summary="Raw pixels, as --raw describes them; - is standard input.",
        suffixes=(".raw", ".rgb"),
        reader="seqimg.sequences.raw.reader:open_raw",
        writer="seqimg.sequences.raw.writer:RawWriter",
        isolate=False,  # nothing is decoded, and standard input is this process's own
    ),
    FormatSpec(
        name="camera",
        summary="A camera of this machine: camera:0, or /dev/video0.",
        schemes=("camera",),
        reader="seqimg.sequences.live.camera:open_camera",
    ),
    FormatSpec(
        name="address",
        summary="Video at an address: rtsp and motion JPEG are live, other http is read like a file.",
        schemes=("http", "https", "rtsp", "rtsps"),
        reader="seqimg.sequences.live.address:open_address",
    ),
    FormatSpec(
        name="npz",
        summary="NumPy archive that holds stacks of frames.",
        suffixes=(".npz",),
        reader="seqimg.sequences.arrays.reader:ArraySequence",
    ),
    FormatSpec(
        name="hdf5",
        summary="HDF5 or NetCDF 4 file that holds stacks of frames.",
        suffixes=(".h5", ".hdf5", ".he5", ".nc", ".nc4"),
        reader="seqimg.sequences.arrays.hdf5:Hdf5Sequence",
    ),
    FormatSpec(
        name="zarr",
        summary="Zarr folder that holds stacks of frames.",
        suffixes=(".zarr",),
        reader="seqimg.sequences.arrays.zarr_stack:ZarrSequence",
    ),
    FormatSpec(
        name="cloud",
        summary="Files and folders of pictures at addresses that fsspec knows.",
        schemes=("s3", "gs", "gcs", "az", "abfs", "ftp", "sftp", "memory"),
        reader="seqimg.sequences.cloud:FetchedSequence",
        isolate=False,  # it fetches here, and decodes in another process itself
    ),
)
"""Suffixes decide which format reads or writes a file; `""` stands for a folder."""
