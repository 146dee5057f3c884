"""The lines of `seqimg doctor`: each function looks at one thing and must not need another to work."""

import os
import platform
import re
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from seqimg import __version__
from seqimg.plugins import CheckResult
from seqimg.plugins.manager import BUILTIN, plugin_host
from seqimg.plugins.reports import reason_of

__all__ = ["folders", "gpu", "kernels", "packages", "plugins", "python", "torch", "video"]

_LITTLE_SPACE = 1e9  # bytes
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)[^;]*?(?:>=(?P<least>[\w.]+))?[^;]*(?:;(?P<marker>.*))?")


def python() -> CheckResult:
    """Name the interpreter and the machine."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return CheckResult(
        state="ok", detail=f"seqimg {__version__}, Python {platform.python_version()}, {machine}"
    )


def packages() -> CheckResult:
    """Compare what is installed with what seqimg asks for, importing none of it."""
    try:
        requirements = metadata.requires("seqimg") or []
    except metadata.PackageNotFoundError:
        return CheckResult(
            state="warn", detail="seqimg runs from a folder, not installed", fix="pip install -e ."
        )
    found, wrong = [], []
    for requirement in filter(None, map(_REQUIREMENT.match, requirements)):
        if "extra" in (requirement["marker"] or ""):
            continue
        try:
            version = metadata.version(requirement["name"])
        except metadata.PackageNotFoundError:
            if not requirement["marker"]:  # one with a marker may not be meant for this machine
                wrong.append(f"{requirement['name']} is missing")
            continue
        found.append(f"{requirement['name']} {version}")
        if requirement["least"] and _numbers(version) < _numbers(requirement["least"]):
            wrong.append(f"{requirement['name']} {version} is older than {requirement['least']}")
    if wrong:
        return CheckResult(state="fail", detail=", ".join(wrong), fix="pip install --upgrade seqimg")
    return CheckResult(state="ok", detail=", ".join(found))


def torch() -> CheckResult:
    """Import torch and compute something with it."""
    import torch

    pictures = torch.ones(1, 3, 8, 8)
    total = torch.nn.functional.conv2d(pictures, torch.ones(1, 3, 3, 3)).sum().item()
    if total != 27 * 36:
        return CheckResult(
            state="fail", detail=f"a convolution gives {total}, not 972", fix="reinstall torch"
        )
    capability = torch.backends.cpu.get_cpu_capability()
    return CheckResult(
        state="ok", detail=f"torch {torch.__version__}, {capability}, threads: {torch.get_num_threads()}"
    )


def gpu() -> CheckResult:
    """Say which device runs, and why not a faster one."""
    import torch

    if torch.cuda.is_available():
        first = torch.cuda.get_device_properties(0)
        memory = f"{first.total_memory / 2**30:.0f} GiB"
        return CheckResult(state="ok", detail=f"cuda: {torch.cuda.device_count()} x {first.name}, {memory}")
    built = torch.version.cuda or torch.version.hip
    if built:
        why = f"torch is built for {'CUDA' if torch.version.cuda else 'ROCm'} {built}, but no driver answers"
    else:
        why = f"torch {torch.__version__} is built without GPU support"
    if any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/kfd")):
        fix = "nvidia-smi" if built else "install a torch build for this GPU: https://pytorch.org/get-started"
        return CheckResult(state="warn", detail=f"cpu, although there is a GPU: {why}", fix=fix)
    return CheckResult(state="ok", detail=f"cpu; no GPU found ({why})")


def kernels() -> CheckResult:
    """Name each cell and the kernel that computes it on the device in use, and why not one ranked before."""
    import torch

    from seqimg.cli.machine import kernel_for

    device = "cuda" if torch.cuda.is_available() else "cpu"
    host = plugin_host(strict=False)
    lines, wrong, passed_over = [], [], dict[str, None]()
    for name in host.cells.names():
        try:
            kernel, refused = kernel_for(host.cells.load(name)(8, 8), device, "float32", choice="auto")
        except Exception as error:  # noqa: BLE001 -- isolation: the other cells are still looked at
            wrong.append(f"{name}: {reason_of(error)}")
        else:
            lines.append(f"{name}: {kernel}")
            passed_over |= dict.fromkeys(refused)
    if wrong or not lines:
        return CheckResult(
            state="fail", detail="; ".join(wrong) or "no cell is registered", fix="seqimg plugins list"
        )
    others = f"; not {', not '.join(passed_over)}" if passed_over else ""
    return CheckResult(state="ok", detail=f"on {device}: {', '.join(lines)}{others}")


def video() -> CheckResult:
    """Encode a frame with each codec that browsers play."""
    import av

    works = {label: _encodes(codec) for label, codec in (("H.264", "libx264"), ("VP9", "libvpx-vp9"))}
    names = [label for label, ok in works.items() if ok]
    detail = f"av {av.__version__} writes {' and '.join(names) or 'no video that browsers play'}"
    if works["H.264"]:
        return CheckResult(state="ok", detail=detail)
    fix = "pip install --force-reinstall av (its wheels bring H.264)"
    return CheckResult(
        state="warn", detail=f"{detail}; animated WebP and GIF remain" if not names else detail, fix=fix
    )


def plugins() -> CheckResult:
    """Name the plugins that are off, and why."""
    reports = plugin_host(strict=False).reports
    failed = [report for report in reports if report.state == "failed"]
    if failed:
        detail = "; ".join(f"{report.title} is off: {report.why_off}" for report in failed)
        own = any(report.name in BUILTIN for report in failed)
        return CheckResult(state="fail" if own else "warn", detail=detail, fix="seqimg plugins list")
    names = ", ".join(report.name for report in reports if report.state == "ok")
    disabled = [report.name for report in reports if report.state == "disabled"]
    return CheckResult(state="ok", detail=names + (f"; disabled: {', '.join(disabled)}" if disabled else ""))


def folders() -> CheckResult:
    """Write a temporary file, and one in the current folder, where results go."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"seqimg")
    except OSError as error:
        return CheckResult(
            state="fail", detail=f"no temporary file can be written: {error}", fix="set TMPDIR"
        )
    here = Path.cwd()
    free = f"{shutil.disk_usage(here).free / 1e9:.1f} GB free here"
    try:
        with tempfile.TemporaryFile(dir=here) as file:
            file.write(b"seqimg")
    except OSError as error:
        return CheckResult(
            state="warn", detail=f"the current folder cannot be written: {error}", fix="cd elsewhere"
        )
    if shutil.disk_usage(here).free < _LITTLE_SPACE:
        return CheckResult(state="warn", detail=free, fix="make room, or work on another disk")
    return CheckResult(state="ok", detail=f"current and temporary folder can be written, {free}")


def _encodes(codec: str) -> bool:
    import av

    try:
        context = av.CodecContext.create(codec, "w")
        context.width, context.height, context.pix_fmt = 64, 64, "yuv420p"
        context.framerate = 25
        return bool([*context.encode(av.VideoFrame(64, 64, "yuv420p")), *context.encode(None)])
    except (av.error.FFmpegError, ValueError):
        return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])
