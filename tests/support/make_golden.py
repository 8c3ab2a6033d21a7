"""Make the golden files of format version 1: `python tests/support/make_golden.py`.

This writes golden/v1/*.gsi, a PNG of what each file decodes to, and manifest.json. Files that exist
are kept, because those of a released version must never change; `--replace` writes all again.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import gaussianimage_scenes
import gsic_scenes
import numpy as np
import two_dgs_scenes

from gsic import api as codec
from gsic import container, images
from gsic.container import Container
from gsic.gaussians import compute_factor
from gsic.profiles import registry
from gsic.profiles.gsic.dequantisation import dequantise_gaussians
from gsic.profiles.gsic.symbols import Symbols
from gsic.profiles.two_dgs.symbols import QuantisedImage

FOLDER = Path(__file__).parents[1] / "golden" / "v1"

# Golden file -> (scale, region) of the other views of it that are stored.
VIEWS = {
    "rgb": [(0.5, None), (2.3, None), (2.3, (11, 7, 30, 40))],
    "rgba": [(0.3, None), (1.5, (3, 2, 20, 30))],
    "extremes": [(0.7, None), (3.0, (0, 0, 10, 10))],
    "2dgs-rgb": [(0.5, None), (2.0, (11, 7, 30, 30))],
}


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    scenes = gsic_scenes.files(), gaussianimage_scenes.files(), two_dgs_scenes.files()
    for name, data in (item for files in scenes for item in files.items()):
        path = FOLDER / f"{name}.gsi"
        if "--replace" in sys.argv[1:] or not path.exists():
            path.write_bytes(data)
            for image, scale, region in list_pictures(name):
                images.save(image, codec.decode(data, scale=scale, region=region))
    manifest = {path.stem: describe(path) for path in sorted(FOLDER.glob("*.gsi"))}
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(manifest)} files, {total} bytes with their pictures")
    return 0


def list_pictures(name: str) -> list[tuple[Path, float, tuple[int, int, int, int] | None]]:
    """List the path, scale and region of each stored view of a golden file."""
    views = [(1.0, None), *VIEWS.get(name, [])]
    return [(FOLDER / f"{name}-{i}.png", *view) for i, view in enumerate(views)]


def describe(path: Path) -> dict[str, Any]:
    """Describe what must never change about a golden file."""
    data = path.read_bytes()
    file = container.read(data)
    if file.profile == gaussianimage_scenes.PROFILE.number:
        told = gaussianimage_scenes.describe(data, codec.info(data))
        told |= {name: hash_arrays(told[name]) for name in ("symbols", "parameters")}
        return {"sha256": hashlib.sha256(data).hexdigest(), **told}
    symbols, parameters = _list_arrays(file)
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "info": codec.info(data),
        "symbols": hash_arrays([np.int64(array) for array in symbols]),
        "parameters": hash_arrays([np.float32(array) for array in parameters]),
    }


def _list_arrays(file: Container) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """List the integers of a file, and the numbers to which they are dequantised."""
    profile = registry.find_by_number(file.profile)
    image = profile.read(file)
    if profile.name == "2dgs":
        scene = profile.dequantise(image)
        factor = compute_factor(scene.entries)
        return list_levels(image), [scene.mean, factor, scene.color, scene.opacity]
    header, symbols = image
    seen = dequantise_gaussians(header, symbols)
    placed = seen.place_on_lattices()
    arrays = [placed.mean, placed.factor, placed.color, np.maximum(seen.cutoff, 0.0), seen.level]
    return list_symbols(symbols), arrays


def list_levels(image: QuantisedImage) -> list[np.ndarray]:
    """List the integers of a `2dgs` image in a fixed order."""
    books = [array for book in (image.shapes, image.colors) for array in (book.rows, book.index)]
    return [image.position, *books]


def list_symbols(symbols: Symbols) -> list[np.ndarray]:
    """List the integers of a `gsic` image in a fixed order."""
    return [
        *(symbols.position_class, symbols.amplitude_class, symbols.place),
        *(symbols.log_scale, symbols.log_anisotropy, symbols.color),
    ]


def hash_arrays(arrays: list[np.ndarray]) -> str:
    """Compute the SHA-256 of arrays, little-endian, in C order."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
    return sha.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
