"""Images from splats in memory to bytes in memory: one copy in, one graph, one copy out."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray

from gsic_kernels.checks import F32, Splats, Window
from gsic_kernels.gpu.launch import empty
from gsic_kernels.gpu.lists import DeviceSplats
from gsic_kernels.gpu.renderer import Renderer

# Room is made for multiples of so many Gaussians: files of about one size share a graph.
_STEP = 1024
# Renderers that are kept, the ones used last.
_KEPT = 4


class Frames:
    """Renders one window from up to `count` Gaussians into 8-bit pixels, again and again.

    What goes to the device lies in one piece of pinned memory, and so does what comes back. All
    that happens in between is one CUDA graph, the two copies included.
    """

    def __init__(self, window: Window, channels: int, count: int, device: torch.device) -> None:
        """Make room for an image.

        Args:
            window: the pixels to render.
            channels: 1 to 4.
            count: the most Gaussians there will be.
            device: where they are rendered.
        """
        self.count = count
        self._window, self._device = window, device
        shape = window.height, window.width, channels
        self._renderer = Renderer(window.width, window.height, channels, count, device)
        sizes = [2 * count, 3 * count, channels * count, count, count, channels]
        graphs = device.type == "cuda"
        host = torch.zeros(sum(sizes), pin_memory=graphs)
        self._sent, self._received = host, empty((len(host),), torch.float32, device)
        shapes = (count, 2), (count, 3), (count, channels), (count,), (count,), (channels,)
        self._inputs: list[F32] = [
            part.view(form).numpy()
            for part, form in zip(torch.split(host, sizes), shapes, strict=True)
        ]
        *arrays, self._background = (
            part.view(form)
            for part, form in zip(torch.split(self._received, sizes), shapes, strict=True)
        )
        self._splats = DeviceSplats(*arrays)
        self._drawn = empty(shape, torch.uint8, device)
        self._returned = torch.empty(shape, dtype=torch.uint8, pin_memory=graphs)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._ready = False

    def render(self, splats: Splats, background: F32) -> NDArray[np.uint8]:
        """The sum of at most `count` Gaussians, clamped and rounded, uint8 (height, width, C)."""
        count = len(splats.mean)
        *inputs, behind = self._inputs
        for target, array in zip(inputs, splats, strict=True):
            target[:count] = array
        # With a reach below zero a Gaussian contributes nothing.
        inputs[3][count:] = -1.0
        behind[:] = background
        while True:
            self._run()
            if not self._renderer.grow():
                break
            self._graph, self._ready = None, False
        self._ready = True
        return self._returned.numpy().copy()

    def _run(self) -> None:
        """Launch everything; as a graph once all kernels are there and lists are long enough."""
        if self._graph is None and self._ready and self._device.type == "cuda":
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._launch()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._launch()

    def _launch(self) -> None:
        self._received.copy_(self._sent, non_blocking=True)
        self._renderer.render_sum(self._splats, self._window, self._background, self._drawn)
        self._returned.copy_(self._drawn, non_blocking=True)


_spare: OrderedDict[tuple[Window, int], Frames] = OrderedDict()


def render_bytes(
    splats: Splats, window: Window, background: F32, device: torch.device
) -> NDArray[np.uint8]:
    """Render with frames that were used before, if there are any of this window, or new ones."""
    count, channels = splats.color.shape
    key = window, channels
    frames = _spare.pop(key, None)  # nobody else uses them meanwhile
    if frames is None or frames.count < count:
        room = max(-(-count // _STEP), 1) * _STEP
        frames = Frames(window, channels, room, device)
    image = frames.render(splats, background)
    _spare[key] = frames
    while len(_spare) > _KEPT:
        _spare.popitem(last=False)
    return image
