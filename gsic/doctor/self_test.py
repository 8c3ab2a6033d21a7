"""Encode and decode one small image, and compare what comes back with what it has to be."""

from __future__ import annotations

import time
from typing import Any

from gsic.doctor.questions import ask

# The image has one broad maximum in each channel. It is decoded at some 40 dB; a wrong kernel is
# far below this.
_LEAST_PSNR = 30.0
_HEIGHT, _WIDTH, _GAUSSIANS = 48, 64, 60


def run(device: str, threads: int) -> dict[str, Any]:
    """Encode and decode an image.

    Args:
        device, threads: as for `encode`.

    Returns:
        `passed`, then what was measured, and where it failed why.
    """
    answer = ask(lambda: _measure(device, threads))
    return answer if isinstance(answer, dict) else {"passed": False, "error": answer}


def _measure(device: str, threads: int) -> dict[str, Any]:
    import numpy as np

    from gsic.decoding import decode_with_report
    from gsic.encoding import encode_with_report
    from gsic.metrics import psnr
    from gsic.options import EncodeOptions
    from gsic_kernels.cpu.runtime import compiling, shipped

    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    planes = [np.hypot(x - 16 * k - 16, y - 12 * k - 12) for k in range(3)]
    image = np.rint(255 * np.exp(-(np.stack(planes, axis=-1) ** 2) / 800)).astype(np.uint8)
    before = shipped.count_kernels(), *compiling.count_kernels()

    began = time.perf_counter()
    options = EncodeOptions(gaussians=_GAUSSIANS, effort=1)
    encoded = encode_with_report(image, options, device=device, threads=threads)
    encode_seconds = time.perf_counter() - began
    began = time.perf_counter()
    decoded = decode_with_report(encoded.data, device=device, threads=threads)
    decode_seconds = time.perf_counter() - began

    quality = psnr(image, decoded.image)
    after = shipped.count_kernels(), *compiling.count_kernels()
    kernels_shipped, kernels_loaded, kernels_compiled = (
        now - then for now, then in zip(after, before, strict=True)
    )
    promised = encoded.report.psnr
    passed = quality >= _LEAST_PSNR and promised is not None and abs(quality - promised) < 0.05
    return {
        "passed": passed,
        "device": encoded.report.device,
        "bytes": len(encoded.data),
        "psnr": quality,
        "psnr_of_encoder": promised,
        "least_psnr": _LEAST_PSNR,
        "encode_seconds": encode_seconds,
        "decode_seconds": decode_seconds,
        "kernels_from_package": kernels_shipped,
        "kernels_from_cache": kernels_loaded,
        "kernels_compiled": kernels_compiled,
        "compile_seconds": encoded.report.compile_seconds,
    }
