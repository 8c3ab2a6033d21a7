"""The text that the command line prints of a report."""

from collections.abc import Iterable
from typing import Any

from gsic.names import make_printable


def describe_encoding(report: dict[str, Any]) -> str:
    """Return one line on a finished encoding."""
    return (
        f"{report['bytes']} bytes, {report['bpp']:.3f} bpp, {_format_decibels(report['psnr'])}, "
        f"{report['seconds']:.1f} s"
    )


def describe_decoding(report: dict[str, Any]) -> str:
    """Return one line on a finished decoding."""
    return (
        f"{report['width']}x{report['height']}x{report['channels']}, "
        f"{report['gaussians']} Gaussians, {report['total_ms']:.1f} ms "
        f"(entropy {report['entropy_ms']:.1f}, dequantise {report['dequantise_ms']:.1f}, "
        f"render {report['render_ms']:.1f}), {report['seconds']:.2f} s in all"
    )


def describe_fit(report: dict[str, Any]) -> str:
    """Return one line on a finished fit."""
    psnr = _format_decibels(report["psnr"])
    return f"{report['gaussians']} Gaussians, {psnr}, {report['seconds']:.1f} s"


def format_table(report: dict[str, Any], indent: str = "") -> str:
    """Return a nested report as lines of name and value."""
    plain = [name for name, value in report.items() if not isinstance(value, dict)]
    width = max((len(name) for name in plain), default=0)
    lines = []
    for name, value in report.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", format_table(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name:<{width}}  {_format_value(value)}")
    return "\n".join(lines)


def describe_bench(report: dict[str, Any]) -> str:
    """Return the means of a benchmark: a line for each setting, then the BD-rates."""
    lines = [f"{report['images']} images"]
    for rate in report["rates"]:
        others = (
            f"{codec} {entry['difference']:+.2f} dB"
            for codec, entry in rate["against"].items()
            if entry
        )
        lines.append(
            f"{rate['setting']}: {rate['bpp']:.3f} bpp, {rate['psnr']:.2f} dB"
            + _join_after("; against ", others)
        )
    rates = (
        f"{codec} {entry['percent']:+.1f} % [{entry['least']:+.1f}, {entry['largest']:+.1f}]"
        for codec, entry in _drop_missing(report["bd_rate"])
    )
    bd_rates = _join_after("BD-rate, mean of the images [least, largest], against ", rates)
    return "\n".join([*lines, bd_rates] if bd_rates else lines)


def _drop_missing(entries: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, entry) for name, entry in entries.items() if entry]


def _join_after(label: str, parts: Iterable[str]) -> str:
    text = ", ".join(parts)
    return label + text if text else ""


def _format_decibels(value: float | None) -> str:
    return "exact" if value is None else f"{value:.2f} dB"


def _format_value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_format_value(item) for item in value)
    return make_printable(str(value))  # a comment in a file may hold what steers a terminal
