"""What `bench` is asked for, validated. Imports nothing heavy: a bad option is refused at once."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gsic.bench import machine
from gsic.errors import OptionError
from gsic.names import make_printable
from gsic.options import DEVICES, EncodeOptions, check_one_of, check_whole, count_threads

COMPARABLE = (
    *("jpeg", "jpeg2000", "webp"),
    *("avif", "avif-iq", "avif-s4", "avif-iq-s4"),
    *("avif-444", "avif-444-iq", "avif-444-s4", "avif-444-iq-s4"),
    *("jxl", "heic", "mozjpeg"),
)
DEFAULT_COMPARE = ("jpeg", "jpeg2000", "webp", "avif")
DEFAULT_BPP = (0.1, 0.2, 0.3, 0.5)
DEFAULT_OUTPUT = Path("gsic-bench")


@dataclass(frozen=True)
class BenchOptions:
    """What `bench` is asked for. At most one of the three rates is set; none: `DEFAULT_BPP`.

    Args:
        folder: folder of images.
        bpp, gaussians, quality: values to encode every image at, as in `EncodeOptions`.
        profile, effort, tune, seed, settings: as in `EncodeOptions`.
        compare: names of other codecs, of `COMPARABLE`; one whose library is missing is left out
            with a note.
        output: folder of the results, made if its parent exists; None: `DEFAULT_OUTPUT`.
        limit: at most so many images.
        device, threads: as for `encode`.

    Raises:
        OptionError: a value outside its domain, or two rates together.
    """

    folder: str | Path
    bpp: tuple[float, ...] | None = None
    gaussians: tuple[int, ...] | None = None
    quality: tuple[int, ...] | None = None
    profile: str = "gsic"
    effort: int = 5
    tune: str = "psnr"
    compare: tuple[str, ...] = DEFAULT_COMPARE
    output: str | Path | None = None
    limit: int | None = None
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    settings: Mapping[str, str | float | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = [name for name in ("bpp", "gaussians", "quality") if getattr(self, name)]
        if len(given) > 1:
            raise OptionError(f"{given[0]} and {given[1]} exclude each other")
        for name in self.compare:
            check_one_of("compare", name, COMPARABLE)
        if self.limit is not None:
            check_whole("limit", self.limit, 1, 2**31)
        check_one_of("device", self.device, DEVICES)
        count_threads(self.threads)
        self.encodings()

    def encodings(self) -> dict[str, EncodeOptions]:
        """Options of one encoding by the name that rows give it, for example "bpp=0.3"."""
        rate = "gaussians" if self.gaussians else "quality" if self.quality else "bpp"
        values = getattr(self, rate) or DEFAULT_BPP
        common = EncodeOptions(
            profile=self.profile,
            effort=self.effort,
            tune=self.tune,
            seed=self.seed,
            settings=self.settings,
        )
        encodings = {}
        for value in values:
            change: dict[str, Any] = {rate: value}
            checked = replace(common, **change)
            encodings[f"{rate}={value:.10g}"] = checked
        return encodings

    def command(self) -> str:
        """The command line that asks for this, the folder by its name alone."""
        labels = [label.partition("=") for label in self.encodings()]
        parts = ["gsic", "bench", make_printable(Path(self.folder).resolve().name)]
        parts += [f"--{labels[0][0]}", ",".join(value for _, _, value in labels)]
        parts += ["--profile", self.profile, "--effort", str(self.effort)]
        parts += ["--tune", self.tune] if self.tune != "psnr" else []
        parts += ["--seed", str(self.seed)]
        for name, value in self.settings.items():
            parts += ["--set", f"{name}={value}"]
        parts += ["--compare", ",".join(self.compare), "--device", self.device]
        parts += ["--threads", str(count_threads(self.threads))]
        parts += ["--limit", str(self.limit)] if self.limit else []
        return shlex.join(parts)

    def digest(self) -> str:
        """Hash of all that a row of ours depends on beside image, setting and version."""
        parts = {
            "profile": self.profile,
            "effort": self.effort,
            "tune": self.tune,
            "seed": self.seed,
            "settings": sorted((name, str(value)) for name, value in self.settings.items()),
            "device": self.device,
            "threads": count_threads(self.threads),
            "code": machine.hash_code(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
