"""Write docs/gallery.md from the rows of the gallery."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.gallery.rows import OTHERS, OURS, SIZES, GalleryRow
from benchmarks.gallery.sources import ILLUSTRATION, PHOTO, SOURCES, Source
from benchmarks.gallery.strips import format_score
from benchmarks.report.tables import NONE, format_table

COLUMNS = {
    OURS: "gsic",
    "avif-iq": "AVIF 4:2:0, tune iq",
    "avif": "AVIF 4:2:0, tune psnr",
    "avif-444-iq-s4": "AVIF 4:4:4, tune iq",
    "avif-444-s4": "AVIF 4:4:4, tune psnr",
    "webp": "WebP",
}
HEADINGS = {ILLUSTRATION: "Illustrations", PHOTO: "Photographs"}
# What the pictures show, by kind; the counts below each say how often.
VERDICTS = {
    ILLUSTRATION: """\
- **At 1 kB gsic has the highest PSNR on all eight and the highest SSIMULACRA2 on four.** The other
  codecs can hardly be that small at full size, and a reduced image loses its outlines.
- **At 2.5 kB gsic has the highest PSNR on all eight**, by 0.1 to 3.3 dB over AVIF, and outlines
  without ringing. SSIMULACRA2 prefers AVIF on seven: gsic smears small shapes (feast), flat areas
  and straight edges (box, home, dartboard). Only the snowman is ahead in both.
- **From 5 kB on AVIF 4:4:4 is ahead by SSIMULACRA2 on nearly all, and at 15 kB by PSNR as well**,
  by far where areas are flat and edges straight. WebP is behind gsic on all but the house.""",
    PHOTO: """\
- **Up to 5 kB, about 0.1 bits per pixel, gsic has the highest PSNR on nearly all.** AVIF with tune
  iq has a higher SSIMULACRA2 than gsic on all six from 2.5 kB on, and looks sharper: gsic keeps the
  large shapes and drops texture (grass, water, feathers).
- **At 1 kB none of them is good.** gsic is smooth where the others are blocky. gsic and AVIF are
  about level by SSIMULACRA2, and WebP is ahead of both.
- **At 15 kB gsic and AVIF are level by PSNR, and AVIF is ahead by SSIMULACRA2**, by 9 to 31 points;
  the gap is widest where texture is everywhere (kodim13). WebP and gsic are level.""",
}
HEAD = """\
# Gallery

{count} pictures at 1, 2.5, 5 and 15 kB (1 kB = 1000 bytes): the original, gsic, AVIF and WebP side
by side. Wins and losses are shown alike.

- **gsic**: default effort, seed 0, `--max-bytes`.
- **AVIF**: libaom through libavif; photographs 4:2:0 at speed 6, illustrations 4:4:4 at speed 4.
  The pictures show `tune iq`, the default of libavif; the tables have `tune psnr` as well.
- **WebP**: method 6.
- Every codec gets the highest quality whose file is not larger than the size. Where even the
  smallest file of a codec is too large, its image is reduced by a whole factor before encoding and
  enlarged by bicubic interpolation after decoding. The factor is the one with the highest PSNR;
  "÷3" in a table says that it was 3. "–" says that no factor up to 16 was enough.
- The pictures show a part of 240 x 240 pixels at full resolution. **SSIMULACRA2 and PSNR are those
  of the full image.** SSIMULACRA2 agrees with people better than PSNR does: 100 is equal to the
  original, 70 is high quality, 50 is medium, 30 is low. PSNR is in dB.

{origin}

![All originals; the frames mark the parts that are shown](images/gallery/originals.webp)
"""


def write_page(rows: Sequence[GalleryRow], origin: str) -> str:
    """The whole page."""
    parts = [HEAD.format(count=len(SOURCES), origin=origin)]
    for kind, heading in HEADINGS.items():
        sources = [source for source in SOURCES if source.kind == kind]
        parts += [f"## {heading}", VERDICTS[kind], write_counts(sources, rows)]
        parts += [write_source(source, rows) for source in sources]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def write_source(source: Source, rows: Sequence[GalleryRow]) -> str:
    """The pictures and the table of one source."""
    own = {(row.size, row.codec): row for row in rows if row.image == source.name}
    codecs = codecs_of(source)
    lines = [
        [
            format_size(size),
            *(
                write_cell([own[size, codec] for codec in codecs], index)
                for index in range(len(codecs))
            ),
        ]
        for size in SIZES
    ]
    strips = [
        f"![{source.name} at {format_size(size)}: original, gsic, AVIF, WebP]"
        f"(images/gallery/{source.name}-{size}.webp)"
        for size in SIZES
    ]
    table = format_table(["SSIMULACRA2 / PSNR at", *(COLUMNS[codec] for codec in codecs)], lines)
    return "\n\n".join([f"### {source.name}: {source.what}", *strips, table])


def codecs_of(source: Source) -> tuple[str, ...]:
    """The columns of a source's table: ours, AVIF, WebP."""
    shown, webp, other = OTHERS[source.kind]
    return OURS, shown, other, webp


def write_cell(rows: Sequence[GalleryRow], index: int) -> str:
    """SSIMULACRA2 and PSNR of one file; the best of each in its line is bold."""
    row = rows[index]
    if row.bytes is None:
        return NONE
    scores = [other.ssimulacra2 for other in rows if other.ssimulacra2 is not None]
    psnrs = [other.psnr for other in rows if other.psnr is not None]
    score, psnr = format_score(row.ssimulacra2), f"{row.psnr:.2f}"
    score = f"**{score}**" if row.ssimulacra2 == max(scores) else score
    psnr = f"**{psnr}**" if row.psnr == max(psnrs) else psnr
    return f"{score} / {psnr}" + (f" (÷{row.factor})" if row.factor > 1 else "")


def write_counts(sources: Sequence[Source], rows: Sequence[GalleryRow]) -> str:
    """A table of how often gsic is ahead of each codec, by size."""
    codecs = codecs_of(sources[0])[1:]
    found = {(row.image, row.size, row.codec): row for row in rows}
    lines = []
    for size in SIZES:
        cells = []
        for codec in codecs:
            pairs = [
                (found[source.name, size, OURS], found[source.name, size, codec])
                for source in sources
            ]
            scores = sum(is_ahead(ours.ssimulacra2, other.ssimulacra2) for ours, other in pairs)
            psnrs = sum(is_ahead(ours.psnr, other.psnr) for ours, other in pairs)
            cells.append(f"{scores} / {psnrs} of {len(pairs)}")
        lines.append([format_size(size), *cells])
    head = ["gsic is ahead at", *(COLUMNS[codec] for codec in codecs)]
    return "By SSIMULACRA2 / by PSNR:\n\n" + format_table(head, lines)


def is_ahead(ours: float | None, other: float | None) -> bool:
    """Whether our figure is the higher one; a codec without a file is behind."""
    return ours is not None and (other is None or ours > other)


def format_size(size: int) -> str:
    """A size in kB."""
    return f"{size / 1000:g} kB"
