"""What is derived from rows: BD-rates and means of each rate."""

import math
from dataclasses import replace

import pytest

from gsic.bench import machine
from gsic.bench.report import write_markdown
from gsic.bench.rows import Row
from gsic.bench.summary import summarise
from gsic.cli import reports


def rung(image: str, codec: str, rate: float, psnr: float) -> Row:
    return Row(image=image, codec=codec, setting=f"bpp={rate}", bytes=1, bpp=rate, psnr=psnr)


def test_bd_rates_are_taken_image_by_image() -> None:
    rates = (0.1, 0.2, 0.4)
    jpeg = [rung(i, "jpeg", r, 10 * math.log10(1000 * r)) for i in "ab" for r in rates]
    ours_ = [
        rung(image, "gsic", rate * factor, 10 * math.log10(1000 * rate))
        for image, factor in (("a", 0.5), ("b", 1.1))
        for rate in rates
    ]
    report = summarise([*jpeg, *ours_], ["jpeg", "webp"])
    assert report["bd_rate"]["webp"] is None
    found = report["bd_rate"]["jpeg"]
    assert found["percent"] == pytest.approx((-50 + 10) / 2)
    assert (found["least"], found["largest"]) == pytest.approx((-50, 10))
    assert (found["worst_image"], found["images"]) == ("b", 2)
    assert {"low_db", "high_db"} <= set(found)
    line = reports.describe_bench({"images": 2, "rates": [], "bd_rate": report["bd_rate"]})
    assert "jpeg -20.0 % [-50.0, +10.0]" in line


def test_means_beside_each_other_are_over_the_same_images() -> None:
    """Where a codec cannot reach a rate on one image, ours beside it leaves that image out."""
    ours_ = [rung("a", "gsic", 0.1, 30.0), rung("b", "gsic", 0.1, 20.0)]
    matched = [
        replace(rung("a", "webp", 0.1, 29.0), matched="bpp=0.1", psnr_at_rate=29.0),
        Row(image="b", codec="webp", matched="bpp=0.1", note="no file of this size"),
    ]
    report = summarise([*ours_, *matched], ["webp"])
    (rate,) = report["rates"]
    against = rate["against"]["webp"]
    assert rate["psnr"] == 25.0
    assert (against["psnr"], against["psnr_ours"], against["images"]) == (29.0, 30.0, 1)
    written = {
        **machine.stamp("gsic bench"),
        **report,
        **{"folder": "f", "options": {}, "notes": []},
    }
    page = write_markdown(written, [*ours_, *matched], plot=False)
    assert "29.00 against our 30.00 (+1.00, better on 1/1; only 1 of 2 images)" in page
