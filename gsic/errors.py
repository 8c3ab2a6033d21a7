"""Every exception that gsic raises on purpose, sorted by who is at fault."""


class GsicError(Exception):
    """The root: catching it catches everything that gsic raises on purpose."""


class InputError(GsicError):
    """An image, a path or a value handed to gsic cannot be used."""


class OptionError(InputError):
    """An option has a value outside its domain, or two options exclude each other."""


class FormatError(GsicError, ValueError):
    """A `.gsi` file cannot be decoded."""


class NotGsi(FormatError):
    """The data does not begin like a `.gsi` file."""


class UnsupportedVersion(FormatError):
    """The file needs a newer gsic: a newer version or a critical section unknown here."""


class CorruptFile(FormatError):
    """The file contradicts its checksum or the format's rules."""


class TruncatedFile(FormatError):
    """The file ends before its content does."""


class LimitError(GsicError):
    """The file declares more pixels, Gaussians or drawn area than the limits allow."""


class BackendError(GsicError):
    """The requested device or a library that it needs is not available here."""
