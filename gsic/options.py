"""The options of encoding, decoding and fitting, checked when they are made.

Nothing here imports NumPy or anything heavy: the command line refuses bad options before it loads
the codec. Every refusal is an `OptionError`, raised before any work starts.
"""

import math
import numbers
import operator
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gsic.errors import OptionError

# The profiles, and the folder of each in `gsic/profiles` and `gsic/encoders`: a new profile is an
# entry here and those two folders.
PROFILES = {"gsic": "gsic", "gaussianimage": "gaussianimage", "2dgs": "two_dgs"}
LOSSES = ("l2", "l1", "ssim", "l1+ssim", "l2+ssim")
COVARIANCES = ("log", "cholesky", "rs")
BLENDS = ("sum", "sum+opacity", "alpha")
OPTIMIZERS = ("adam", "adan")
TUNES = ("psnr", "ms-ssim")
DEVICES = ("auto", "cpu", "cuda")

# The effort of an encoding that is given neither an effort nor a time.
DEFAULT_EFFORT = 5

# The rate options of `encode`: at most one may be given.
RATES = ("quality", "bpp", "max_bytes", "psnr", "gaussians")

MAX_GAUSSIANS = 2**24
SPARE_GAUSSIANS = 2**20
MAX_ITERATIONS = 10**7
MAX_SEED = 2**63 - 1
MAX_THREADS = 1024

# Characters of a refused value that a message shows.
_SHOWN = 60

Region = tuple[int, int, int, int]
Settings = Mapping[str, str | float | int]


@dataclass(frozen=True)
class EncodeOptions:
    """The options of an encoding, of which at most one of the five rates is given.

    Without a rate a good default quality is used.

    Args:
        quality: int 1..100, on a fixed scale of the global quantiser step.
        bpp: float > 0, bits of the file per pixel.
        max_bytes: int >= 1, largest size of the file.
        psnr: float > 0, dB of the decoded image.
        gaussians: int >= 1, number of Gaussians that are fitted; RDOQ may leave some out.
        profile: one of `PROFILES`.
        effort: int 1..9, encoding effort; higher is slower and better. None for `DEFAULT_EFFORT`.
        time: float > 0, seconds that the encoding takes, about, in place of an effort; the longer,
            the better. The bytes then depend on the speed of the machine. Not for the papers'
            profiles.
        tune: one of `TUNES`, the measure of quality that the encoder raises. The papers' profiles
            know psnr only.
        seed: int 0..2**63 - 1; the same seed gives the same bytes on the same machine.
        settings: recipe constants of the profile by name, as `--set` gives them.

    Raises:
        OptionError: a value outside its domain, two rates or effort and time together, or a
            profile that cannot be tuned so or has no time.
    """

    quality: int | None = None
    bpp: float | None = None
    max_bytes: int | None = None
    psnr: float | None = None
    gaussians: int | None = None
    profile: str = "gsic"
    effort: int | None = None
    time: float | None = None
    tune: str = "psnr"
    seed: int = 0
    settings: Settings = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = [name for name in RATES if getattr(self, name) is not None]
        if len(given) > 1:
            raise OptionError(
                f"{given[0]} and {given[1]} exclude each other: "
                f"give at most one of {', '.join(RATES)}"
            )
        if self.quality is not None:
            _set(self, "quality", check_whole("quality", self.quality, 1, 100))
        if self.bpp is not None:
            _set(self, "bpp", check_positive("bpp", self.bpp))
        if self.max_bytes is not None:
            _set(self, "max_bytes", check_whole("max_bytes", self.max_bytes, 1, 2**62))
        if self.psnr is not None:
            _set(self, "psnr", check_positive("psnr", self.psnr))
        if self.gaussians is not None:
            _set(self, "gaussians", check_whole("gaussians", self.gaussians, 1, MAX_GAUSSIANS))
        check_one_of("profile", self.profile, PROFILES)
        if self.effort is not None:
            _set(self, "effort", check_whole("effort", self.effort, 1, 9))
        if check_one_of("tune", self.tune, TUNES) != "psnr" and self.profile != "gsic":
            raise OptionError(
                f"tune {self.tune} and profile {self.profile} exclude each other: give gsic"
            )
        _set(self, "seed", check_whole("seed", self.seed, 0, MAX_SEED))
        _set(self, "settings", _checked_settings(self.settings))
        if self.time is not None:
            _set(self, "time", check_positive("time", self.time))
            self._check_time()

    @property
    def effort_or_default(self) -> int:
        """The effort that was given, or the default one."""
        return DEFAULT_EFFORT if self.effort is None else self.effort

    def _check_time(self) -> None:
        """Refuse what decides the steps of an encoding beside its time."""
        if self.effort is not None:
            raise OptionError("effort and time exclude each other: give one of them")
        if self.profile != "gsic":
            raise OptionError(
                f"time and profile {self.profile} exclude each other: give effort, or profile gsic"
            )
        if "steps" in self.settings:
            raise OptionError("time and setting steps exclude each other: give one of them")

    @property
    def rate(self) -> tuple[str, float] | None:
        """The rate option that was given, as (name, value); None without one."""
        for name in RATES:
            value = getattr(self, name)
            if value is not None:
                return name, value
        return None


@dataclass(frozen=True)
class FitOptions:
    """The options of a float fit.

    Args:
        gaussians: int >= 1, number of Gaussians at the end of the fit.
        iterations: int >= 1, optimiser steps.
        loss: one of `LOSSES`.
        covariance: one of `COVARIANCES`, the parameterisation that is optimised.
        blend: one of `BLENDS`: Gaussians are summed, summed with an opacity of their own as a
            factor, or blended front to back.
        optimizer: one of `OPTIMIZERS`. "adan" is the fit of GaussianImage (ECCV 2024): Gaussians
            at random places, none added, over black; the covariance must be cholesky or rs. Only
            it knows opacities.
        seed: int 0..2**63 - 1.
        settings: recipe constants by name, as `--set` gives them.

    Raises:
        OptionError: a value outside its domain.
    """

    gaussians: int = 5000
    iterations: int = 1500
    loss: str = "l2"
    covariance: str = "log"
    blend: str = "sum"
    optimizer: str = "adam"
    seed: int = 0
    settings: Settings = field(default_factory=dict)

    def __post_init__(self) -> None:
        _set(self, "gaussians", check_whole("gaussians", self.gaussians, 1, MAX_GAUSSIANS))
        _set(self, "iterations", check_whole("iterations", self.iterations, 1, MAX_ITERATIONS))
        check_one_of("loss", self.loss, LOSSES)
        check_one_of("covariance", self.covariance, COVARIANCES)
        check_one_of("blend", self.blend, BLENDS)
        check_one_of("optimizer", self.optimizer, OPTIMIZERS)
        adan = self.optimizer == "adan"
        if self.covariance == "log" and adan:
            raise OptionError(
                "covariance log and optimizer adan exclude each other: give cholesky or rs"
            )
        if self.blend != "sum" and not adan:
            raise OptionError(
                f"blend {self.blend} and optimizer {self.optimizer} exclude each other: give adan"
            )
        _set(self, "seed", check_whole("seed", self.seed, 0, MAX_SEED))
        _set(self, "settings", _checked_settings(self.settings))


@dataclass(frozen=True)
class Limits:
    """What a decoder accepts of a file; it is checked before anything is allocated.

    Args:
        pixels: int >= 1, largest width times height.
        area_per_pixel: float > 0, largest summed area of the boxes around the Gaussians, clipped
            to the image, in pixels per pixel of the image or of the output.
        area: float > 0, largest such area in all, in pixels. The time to draw grows with it.
        gaussians: int >= 1, largest number of Gaussians; also, an image may have `SPARE_GAUSSIANS`
            and one more for each of its pixels.

    Raises:
        OptionError: a value outside its domain.
    """

    pixels: int = 2**27
    area_per_pixel: float = 4096.0
    area: float = 2.0**34
    gaussians: int = MAX_GAUSSIANS

    def __post_init__(self) -> None:
        _set(self, "pixels", check_whole("pixels", self.pixels, 1, 2**62))
        _set(self, "area_per_pixel", check_positive("area_per_pixel", self.area_per_pixel))
        _set(self, "area", check_positive("area", self.area))
        _set(self, "gaussians", check_whole("gaussians", self.gaussians, 1, 2**62))

    def most_area(self, pixels: int) -> float:
        """Return the largest area of Gaussians in an image or output of so many pixels."""
        return min(self.area_per_pixel * pixels, self.area)

    def most_gaussians(self, pixels: int) -> int:
        """Return the largest number of Gaussians in an image of so many pixels."""
        return min(SPARE_GAUSSIANS + pixels, self.gaussians)


def check_whole(name: str, value: Any, low: int, high: int) -> int:
    """Return `value` as an int in low..high; booleans and floats are refused."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise OptionError(
            f"{name} must be a whole number from {low} to {high}, got {describe(value)}"
        )
    return number


def check_positive(name: str, value: Any) -> float:
    """Return `value` as a finite float above 0; booleans are refused."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        number = float(value) if real else math.nan
    except OverflowError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise OptionError(f"{name} must be a finite number above 0, got {describe(value)}")
    return number


def check_one_of(name: str, value: str, known: Iterable[str]) -> str:
    """Return `value` if it is one of `known`; the refusal lists them."""
    names = tuple(known)
    if not isinstance(value, str) or value not in names:
        raise OptionError(f"{name} must be one of {', '.join(names)}, got {describe(value)}")
    return value


def check_progress(progress: Any) -> None:
    """Refuse a progress callback that cannot be called; None is none."""
    if progress is not None and not callable(progress):
        raise OptionError(f"progress must be a function or None, got {describe(progress)}")


def check_limits(limits: Any) -> Limits:
    """Return limits of decoding: those given, or for None the default ones."""
    if limits is None:
        return Limits()
    if not isinstance(limits, Limits):
        raise OptionError(f"limits must be gsic.Limits or None, got {describe(limits)}")
    return limits


def check_decoding(
    scale: Any, region: Any, device: Any, threads: Any, limits: Any
) -> tuple[int, Limits]:
    """Check the options of decoding before a file is read; return threads and limits to use."""
    check_positive("scale", scale)
    if region is not None:
        check_region(region)
    check_one_of("device", device, DEVICES)
    return count_threads(threads), check_limits(limits)


def describe(value: Any) -> str:
    """Return any value as a message shows it: short, and on one line."""
    try:
        text = repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)
    except Exception:  # whole numbers of more than 4300 digits, and what strangers define
        text = f"a value of type {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def count_threads(threads: int | None) -> int:
    """Return the number of threads to use: `threads`, or for None every core that may be used."""
    if threads is not None:
        return check_whole("threads", threads, 1, MAX_THREADS)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def scale_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Return the size in pixels of an image of `width` x `height` that is decoded at `scale`."""
    factor = check_positive("scale", scale)
    # Half up, as everywhere in the format: round() would send 2.5 to 2 and 3.5 to 4.
    return max(1, math.floor(factor * width + 0.5)), max(1, math.floor(factor * height + 0.5))


def check_region(region: Any) -> Region:
    """Return `region` as four ints x, y, width, height, with a corner >= 0 and a size >= 1."""
    try:
        x, y, width, height = region
    except (TypeError, ValueError):
        raise OptionError(
            f"region must be four whole numbers x, y, width, height, got {describe(region)}"
        ) from None
    return (
        check_whole("region x", x, 0, 2**31),
        check_whole("region y", y, 0, 2**31),
        check_whole("region width", width, 1, 2**31),
        check_whole("region height", height, 1, 2**31),
    )


def check_region_inside(region: Any, width: int, height: int) -> Region:
    """Return `region` if it lies inside a decoded image of `width` x `height` pixels."""
    x, y, region_width, region_height = checked = check_region(region)
    if x + region_width > width or y + region_height > height:
        raise OptionError(
            f"region {x},{y},{region_width},{region_height} reaches outside the decoded image "
            f"of {width}x{height} pixels"
        )
    return checked


def _checked_settings(settings: Any) -> Settings:
    if not isinstance(settings, Mapping) or not all(isinstance(key, str) for key in settings):
        raise OptionError(f"settings must map names to values, got {describe(settings)}")
    for key, value in settings.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise OptionError(f"setting {key} must be finite, got {value!r}")
    return dict(settings)


def _set(options: object, name: str, value: object) -> None:
    """Store a normalised value in a frozen dataclass while it is being made."""
    object.__setattr__(options, name, value)
