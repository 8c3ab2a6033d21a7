"""Compile every Triton kernel ahead of time, without a GPU or its driver, and show what it takes.

    python -m benchmarks.gpu.triton_aot [--sass FOLDER]

Launches of renderings and fits are recorded instead of made, and what they would have launched is
compiled. Prints registers, bytes of stack (spilled registers live there) and of shared memory, and
instructions of each kernel and variant. Fails if a kernel that draws tiles spills.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from gsic_kernels.backend import FitConstants
from gsic_kernels.gpu.fit import resident_fit
from gsic_kernels.gpu.launch import is_interpreted
from gsic_kernels.gpu.raster import coarse_cells, gradient_buffers, renderer, tile_lists, uploads
from gsic_kernels.gpu.raster.device_arrays import DeviceBlended, DeviceGradients
from gsic_kernels.gpu.raster.renderer import Renderer
from gsic_kernels.types import F32, Window

ARCHITECTURES = (80, 90)
RASTERISERS = ("sum_forward", "sum_backward", "sum_loss", "alpha_forward", "alpha_backward")
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
# Far too few for a rasteriser: with these it must spill, which proves that spills are seen.
TOO_FEW_REGISTERS = 32


class Launch(NamedTuple):
    """A kernel as one launch specialises it."""

    kernel: Any
    signature: tuple[tuple[str, str], ...]
    constants: tuple[tuple[str, Any], ...]
    aligned: tuple[int, ...]
    warps: int
    fuse: bool

    @property
    def name(self) -> str:
        chosen = [f"{key.lower()}={int(value)}" for key, value in self.constants]
        return " ".join([self.kernel.__name__, *chosen])


class Usage(NamedTuple):
    """Resources of a compiled kernel, per thread except for shared memory."""

    registers: int
    stack: int
    shared: int
    instructions: int


_TYPES = {
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.uint8: "*u8",
}


def record_launches() -> list[Launch]:
    """Record each different launch of decoding, rendering and fitting with 1 to 4 channels."""
    found: dict[Launch, None] = {}

    def record(
        kernel: Any,
        programs: int,
        *arguments: Any,
        warps: int = 4,
        fuse: bool = False,
        **constants: Any,
    ) -> None:
        names = [parameter.name for parameter in kernel.params]
        signature, aligned = [], []
        for i, (name, value) in enumerate(zip(names, arguments, strict=False)):
            if isinstance(value, torch.Tensor):
                signature.append((name, _TYPES[value.dtype]))
                aligned.append(i)
            else:
                assert isinstance(value, int), (kernel, name, value)
                assert kernel.params[i].do_not_specialize, (kernel, name)
                signature.append((name, "i32"))
        signature += [(name, "constexpr") for name in constants]
        assert len(signature) == len(names), (kernel, names, signature)
        launch = Launch(
            kernel, tuple(signature), tuple(constants.items()), tuple(aligned), warps, fuse
        )
        found.setdefault(launch)

    modules = coarse_cells, gradient_buffers, uploads, tile_lists, renderer, resident_fit
    for module in modules:
        module.launch = record  # type: ignore[attr-defined]
    for channels in range(1, 5):
        _render_all(channels)
    return list(found)


def _render_all(channels: int) -> None:
    """Call every method of a renderer, and take a step of a fit."""
    count, width, height = 5, 20, 18
    image, depth = torch.zeros(height, width, channels), torch.zeros(height, width)
    splats = uploads.allocate_splats(channels, count, torch.device("cpu"))
    derivatives = DeviceGradients(*splats[:3])
    opacity, background = torch.zeros(count), torch.zeros(channels)
    window = Window(0, 0, width, height)
    uploads.SymbolUpload(channels, count, torch.device("cpu")).send()
    draw = Renderer(width, height, channels, count, torch.device("cpu"))
    # Of three levels, the second is enlarged by itself and the first while it is drawn.
    for levels in (1, 3):
        draw.render_sum(splats, levels, window, background, image)
        draw.render_sum(splats, levels, window, background, image.to(torch.uint8))
        draw.render_sum_backward(splats, levels, window, image, derivatives)
        for l1 in (False, True):
            draw.sum_loss(splats, levels, background, image, image, derivatives, l1)
        draw.sum_loss(splats, levels, background, image, image, None)
    blended = DeviceBlended(image, depth, depth.to(torch.int32))
    draw.render_alpha(splats, opacity, window, background, blended)
    draw.render_alpha_backward(
        splats, opacity, window, background, blended, image, derivatives, opacity, background
    )
    _take_fit_step(image.numpy(), count, channels)


def _take_fit_step(target: F32, count: int, channels: int) -> None:
    """Take a step of a fit against `target`."""
    columns, background = 5 + channels, np.zeros(channels, np.float32)
    constants = FitConstants(np.ones(columns), (0.9, 0.99), -1.0, 9.0, 4.0, 2.5)
    fit = resident_fit.ResidentFit(target, background, constants, torch.device("cpu"))
    matrix = np.zeros((count, columns))
    fit.put((matrix, matrix, matrix, np.zeros(count)))
    fit.step(1.0)


def compile_launch(launch: Launch, architecture: int, **options: Any) -> Any:
    """Compile the kernel of a launch for compute capability `architecture` / 10."""
    source = ASTSource(
        launch.kernel,
        dict(launch.signature),
        dict(launch.constants),
        {(i,): [["tt.divisibility", 16]] for i in launch.aligned},
    )
    options = {"num_warps": launch.warps, "enable_fp_fusion": launch.fuse, **options}
    return triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)


def measure_usage(kernel: Any, sass: Path | None = None) -> Usage:
    """Measure what the machine code of a compiled kernel takes, and write it to the file `sass`."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        resources = _run_tool("cuobjdump", "--dump-resource-usage", file.name)
        code = _run_tool("nvdisasm", "-c", file.name)
    if sass is not None:
        sass.write_text(code)
    found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", resources)
    if found is None:
        raise RuntimeError(f"cuobjdump reports no resources: {resources}")
    registers, stack, _, local = map(int, found.groups())
    # Shared memory is allocated by the launch, so the machine code does not state it.
    shared = kernel.metadata.shared
    instructions = len(re.findall(r"^\s+/\*[0-9a-f]+\*/", code, re.MULTILINE))
    return Usage(registers, stack + local, shared, instructions)


def _run_tool(name: str, *arguments: str) -> str:
    command = [str(TOOLS / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Compile all kernels, print the table, and report spills."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sass", type=Path, help="write the machine code to this folder")
    folder = parser.parse_args().sass
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    launches = record_launches()
    if is_interpreted(launches[0].kernel):
        print("TRITON_INTERPRET is set: nothing can be compiled", file=sys.stderr)
        return 2
    canary = next(launch for launch in launches if launch.name.startswith("sum_loss"))
    spilled = measure_usage(compile_launch(canary, ARCHITECTURES[0], maxnreg=TOO_FEW_REGISTERS))
    if not spilled.stack:
        print("spills are not seen where there must be some", file=sys.stderr)
        return 2
    print(f"triton {triton.__version__}; registers, bytes of stack and shared memory, instructions")
    heads = "".join(f"| sm_{architecture:<21}" for architecture in ARCHITECTURES)
    print(f"{'':44}warps {heads}")
    bad = []
    for launch in launches:
        cells = ""
        for architecture in ARCHITECTURES:
            sass = launch.name.replace(" ", "-") + f"-sm_{architecture}.sass"
            found = measure_usage(compile_launch(launch, architecture), folder and folder / sass)
            cells += (
                f"| {found.registers:4} {found.stack:5} {found.shared:6} {found.instructions:6} "
            )
            if found.stack and launch.kernel.__name__ in RASTERISERS:
                bad.append(f"{launch.name} spills {found.stack} bytes on sm_{architecture}")
        print(f"{launch.name:44}{launch.warps:5} {cells}", flush=True)
    print("\n".join(bad), file=sys.stderr if bad else sys.stdout)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
