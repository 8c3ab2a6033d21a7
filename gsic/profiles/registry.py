"""Lookup of profiles, by the name of an option or by the number in a file."""

from __future__ import annotations

import importlib
from functools import cache

from gsic.errors import UnsupportedVersion
from gsic.options import PROFILES
from gsic.profiles.base import Profile
from gsic_kernels.cpu.runtime import forks


@cache
def find_by_name(name: str) -> Profile:
    """Find the profile of a name that `options.PROFILES` lists."""
    with forks.no_forks():
        module = importlib.import_module(f"gsic.profiles.{PROFILES[name]}.profile")
    profile: Profile = module.PROFILE
    return profile


def find_by_number(number: int) -> Profile:
    """Find the profile of a number in a file.

    Raises:
        UnsupportedVersion: no profile of this version of gsic has that number.
    """
    for name in PROFILES:
        profile = find_by_name(name)
        if profile.number == number:
            return profile
    raise UnsupportedVersion(f"header: profile {number} is unknown to this gsic")
