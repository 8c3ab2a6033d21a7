"""Which rows of an earlier run still hold, so that an interrupted run continues."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gsic.bench.codecs.registry import BASELINES
from gsic.bench.rows import Row
from gsic.bench.summary import GSIC

# Bytes; setting, suffix and a hash are added.
_LONGEST_NAME = 180


@dataclass(frozen=True)
class Conditions:
    """What rows must have been measured under to be kept.

    Args:
        version: of gsic. options: hash of the options and of gsic's code.
        digests: hash of every image file of the folder by its name.
        files: the folder of the coded files.
    """

    version: str
    options: str
    digests: Mapping[str, str]
    files: Path

    def keep(self, rows: Iterable[Row]) -> list[Row]:
        """Keep the rows that hold: same image, version and options, no error, file still there.

        A file of another codec that was matched to one of ours holds only with that one.
        """
        candidates = [
            row for row in rows if not row.error and row.digest == self.digests.get(row.image, "")
        ]
        ours = [
            row
            for row in candidates
            if row.codec == GSIC
            and (row.version, row.options) == (self.version, self.options)
            and self._has_file(row)
        ]
        present = {(row.image, row.setting) for row in ours}
        others = [
            row
            for row in candidates
            if row.codec in BASELINES
            and row.version == BASELINES[row.codec].version
            and row.options == BASELINES[row.codec].digest
            and (row.matched is None or (row.image, row.matched) in present)
            and (row.matched is None or row.bytes is None or self._has_file(row))
        ]
        return [*ours, *others]

    def _has_file(self, row: Row) -> bool:
        path = coded_file(self.files, row.image, row.codec, row.matched or row.setting)
        try:
            return path.stat().st_size == row.bytes
        except OSError:
            return False


def coded_file(files: Path, image: str, codec: str, setting: str) -> Path:
    """Where a file of ours at a setting, or another codec's matched to it, stands.

    Args:
        files: folder of the coded files. image: name of the image file as rows have it, with its
            suffix, since `a.png` and `a.jpg` may stand in one folder.
        codec: "gsic" or another. setting: ours.
    """
    suffix = ".gsi" if codec == GSIC else BASELINES[codec].suffix
    if "\\" in image or len(image.encode()) > _LONGEST_NAME:
        # A backslash is no character of a name everywhere, and no name may have 256 bytes.
        digest = hashlib.sha256(image.encode()).hexdigest()[:12]
        cut = image.replace("\\", "%").encode()[:_LONGEST_NAME].decode(errors="ignore")
        image = f"{cut}-{digest}"
    return files / f"{image}.{setting.replace('=', '-')}{suffix}"


def hash_file(path: Path) -> str:
    """Hash a file; "" where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return ""
