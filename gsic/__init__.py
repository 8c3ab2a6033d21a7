"""gsic: an image codec made of 2D Gaussians.

    data = gsic.encode(image, bpp=0.3)      # uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
    image = gsic.decode(data)               # bytes or path -> uint8 array of the same shape
    images = gsic.decode_many(paths)        # an iterator that reads ahead while it draws
    fit = gsic.fit(image, gaussians=5000)   # float Gaussians, to look at or to continue from
    info = gsic.info(data)                  # what the file says about itself

The names below are resolved on first use, so that `import gsic` loads neither NumPy nor Numba.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gsic.codec import decode, decode_many, encode, fit, info
    from gsic.errors import (
        BackendError,
        CorruptFile,
        FormatError,
        GsicError,
        InputError,
        LimitError,
        NotGsi,
        OptionError,
        TruncatedFile,
        UnsupportedVersion,
    )
    from gsic.options import Limits

    __version__: str

__all__ = [
    "BackendError",
    "CorruptFile",
    "FormatError",
    "GsicError",
    "InputError",
    "LimitError",
    "Limits",
    "NotGsi",
    "OptionError",
    "TruncatedFile",
    "UnsupportedVersion",
    "__version__",
    "decode",
    "decode_many",
    "encode",
    "fit",
    "info",
]


class _Package(ModuleType):
    """This package: importing the subpackage `gsic.fit` leaves the function `gsic.fit` in place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "fit" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

_CODEC = frozenset({"decode", "decode_many", "encode", "fit", "info"})


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("gsic")
    elif name in _CODEC:
        value = getattr(import_module("gsic.codec"), name)
    elif name == "Limits":
        value = import_module("gsic.options").Limits
    elif name in __all__:
        value = getattr(import_module("gsic.errors"), name)
    else:
        raise AttributeError(f"module 'gsic' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
