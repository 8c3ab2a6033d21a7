"""Encode the bundled photo, decode it in a new process, and put a JPEG of the same size beside it.

Leaves photo.gsi, decoded.png and same-size.jpg in demo/, or in the folder named as argument.
"""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from gsic import images, metrics

PHOTO = Path(__file__).parent / "kodim23.png"
BPP = "0.3"


def gsic(*arguments: str | Path) -> dict[str, Any]:
    """Run a command line in a process of its own, its progress on this terminal."""
    command = [sys.executable, "-m", "gsic", *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def jpeg_of_at_most(size: int) -> bytes:
    """The best JPEG of the photo that is not larger than `size` bytes, or else the smallest."""
    with Image.open(PHOTO) as photo:
        for quality in range(95, 0, -1):
            buffer = io.BytesIO()
            photo.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() <= size:
                break
    return buffer.getvalue()


def row(path: Path) -> str:
    """Size and quality of a coded photo, as one line of the summary."""
    original = images.load(PHOTO).image
    shown = path.with_name("decoded.png") if path.suffix == ".gsi" else path
    decoded = images.load(shown).image
    size = path.stat().st_size
    return (
        f"  {path.name:<14} {size:>6} bytes   {8 * size / original[..., 0].size:.3f} bpp   "
        f"PSNR {metrics.psnr(original, decoded):.2f} dB   "
        f"MS-SSIM {metrics.ms_ssim(original, decoded):.4f}"
    )


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    folder.mkdir(parents=True, exist_ok=True)
    coded, jpeg = folder / "photo.gsi", folder / "same-size.jpg"

    print(f"Encoding {PHOTO.name} at {BPP} bits per pixel ...", flush=True)
    encoded = gsic("encode", PHOTO, coded, "--bpp", BPP)
    decoded = gsic("decode", coded, folder / "decoded.png")
    jpeg.write_bytes(jpeg_of_at_most(coded.stat().st_size))

    print()
    print(row(coded))
    print(row(jpeg))
    print()
    print(
        f"  encoded    {encoded['gaussians']} Gaussians in {encoded['seconds']:.1f} s, and "
        f"{encoded['compile_seconds']:.1f} s to compile kernels, once"
    )
    print(
        f"  decoded    {decoded['total_ms']:.1f} ms from bytes to pixels, in a new process of "
        f"{decoded['seconds']:.2f} s"
    )
    print(f"  to look at {coded}, {folder / 'decoded.png'}, {jpeg}")


if __name__ == "__main__":
    main()
