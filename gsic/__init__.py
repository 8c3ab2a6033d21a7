"""gsic: an image codec made of 2D Gaussians.

    data = gsic.encode(image, bpp=0.3)      # uint8 (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
    image = gsic.decode(data)               # bytes or path -> uint8 array of the same shape
    images = gsic.decode_many(paths)        # an iterator that reads ahead while it draws
    fit = gsic.fit(image, gaussians=5000)   # float Gaussians, to look at or to continue from
    info = gsic.info(data)                  # what the file says about itself

The names below are resolved on first use, so that `import gsic` loads neither NumPy nor Numba.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gsic.api import decode, decode_many, encode, fit, info
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


_FUNCTIONS = frozenset({"decode", "decode_many", "encode", "fit", "info"})


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("gsic")
    elif name in _FUNCTIONS:
        value = getattr(import_module("gsic.api"), name)
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
