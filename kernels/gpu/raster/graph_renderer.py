"""Render Gaussians in host memory into 8-bit pixels in host memory, as one CUDA graph."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gsic_kernels.gpu.launch import allocate, count_blocks
from gsic_kernels.gpu.raster.renderer import Renderer
from gsic_kernels.gpu.raster.uploads import SplatUpload, SymbolUpload
from gsic_kernels.types import F32, LogSymbols, Splats, Window

# Room is made for multiples of this many Gaussians, so that files of about one size share a graph.
_COUNT_STEP = 1024
# How many renderers are kept, the ones used last.
_MAX_KEPT = 4


class GraphRenderer:
    """Renders one window from up to a number of Gaussians into 8-bit pixels, again and again.

    What goes to the device lies in one piece of pinned memory, and so does what comes back. The
    copies and all kernels between them are one CUDA graph.
    """

    def __init__(self, window: Window, upload: SplatUpload | SymbolUpload) -> None:
        """Allocate memory for an image.

        Args:
            window: the pixels to render.
            upload: brings Gaussians to the device, and limits their number.
        """
        self.upload = upload
        self._window, device = window, upload.device
        shape = window.height, window.width, upload.channels
        self._renderer = Renderer(
            window.width, window.height, upload.channels, upload.max_count, device
        )
        self._image = allocate(shape, torch.uint8, device)
        self._on_gpu = device.type == "cuda"
        self._host_image = torch.empty(shape, dtype=torch.uint8, pin_memory=self._on_gpu)
        # Every image is drawn on as many levels as any so far has needed.
        self._levels = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        # Whether kernels are compiled, lists long enough and lattices allocated, which capturing a
        # graph requires.
        self._capturable = False

    def render(self, gaussians: Any, background: F32) -> NDArray[np.uint8]:
        """Render the sum of Gaussians, clamped and rounded.

        Args:
            gaussians: `Splats` or `LogSymbols`, what `upload` takes, as many as it takes or fewer.
            background: float32 (C,), 1.0 = full scale.

        Returns:
            uint8 (height, width, C), which belongs to the caller.
        """
        levels = self.upload.stage(gaussians, background)
        if levels > self._levels:
            self._levels, self._graph, self._capturable = levels, None, False
        while True:
            self._run()
            # `grow` waits for the device, so the image has arrived behind it.
            if not self._renderer.grow():
                break
            self._graph, self._capturable = None, False
        self._capturable = True
        return self._host_image.numpy().copy()

    def _run(self) -> None:
        """Launch everything, as a graph if one can be captured."""
        if self._graph is None and self._capturable and self._on_gpu:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._launch()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._launch()

    def _launch(self) -> None:
        splats, background = self.upload.send()
        self._renderer.render_sum(splats, self._levels, self._window, background, self._image)
        self._host_image.copy_(self._image, non_blocking=True)


_spare: OrderedDict[tuple[Window, int, type], GraphRenderer] = OrderedDict()


def render_bytes(
    gaussians: Splats | LogSymbols, window: Window, background: F32, device: torch.device
) -> NDArray[np.uint8]:
    """Render with a `GraphRenderer` that is kept for later calls with the same window.

    Args:
        gaussians: N >= 0 Gaussians of C channels.
        window: the pixels to render.
        background: float32 (C,), 1.0 = full scale.
        device: that renders.

    Returns:
        uint8 (height, width, C).
    """
    upload: type[SplatUpload | SymbolUpload]
    if isinstance(gaussians, LogSymbols):
        upload, count = SymbolUpload, gaussians.rows.shape[1]
    else:
        upload, count = SplatUpload, len(gaussians.mean)
    key = window, len(background), upload
    # Taken out while it is in use, so that another thread makes one of its own.
    renderer = _spare.pop(key, None)
    if renderer is None or renderer.upload.max_count < count:
        max_count = count_blocks(count, _COUNT_STEP) * _COUNT_STEP
        renderer = GraphRenderer(window, upload(len(background), max_count, device))
    image = renderer.render(gaussians, background)
    _spare[key] = renderer
    while len(_spare) > _MAX_KEPT:
        _spare.popitem(last=False)
    return image
