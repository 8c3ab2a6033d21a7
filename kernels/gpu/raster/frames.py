"""Images from Gaussians in memory to bytes in memory: one copy in, one graph, one copy out."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gsic_kernels.gpu.launch import empty, pieces
from gsic_kernels.gpu.raster.inputs import SplatInputs, SymbolInputs
from gsic_kernels.gpu.raster.renderer import Renderer
from gsic_kernels.types import F32, LogSymbols, Splats, Window

# Room is made for multiples of so many Gaussians: files of about one size share a graph.
_STEP = 1024
# Renderers that are kept, the ones used last.
_KEPT = 4


class Frames:
    """Renders one window from up to so many Gaussians into 8-bit pixels, again and again.

    What goes to the device lies in one piece of pinned memory, and so does what comes back. All
    that happens in between is one CUDA graph, the two copies included.
    """

    def __init__(self, window: Window, inputs: SplatInputs | SymbolInputs) -> None:
        """Make room for an image.

        Args:
            window: the pixels to render.
            inputs: how Gaussians come to the device, and at most how many.
        """
        self.inputs = inputs
        self._window, device = window, inputs.device
        shape = window.height, window.width, inputs.channels
        self._renderer = Renderer(
            window.width, window.height, inputs.channels, inputs.count, device
        )
        self._drawn = empty(shape, torch.uint8, device)
        self._on_gpu = device.type == "cuda"
        self._returned = torch.empty(shape, dtype=torch.uint8, pin_memory=self._on_gpu)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._ready = False

    def render(self, gaussians: Any, background: F32) -> NDArray[np.uint8]:
        """The sum of Gaussians that `inputs` takes, clamped and rounded, uint8 (height, width, C).

        Args:
            gaussians: `Splats` or `LogSymbols`, at most as many as there is room for.
            background: float32 (C,), 1.0 = full scale.
        """
        self.inputs.put(gaussians, background)
        while True:
            self._run()
            if not self._renderer.grow():
                break
            self._graph, self._ready = None, False
        self._ready = True
        return self._returned.numpy().copy()

    def _run(self) -> None:
        """Launch everything; as a graph once all kernels are there and lists are long enough."""
        if self._graph is None and self._ready and self._on_gpu:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._launch()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._launch()

    def _launch(self) -> None:
        splats, background = self.inputs.send()
        self._renderer.render_sum(splats, self._window, background, self._drawn)
        self._returned.copy_(self._drawn, non_blocking=True)


_spare: OrderedDict[tuple[Window, int, type], Frames] = OrderedDict()


def render_bytes(
    gaussians: Splats | LogSymbols, window: Window, background: F32, device: torch.device
) -> NDArray[np.uint8]:
    """Render with frames that were used before, if there are any of this window, or new ones."""
    kind: type[SplatInputs | SymbolInputs]
    if isinstance(gaussians, LogSymbols):
        kind, count = SymbolInputs, gaussians.rows.shape[1]
    else:
        kind, count = SplatInputs, len(gaussians.mean)
    key = window, len(background), kind
    frames = _spare.pop(key, None)  # nobody else uses them meanwhile
    if frames is None or frames.inputs.count < count:
        room = pieces(count, _STEP) * _STEP
        frames = Frames(window, kind(len(background), room, device))
    image = frames.render(gaussians, background)
    _spare[key] = frames
    while len(_spare) > _KEPT:
        _spare.popitem(last=False)
    return image
