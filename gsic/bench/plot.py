"""rd.png: the mean rate-distortion curves of a run."""

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from gsic.bench.bdrate import Point
from gsic.files import write_bytes_atomically

HOW_TO_GET = "no rd.png: it needs matplotlib, which `pip install gsic[bench]` brings"


def draw(path: Path, curves: Mapping[str, Sequence[Point]], title: str) -> str | None:
    """Draw mean curves, ours thick, over the rates and qualities near ours.

    Args:
        path: the PNG to write.
        curves: (bpp, dB) points by codec; the first one is ours.
        title: above the axes.

    Returns:
        None, or one line that says how to get the plot when matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return HOW_TO_GET
    drawn = {name: sorted(points) for name, points in curves.items() if points}
    if not drawn:
        return "no rd.png: no file was measured"
    # A Figure of its own needs no display and leaves pyplot's state alone.
    figure = Figure(figsize=(7, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for index, (name, points) in enumerate(drawn.items()):
        rates, qualities = zip(*points, strict=True)
        width, marker = (2.4, "o") if index == 0 else (1.2, ".")
        axes.plot(rates, qualities, label=name, linewidth=width, marker=marker, markersize=5)
    ours = next(iter(drawn.values()))
    axes.set_xscale("log")
    axes.set_xlim(ours[0][0] / 1.6, ours[-1][0] * 1.6)
    axes.set_ylim(min(p for _, p in ours) - 3, max(p for _, p in ours) + 3)
    ticks = [tick for tick in _TICKS if ours[0][0] / 1.6 <= tick <= ours[-1][0] * 1.6]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("bits per pixel, mean of the images")
    axes.set_ylabel("PSNR in dB, mean of the images")
    axes.set_title(title, parse_math=False)  # a name of a folder may hold dollar signs
    axes.grid(alpha=0.3)
    axes.legend()
    png = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # not all scripts are in the font
        figure.savefig(png, format="png")
    write_bytes_atomically(path, png.getvalue())
    return None


_TICKS = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 8)
