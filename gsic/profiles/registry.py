"""Finds the decoder side of a profile, by its name or by its number in a file."""

from __future__ import annotations

import importlib
from functools import cache

from gsic.errors import UnsupportedVersion
from gsic.options import PROFILES
from gsic.profiles.base import Profile


@cache
def find_by_name(name: str) -> Profile:
    """Return the profile of a name that `options.PROFILES` lists."""
    profile: Profile = importlib.import_module(f"gsic.profiles.{PROFILES[name]}.profile").PROFILE
    return profile


def find_by_number(number: int) -> Profile:
    """Return the profile of a file.

    Raises:
        UnsupportedVersion: this version of gsic knows no profile of that number.
    """
    for name in PROFILES:
        profile = find_by_name(name)
        if profile.number == number:
            return profile
    raise UnsupportedVersion(f"header: profile {number} is unknown to this gsic")
