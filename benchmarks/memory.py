"""Peak memory of encoding and decoding, each in a process of its own. Writes memory.json.

The large image is a photo tiled, every other tile mirrored, to 6000x4000 on the fly.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LARGE = (6000, 4000)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("image", type=Path, help="an image of 768x512, for example kodim03.png")
    parser.add_argument("--bpp", type=float, default=0.3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--large-effort", type=int, default=1, help="steps do not change the peak")
    parser.add_argument("--skip-large", action="store_true")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments.child, arguments)))
        return 0

    rows = []
    with tempfile.TemporaryDirectory(prefix="gsic-memory-") as folder:
        cases = [(arguments.image, 5)]
        if not arguments.skip_large:
            large = Path(folder, "large.png")
            spawn(arguments, "tile", str(arguments.image), str(large))
            cases.append((large, arguments.large_effort))
        for image, effort in cases:
            file = Path(folder, "image.gsi")
            for task, source, target in (("encode", image, file), ("decode", file, None)):
                row = spawn(arguments, task, str(source), str(target), str(effort))
                rows.append({"task": task, **row})
                print(rows[-1], flush=True)

    # Not imported above: what this process holds must not count for its children.
    from gsic.bench import machine

    command = f"python benchmarks/memory.py {arguments.image.name} --bpp {arguments.bpp}"
    result = {**machine.stamp(command), "bpp": arguments.bpp, "rows": rows}
    (arguments.results / "memory.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


def spawn(arguments: argparse.Namespace, *task: str) -> dict[str, Any]:
    command = [sys.executable, __file__, str(arguments.image), "--bpp", str(arguments.bpp)]
    command += ["--threads", str(arguments.threads), "--child", *task]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def child(task: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    from gsic import codec, images
    from gsic.options import EncodeOptions

    start = time.perf_counter()
    if task[0] == "tile":
        tile(Path(task[1]), Path(task[2]))
        return {}
    if task[0] == "encode":
        image = images.load(task[1]).image
        options = EncodeOptions(bpp=arguments.bpp, effort=int(task[3]))
        encoded = codec.encode_report(image, options, device="cpu", threads=arguments.threads)
        Path(task[2]).write_bytes(encoded.data)
        size = {"effort": int(task[3]), "gaussians": encoded.report["gaussians"]}
    else:
        data = Path(task[1]).read_bytes()
        decoded = codec.decode_report(data, device="cpu", threads=arguments.threads)
        image = decoded.image
        size = {"gaussians": decoded.report["gaussians"]}
    return {
        "width": image.shape[1],
        "height": image.shape[0],
        **size,
        "threads": arguments.threads,
        "seconds": round(time.perf_counter() - start, 2),
        "peak_mib": round(peak_bytes() / 2**20, 1),
    }


def tile(source: Path, target: Path) -> None:
    import numpy as np

    from gsic import images

    image = images.load(source).image
    mirrored = np.concatenate([image, image[:, ::-1]], axis=1)
    block = np.concatenate([mirrored, mirrored[::-1]], axis=0)
    width, height = LARGE
    repeats = (-(-height // block.shape[0]), -(-width // block.shape[1]), 1)
    images.save(target, np.ascontiguousarray(np.tile(block, repeats)[:height, :width]))


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        # Kilobytes on Linux and the BSDs, bytes on macOS.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    # Preferred on Linux: the peak of getrusage includes that of the process which forked this one.
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    sys.exit(main())
