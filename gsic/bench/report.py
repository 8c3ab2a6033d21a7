"""report.md: what a run measured, for people."""

from collections.abc import Iterable, Sequence
from typing import Any

from gsic.bench.codecs.registry import BASELINES
from gsic.bench.rows import Row
from gsic.bench.summary import GSIC

NONE = "–"
_MARKDOWN = frozenset("\\`*[]<>|~&$")


def write_markdown(report: dict[str, Any], rows: Sequence[Row], plot: bool) -> str:
    """Write the report as Markdown: rates, BD-rates, decoding, every image, what failed.

    Args:
        report: what `runner.run` returns as `BenchResult.report`.
        rows: the rows of the run.
        plot: whether rd.png stands beside the report.
    """
    codecs = list(report["bd_rate"])
    machine = report["machine"]
    parts = [
        "# gsic bench",
        f"{report['images']} images of {_escape(report['folder'])}, gsic {report['version']}, "
        f"{report['date']}. Machine: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['system']}. Options: {_format_options(report['options'])}.",
        "Sizes are those of files on disk; every file of ours was decoded in a process of its own, "
        "which got nothing but its bytes, and PSNR is one mean squared error over all channels of "
        "the 8-bit result.",
        *(f"Note: {note}." for note in report["notes"]),
    ]
    if report["errors"]:
        parts += ["## Errors", _format_table(["image", "file", "error"], report["errors"])]
    parts += _write_rates(report["rates"], codecs)
    if plot:
        parts.append("![mean rate-distortion curves](rd.png)")
    parts += _write_bd_rates(report["bd_rate"])
    parts += _write_times(report["rates"], codecs)
    parts += _write_images(rows, codecs)
    if codecs:
        parts += ["## The other codecs"]
        parts += [
            "\n".join(f"- {BASELINES[name].title}: {BASELINES[name].version}" for name in codecs)
        ]
    return "\n\n".join(parts) + "\n"


def _format_options(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items() if value is not None)


def _write_rates(rates: Sequence[dict[str, Any]], codecs: Sequence[str]) -> list[str]:
    if not rates:
        return []
    lines = []
    for rate in rates:
        cells = [rate["setting"], str(rate["images"]), _format_number(rate["bpp"], 4)]
        cells.append(_format_number(rate["psnr"], 2))
        cells += [_format_mean(rate, "ms_ssim", 4), _format_mean(rate, "ssimulacra2", 1)]
        cells += [_format_versus(rate["against"][codec], rate["images"]) for codec in codecs]
        lines.append(cells)
    head = ["setting", "images", "bpp", "PSNR", "MS-SSIM", "SSIMULACRA2", *codecs]
    parts = ["## Quality", _format_table(head, lines)]
    if codecs:
        parts.append(
            "Under each codec: its mean PSNR with every image at exactly the size of our file (its "
            "own curve, PCHIP in log-rate, nothing extrapolated), our difference to it in dB over "
            "the same images, and on how many of them we are better. A negative difference is a "
            f"loss of ours; {NONE}: no image can be coded at that size."
        )
        parts += _write_losses(rates, codecs)
    return parts


def _format_mean(rate: dict[str, Any], measure: str, decimals: int) -> str:
    """Write our mean of a measure, and over how many images where some lack it."""
    of = rate[f"{measure}_images"]
    text = _format_number(rate[measure], decimals)
    return f"{text} ({of} images)" if 0 < of < rate["images"] else text


def _format_versus(against: dict[str, Any] | None, images: int) -> str:
    if against is None:
        return NONE
    of = against["images"]
    ours = f" against our {against['psnr_ours']:.2f}" if of < images else ""
    short = f"; only {of} of {images} images" if of < images else ""
    return (
        f"{against['psnr']:.2f}{ours} ({against['difference']:+.2f}, "
        f"better on {against['better_on']}/{of}{short})"
    )


def _write_losses(rates: Iterable[dict[str, Any]], codecs: Iterable[str]) -> list[str]:
    lines = []
    for rate in rates:
        for codec in codecs:
            against = rate["against"][codec]
            if against and against["worst_difference"] < 0:
                lost = against["images"] - against["better_on"]
                lines.append(
                    [
                        *(rate["setting"], codec, f"{lost} of {against['images']}"),
                        *(against["worst_image"], f"{against['worst_difference']:+.2f} dB"),
                    ]
                )
    if not lines:
        return []
    head = ["setting", "codec", "images we lose", "worst image", "there"]
    return ["### Where we lose", _format_table(head, lines)]


def _write_bd_rates(bd_rates: dict[str, dict[str, Any] | None]) -> list[str]:
    if not bd_rates:
        return []
    lines = []
    for codec, result in bd_rates.items():
        if result is None:
            lines.append([codec, *[NONE] * 5])
        else:
            percents = (f"{result[name]:+.1f} %" for name in ("percent", "least", "largest"))
            lines.append([codec, *percents, result["worst_image"], str(result["images"])])
    return [
        "## BD-rate",
        _format_table(["against", "mean", "least", "largest", "worst image", "images"], lines),
        "Our rate at equal PSNR, image by image: PCHIP in log-rate over the common PSNR range of "
        "the image's own two curves, then the mean over the images with the least and the largest. "
        f"Negative: we need fewer bits; {NONE}: no image has a common range, or there are fewer "
        "than two settings.",
    ]


def _write_times(rates: Sequence[dict[str, Any]], codecs: Sequence[str]) -> list[str]:
    if not rates:
        return []
    stages = ("decode_ms", "entropy_ms", "dequantise_ms", "render_ms")
    lines = []
    for rate in rates:
        cells = [rate["setting"], _format_number(rate["encode_s"], 2)]
        cells += [_format_number(rate[stage], 2) for stage in stages]
        for codec in codecs:
            against = rate["against"][codec]
            cells.append(_format_number(against["decode_ms"], 2) if against else NONE)
        lines.append(cells)
    head = ["setting", "encode s", "decode ms", "entropy", "dequantise", "render", *codecs]
    return [
        "## Time",
        _format_table(head, lines),
        "Medians over the images. Decoding: from bytes in memory to 8-bit pixels, one thread, per "
        "image the median of seven after one not counted; the other codecs decode their file of "
        "nearest size through Pillow, in the same run.",
    ]


def _write_images(rows: Sequence[Row], codecs: Sequence[str]) -> list[str]:
    matched = {(row.image, row.codec, row.matched): row for row in rows if row.matched}
    lines = []
    for row in rows:
        if row.codec != GSIC or row.bytes is None:
            continue
        cells = [
            row.image,
            row.setting,
            str(row.bytes),
            _format_number(row.bpp, 4),
            _format_number(row.psnr, 2),
        ]
        for codec in codecs:
            other = matched.get((row.image, codec, row.setting))
            if other is None or other.psnr_at_rate is None or row.psnr is None:
                cells.append(NONE)
            else:
                difference = row.psnr - other.psnr_at_rate
                cells.append(f"{other.psnr_at_rate:.2f} ({difference:+.2f})")
        lines.append(cells)
    if not lines:
        return []
    return [
        "## Images",
        _format_table(["image", "setting", "bytes", "bpp", "PSNR", *codecs], lines),
    ]


def _format_number(value: float | None, decimals: int) -> str:
    return NONE if value is None else f"{value:.{decimals}f}"


def _format_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    text = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(_escape(str(cell)) for cell in line) + " |" for line in text)


def _escape(text: str) -> str:
    """Escape what Markdown would take for its own in the name of a file or in a message."""
    return "".join(f"\\{char}" if char in _MARKDOWN else char for char in text)
