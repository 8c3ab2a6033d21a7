"""The profiles that there are."""

from __future__ import annotations

from gsic.errors import UnsupportedVersion
from gsic.profiles.gaussianimage_profile import GaussianImageProfile
from gsic.profiles.gsic_profile import GsicProfile
from gsic.profiles.profile import Profile
from gsic.profiles.two_dgs_profile import TwoDgsProfile

PROFILES: tuple[Profile, ...] = (GsicProfile(), GaussianImageProfile(), TwoDgsProfile())


def named(name: str) -> Profile:
    """The profile of a name that `options.PROFILES` lists."""
    return next(profile for profile in PROFILES if profile.name == name)


def numbered(number: int) -> Profile:
    """The profile of a file.

    Raises:
        UnsupportedVersion: this version of gsic knows no profile of that number.
    """
    for profile in PROFILES:
        if profile.number == number:
            return profile
    raise UnsupportedVersion(f"header: profile {number} is unknown to this gsic")
