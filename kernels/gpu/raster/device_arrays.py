"""The arrays of `gsic_kernels.types` as tensors of one device."""

from __future__ import annotations

from typing import NamedTuple

import torch


class DeviceSplats(NamedTuple):
    """The arrays of `types.Splats` as contiguous tensors, float32 but for the last."""

    mean: torch.Tensor  # (N, 2) cells, on level 0 px
    factor: torch.Tensor  # (N, 3) cells^-1
    color: torch.Tensor  # (N, C) 1.0 = full scale
    cutoff: torch.Tensor  # (N,)
    offset: torch.Tensor  # (N,)
    level: torch.Tensor  # int32 (N,)


class DeviceGradients(NamedTuple):
    """The arrays of `types.Gradients` as contiguous float32 tensors."""

    mean: torch.Tensor  # (N, 2)
    factor: torch.Tensor  # (N, 3)
    color: torch.Tensor  # (N, C)


class DeviceBlended(NamedTuple):
    """The arrays of `types.Blended` as contiguous tensors."""

    image: torch.Tensor  # float32 (height, width, C)
    transmittance: torch.Tensor  # float32 (height, width)
    stop: torch.Tensor  # int32 (height, width)
