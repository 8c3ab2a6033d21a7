"""What every goal of an encoding is asked for, and the types that goals and encoders share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from gsic.encoders.base import Coded
from gsic.encoders.gsic.qat import Tuning
from gsic.encoders.gsic.recipe import EncodeRecipe

Shortened = Callable[[int], Coded]
"""The file without so many of its least valuable Gaussians."""

Foreseen = Callable[[Tuning, float], float]
"""The PSNR in dB to which a tuning leads at its step when a share of it is done."""


class Goal(Protocol):
    """What an encoding aims at."""

    gaussians: int

    def chooses_at(self, recipe: EncodeRecipe) -> Iterable[float]:
        """Shares of the tuning at which it chooses a step."""

    def choose(self, tuning: Tuning, share: float) -> int:
        """The step index to tune on with when `share` of the tuning is done."""

    def correction(self, index: int, coded: Coded) -> int | None:
        """A better step index than `index`, which led to `coded`; None when that will do."""

    def prefers(self, one: Coded, other: Coded) -> bool:
        """Whether `one` comes nearer than `other`."""

    def rise(self, coded: Coded) -> float | None:
        """By what to multiply the price of bits to come nearer; None where there is no need to."""

    def allows(self, coded: Coded) -> bool:
        """Whether nothing that the goal asks for is lost in `coded`."""

    def near(self, coded: Coded) -> bool:
        """Whether what `coded` has beyond the goal is no more than may be left."""

    def stronger(self, coded: Coded, most: int) -> Goal | None:
        """A goal of up to `most` Gaussians to begin again with; None where `coded` will do."""

    def land(self, shortened: Shortened, count: int) -> tuple[int, Coded]:
        """How many of `count` Gaussians to leave out, and the file without them.

        Raises:
            InputError: the goal is out of reach; the message names the nearest value in reach.
        """
