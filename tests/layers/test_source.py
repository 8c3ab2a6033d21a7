"""Who may import whom, read from the source files alone."""

from pathlib import Path

import pytest
from source_files import ROOT, imports, name_of, sources

# Part of the codec -> the parts it may import. `api` is the glue; `cli` and `bench` stand on it.
SURFACE = {"arrays", "bands", "errors", "options", "files", "images", "metrics", "names", "streams"}
LAYERS = {
    "arrays": set(),
    "bands": {"arrays"},
    "errors": set(),
    "options": {"errors"},
    "recipes": {"errors", "options"},
    "names": set(),
    "streams": set(),
    "files": {"errors", "streams"},
    "images": {"arrays", "errors", "files", "options", "streams"},
    "metrics": {"arrays", "bands"},
    "gaussians": {"arrays", "errors"},
    "lattices": {"arrays", "gaussians"},
    "reduction": {"arrays"},
    "coding": {"arrays", "errors", "options"},
    "container": {"errors", "options", "coding"},
    "profiles": {"arrays", "errors", "options", "gaussians", "lattices", "coding", "container"},
    "pixels": {"arrays", "errors", "options", "metrics", "container"},
    "rendering": {
        *SURFACE,
        *("gaussians", "lattices", "reduction", "container", "profiles", "pixels"),
    },
    "fitting": {*SURFACE, "recipes", "gaussians", "lattices", "profiles"},
    "encoders": {*SURFACE, "recipes", "gaussians", "lattices", "profiles", "fitting"},
    "devices": {"errors", "options"},
    "decoding": {*SURFACE, "coding", "container", "profiles", "pixels", "rendering", "devices"},
    "encoding": {
        *SURFACE,
        *("container", "profiles", "pixels", "rendering", "devices", "decoding"),
        *("encoders", "fitting"),
    },
    "api": {
        *SURFACE,
        *("container", "profiles", "pixels", "rendering", "devices", "decoding", "encoding"),
        "fitting",
    },
    "bench": {*SURFACE, "pixels", "api", "encoding", "decoding"},
    "doctor": {*SURFACE, "encoding", "decoding", "bench"},
    "cli": {*SURFACE, "api", "encoding", "decoding", "fitting", "bench", "doctor"},
    "__main__": {"cli"},
    "__init__": {"errors", "options", "api"},
}

COMPILING = ("kernels/cpu/runtime/", "kernels/cpu/ahead/", "kernels/cpu/sums/block_simd.py")
# Heavy or optional packages -> the only files and folders that may import them.
HOMES = {
    "torch": ("gsic/fitting/", "gsic/encoders/", "kernels/gpu/"),
    "triton": ("kernels/gpu/",),
    # Where kernels are compiled. What calls them is loaded without Numba if that is not needed.
    "numba": COMPILING,
    "llvmlite": COMPILING,
    "constriction": ("gsic/coding/",),
    "click": ("gsic/cli/",),
    "tqdm": ("gsic/cli/console.py",),
    "PIL": ("gsic/images/", "gsic/bench/", "gsic/doctor/"),
    "matplotlib": ("gsic/bench/",),
    "ssimulacra2": ("gsic/metrics.py",),
    "pillow_heif": ("gsic/bench/codecs/heic.py",),
    "imagecodecs": ("gsic/bench/codecs/jpegxl.py", "gsic/images/boxes.py"),
    "tifffile": ("gsic/images/tiff.py",),
    "pyvips": ("gsic/bench/codecs/mozjpeg.py",),
}


def modules_of(path: Path) -> list[tuple[str, int]]:
    """Every module that a file imports, anywhere in it, by its full name, and the line."""
    return [(imported.module, imported.line) for imported in imports(path)]


@pytest.mark.parametrize("path", sources("gsic"), ids=name_of)
def test_the_codec_imports_in_one_direction(path: Path) -> None:
    part = path.relative_to(ROOT / "gsic").parts[0].removesuffix(".py")
    assert part in LAYERS, f"{part} is a new part: say here what it may import"
    for module, line in modules_of(path):
        if module.startswith("gsic."):
            imported = module.split(".")[1]
            where = f"{name_of(path)}:{line}: {part} must not import {module}"
            # `from gsic import name` of the package itself is the public API, for entry points.
            assert imported == part or imported in LAYERS[part], where


@pytest.mark.parametrize("path", sources("gsic"), ids=name_of)
def test_only_some_parts_use_kernels(path: Path) -> None:
    allowed = {
        "gsic/api.py": ("backend",),
        "gsic/encoding.py": ("backend", "cpu.runtime.compiling"),
        "gsic/decoding.py": ("backend",),
        "gsic/devices.py": ("backend", "registry"),
        "gsic/rendering.py": ("backend", "types", "constants", "lazy"),
        "gsic/lattices.py": ("types", "constants"),
        "gsic/pixels.py": ("constants",),
        "gsic/reduction.py": ("types",),
        "gsic/metrics.py": ("constants",),
        "gsic/fitting/": ("backend", "types", "constants", "cpu.runtime.compiling"),
        "gsic/encoders/": (
            *("backend", "registry", "types", "cpu.rdoq", "cpu.runtime.forks"),
            *("cpu.runtime.compiling", "cpu.sums.dequantising", "lazy"),
        ),
        "gsic/profiles/": ("types", "constants", "lazy", "cpu.ans.layout", "cpu.runtime.forks"),
        "gsic/coding/": ("cpu.ans", "lazy", "types"),
        "gsic/bench/": ("registry",),
        "gsic/doctor/": ("registry", "cpu.runtime"),
    }
    parts = next((parts for home, parts in allowed.items() if name_of(path).startswith(home)), ())
    for module, line in modules_of(path):
        if module.split(".")[0] == "gsic_kernels":
            known = any(f"{module}.".startswith(f"gsic_kernels.{part}.") for part in parts)
            assert known, f"{name_of(path)}:{line}: must not import {module}"


@pytest.mark.parametrize("path", sources("kernels"), ids=name_of)
def test_the_kernels_know_nothing_of_the_codec(path: Path) -> None:
    for module, line in modules_of(path):
        top = module.split(".")[0]
        assert top not in ("gsic", "kernels"), f"{name_of(path)}:{line}: must not import {module}"


@pytest.mark.parametrize("path", sources("gsic", "kernels"), ids=name_of)
def test_heavy_packages_stay_at_home(path: Path) -> None:
    for module, line in modules_of(path):
        homes = HOMES.get(module.split(".")[0])
        at_home = homes is None or name_of(path).startswith(homes)
        assert at_home, f"{name_of(path)}:{line}: {module} may be imported only in {homes}"


def test_nothing_imports_the_kernels_by_their_folder() -> None:
    for path in sources("gsic", "kernels", "tests", "benchmarks", "examples"):
        for module, line in modules_of(path):
            assert module.split(".")[0] != "kernels", f"{name_of(path)}:{line}"
