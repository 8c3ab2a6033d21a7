"""The one list of codecs that `gsic bench` can compare with, at the strength engineers use."""

from itertools import product

from gsic.bench.codecs.base import Baseline
from gsic.bench.codecs.heic import Heic
from gsic.bench.codecs.jpegxl import JpegXl
from gsic.bench.codecs.mozjpeg import MozJpeg
from gsic.bench.codecs.pillow import Jpeg, Jpeg2000, PillowBaseline


def _make_avif(chroma: str, tune: str, speed: int) -> PillowBaseline:
    """AVIF; its name says what differs from 4:2:0, tuned for PSNR, speed 6."""
    parts = ["avif", *(["444"] if chroma == "4:4:4" else []), *(["iq"] if tune == "iq" else [])]
    parts += [f"s{speed}"] if speed != 6 else []
    said = {"psnr": "tuned for PSNR", "iq": "tune iq, libavif's default"}[tune]
    return PillowBaseline(
        name="-".join(parts),
        title=f"AVIF ({chroma}, aom, speed {speed}, {said})",
        suffix=".avif",
        ladder=(0, 3, 6, 9, 12, 16, 20, 25, 30, 35, 40, 46, 52, 58, 64, 70, 76, 82, 88, 94, 98),
        top=99 if tune == "iq" else 100,  # 100 is lossless, which tune iq refuses
        channels=(3, 4),
        options={
            "codec": "aom",
            "speed": speed,
            "subsampling": chroma,
            "max_threads": 1,
            "advanced": {"tune": tune},
        },
        format="AVIF",
        feature="avif",
        library="libavif",
    )


BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Jpeg(
            name="jpeg",
            title="JPEG (4:2:0, optimised Huffman tables)",
            suffix=".jpg",
            ladder=(
                *(1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60, 70, 77, 83),
                *(88, 91),
            ),
            top=95,
            channels=(1, 3),
            options={"subsampling": "4:2:0", "optimize": True},
            format="JPEG",
            feature="jpg",
            library="libjpeg",
        ),
        Jpeg2000(
            name="jpeg2000",
            title="JPEG 2000 (9/7, rate-controlled, bare codestream)",
            suffix=".j2k",
            ladder=(
                *(0.03, 0.045, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9),
                *(1.0, 1.15, 1.3),
            ),
            top=8.0,
            channels=(1, 2, 3, 4),
            knob="rate",
            options={"irreversible": True, "quality_mode": "rates", "no_jp2": True},
            format="JPEG2000",
            feature="jpg_2000",
            library="OpenJPEG",
        ),
        PillowBaseline(
            name="webp",
            title="WebP (lossy, method 6)",
            suffix=".webp",
            ladder=(0, 1, 2, 3, 5, 8, 12, 17, 23, 30, 40, 50, 60, 70, 77, 83, 87, 91, 95),
            top=100,
            channels=(3, 4),
            options={"method": 6},
            format="WEBP",
            feature="webp",
            library="libwebp",
        ),
        *(
            _make_avif(chroma, tune, speed)
            for chroma, speed, tune in product(("4:2:0", "4:4:4"), (6, 4), ("psnr", "iq"))
        ),
        JpegXl(
            name="jxl",
            title="JPEG XL (VarDCT, effort 7)",
            suffix=".jxl",
            ladder=(
                0,
                1,
                2,
                3,
                5,
                7,
                9,
                12,
                16,
                20,
                25,
                30,
                35,
                41,
                48,
                55,
                62,
                69,
                76,
                82,
                87,
                91,
            ),
            top=100,
            channels=(1, 2, 3, 4),
            options={"effort": 7},
        ),
        Heic(
            name="heic",
            title="HEIC (4:2:0, x265 tuned for PSNR)",
            suffix=".heic",
            ladder=(0, 3, 6, 9, 12, 15, 19, 23, 27, 31, 35, 39, 43, 47, 52, 57, 64, 70, 76, 82, 88),
            top=100,
            channels=(1, 3, 4),
            options={"tune": "psnr", "chroma": "420"},
        ),
        MozJpeg(
            name="mozjpeg",
            title="JPEG (4:2:0, MozJPEG: progressive, trellis quantisation)",
            suffix=".jpg",
            ladder=(1, 2, 4, 6, 8, 10, 13, 17, 22, 28, 35, 42, 50, 60, 70, 77, 83, 88, 91),
            top=95,
            channels=(1, 3),
            options={
                "optimize_coding": True,
                "interlace": True,
                "optimize_scans": True,
                "trellis_quant": True,
                "overshoot_deringing": True,
                "quant_table": 3,
                "subsample_mode": "on",
                "keep": "none",
            },
        ),
    )
}
