"""Aggregates derived from rows: means, differences at each image's own rate, BD-rates."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from gsic.bench import bdrate
from gsic.bench.rows import Row

GSIC = "gsic"
_STAGES = ("decode_ms", "entropy_ms", "dequantise_ms", "render_ms")


def summarise(rows: Sequence[Row], codecs: Iterable[str]) -> dict[str, Any]:
    """Everything that a report states, from the rows alone.

    Args:
        rows: rows of one run: ours, ladders and matched files.
        codecs: names of the codecs compared with, in the order of the report.

    Returns:
        `images`: number of them; `errors`: (image, setting, error) of every failed row; `rates`:
        one entry per setting of ours, with the means over the images that have it and under
        `against` each codec at each image's own rate; `bd_rate`: of ours against each codec, image
        by image, as `bdrate.BdRates`; None without a common range.
    """
    names = list(codecs)
    ours = _keep_good(rows, GSIC)
    settings = list(dict.fromkeys(row.setting for row in ours))
    return {
        "images": len({row.image for row in rows}),
        "errors": [
            [row.image, f"{row.codec} {row.setting}", row.error] for row in rows if row.error
        ],
        "rates": [_summarise_rate(setting, ours, rows, names) for setting in settings],
        "bd_rate": {name: _compute_bd_rate(rows, name) for name in names},
    }


def average_curve(rows: Iterable[Row], codec: str, images: Iterable[str]) -> list[bdrate.Point]:
    """Average bpp and PSNR of each setting of a codec's curve over the given images.

    Only settings that every one of the images has are points. A mean curve is for drawing only.
    """
    wanted = set(images)
    points: dict[str, list[Row]] = {}
    for row in _keep_good(rows, codec):
        if row.image in wanted:
            points.setdefault(row.setting, []).append(row)
    return [
        (_mean(row.bpp for row in group), _mean(row.psnr for row in group))
        for group in points.values()
        if wanted and len(group) == len(wanted)
    ]


def find_complete_images(rows: Iterable[Row]) -> set[str]:
    """Find the images that have a good row for every setting of ours that any image has."""
    done: dict[str, set[str]] = {}
    for row in _keep_good(rows, GSIC):
        done.setdefault(row.image, set()).add(row.setting)
    every = set().union(*done.values()) if done else set()
    return {image for image, settings in done.items() if settings == every}


def _keep_good(rows: Iterable[Row], codec: str) -> list[Row]:
    """Keep a codec's own rows (not the matched ones) that have a rate and a finite PSNR."""
    return [
        row
        for row in rows
        if row.codec == codec
        and row.matched is None
        and not row.error
        and row.bpp is not None
        and row.psnr is not None
    ]


def _summarise_rate(
    setting: str, ours: Sequence[Row], rows: Sequence[Row], codecs: Iterable[str]
) -> dict[str, Any]:
    group = {row.image: row for row in ours if row.setting == setting}
    similarity = [row.ms_ssim for row in group.values() if row.ms_ssim is not None]
    scores = [row.ssimulacra2 for row in group.values() if row.ssimulacra2 is not None]
    return {
        "setting": setting,
        "images": len(group),
        "bpp": _mean(row.bpp for row in group.values()),
        "psnr": _mean(row.psnr for row in group.values()),
        "ms_ssim": _mean(similarity) if similarity else None,
        "ms_ssim_images": len(similarity),
        "ssimulacra2": _mean(scores) if scores else None,
        "ssimulacra2_images": len(scores),
        "encode_s": _median(row.encode_s for row in group.values()),
        **{stage: _median(getattr(row, stage) for row in group.values()) for stage in _STAGES},
        "against": {codec: _summarise_codec(codec, setting, group, rows) for codec in codecs},
    }


def _summarise_codec(
    codec: str, setting: str, group: dict[str, Row], rows: Iterable[Row]
) -> dict[str, Any] | None:
    """Summarise a codec at the rates of our files; None where no image can be coded there.

    All means, ours included, are over the images that the codec can code at that rate.
    """
    matched = {
        row.image: row
        for row in rows
        if row.codec == codec and row.matched == setting and row.image in group
    }
    differences = {
        image: (group[image].psnr or 0.0) - row.psnr_at_rate
        for image, row in matched.items()
        if row.psnr_at_rate is not None
    }
    if not differences:
        return None
    worst = min(differences, key=lambda image: differences[image])
    return {
        "images": len(differences),
        "psnr": _mean(matched[image].psnr_at_rate for image in differences),
        "psnr_ours": _mean(group[image].psnr for image in differences),
        "difference": _mean(differences.values()),
        "better_on": sum(difference > 0 for difference in differences.values()),
        "worst_image": worst,
        "worst_difference": differences[worst],
        "decode_ms": _median(row.decode_ms for row in matched.values()),
    }


def _compute_bd_rate(rows: Sequence[Row], codec: str) -> dict[str, Any] | None:
    result = bdrate.bd_rates(_build_curves(rows, codec), _build_curves(rows, GSIC))
    return None if result is None else result._asdict()


def _build_curves(rows: Iterable[Row], codec: str) -> dict[str, list[bdrate.Point]]:
    """Build a codec's curve of each image."""
    curves: dict[str, list[bdrate.Point]] = {}
    for row in _keep_good(rows, codec):
        curves.setdefault(row.image, []).append((row.bpp or 0.0, row.psnr or 0.0))
    return curves


def _mean(values: Iterable[float | None]) -> float:
    return statistics.fmean(value for value in values if value is not None)


def _median(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None
