"""Finds the encoder of a profile."""

from __future__ import annotations

import importlib

from gsic.encoders.base import Encoder
from gsic.options import PROFILES
from gsic_kernels.cpu.runtime import forks


def find_encoder(profile: str) -> Encoder:
    """Return the encoder of a profile that `options.PROFILES` lists.

    Encoders are imported when they are asked for: none needs what the others load.
    """
    with forks.no_forks():
        module = importlib.import_module(f"gsic.encoders.{PROFILES[profile]}.encoder")
    encode: Encoder = module.encode
    return encode
