"""What the codec asks of a profile."""

from __future__ import annotations

from typing import Any, Protocol

from gsic.container import Container
from gsic.profiles.drawing import Drawing, OnGrid


class Profile(Protocol):
    """A way to write Gaussians as integers, and those as bytes.

    What stands between, an image as the profile's integers, is the profile's own affair: the codec
    only hands it on.
    """

    @property
    def name(self) -> str:
        """As `--profile` has it."""

    @property
    def number(self) -> int:
        """As files have it."""

    def write(self, quantised: Any) -> tuple[bytes, bytes]:
        """Parameter bytes and payload of an image."""

    def read(self, file: Container) -> Any:
        """The image that a file holds.

        Raises:
            FormatError: no encoder can have made its parameters and payload.
        """

    def count(self, quantised: Any) -> int:
        """How many Gaussians an image has."""

    def drawing(self, quantised: Any) -> Drawing:
        """What an image draws.

        Raises:
            CorruptFile: a number that is not finite.
        """

    def on_grid(self, quantised: Any) -> OnGrid | None:
        """The same for a backend that dequantises, or None if none can do that."""

    def describe(self, file: Container) -> dict[str, Any]:
        """What the parameters of a file say, the number of Gaussians first, for `gsic info`.

        Raises:
            FormatError: no encoder can have made them.
        """
