"""Encodings of large images, which are fitted by bands and quantised by strips."""

from __future__ import annotations

import numpy as np
import pytest
from fit_images import encoded, photo_cut

from gsic.encoders.gsic import rdoq_strips
from gsic_kernels.cpu import backend
from gsic_kernels.cpu.losses import banded_loss


def use_parts(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Make bands of 128 rows and strips of 64."""
    for module in (backend, banded_loss):
        monkeypatch.setattr(module, "BAND_PIXELS", 128 * width)
    monkeypatch.setattr(rdoq_strips, "_WHOLE_PIXELS", 1000)
    monkeypatch.setattr(rdoq_strips, "_STRIP_PIXELS", 64 * width)


def test_parts_are_as_good_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo_cut("hats", 1)
    image = np.concatenate([image, image[::-1]])
    height, width = image.shape[:2]
    assert height > 2 * 128
    whole = encoded(image, steps=120, bpp=0.4).report
    use_parts(monkeypatch, width)
    parts = encoded(image, steps=120, bpp=0.4).report
    assert parts.bytes <= 0.4 * width * height / 8
    assert parts.psnr == pytest.approx(whole.psnr, abs=0.05)
    assert parts.psnr != whole.psnr  # they are other files


def test_seams_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error at the borders of bands and strips is as large as elsewhere."""
    from gsic import decode

    image = photo_cut("hats", 1)
    image = np.concatenate([image, image[::-1]])
    use_parts(monkeypatch, image.shape[1])
    error = decode(encoded(image, steps=120, bpp=0.4).data) - image.astype(np.float64)
    by_row = np.square(error).mean(axis=(1, 2))
    borders = by_row[np.arange(62, len(by_row) - 3, 64)[:, None] + np.arange(4)]
    assert borders.mean() < 1.2 * by_row.mean()
