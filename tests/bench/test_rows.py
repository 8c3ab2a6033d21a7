"""results.csv of `gsic bench`: what is written is read back, and a cut file loses one line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gsic.bench import folders, resume, rows
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.rows import COLUMNS, Row, Table, read, to_csv, to_json
from gsic.errors import InputError

OURS = Row(
    image="kodim 01, a.png",
    width=768,
    height=512,
    setting="bpp=0.3",
    bytes=14700,
    bpp=0.299072,
    psnr=26.12345,
    psnr_float=26.2,
    ms_ssim=None,
    encode_s=12.5,
    gaussians=3000,
    effort=5,
    profile="gsic",
    version="0.1.0",
    options="abcdef012345",
    digest="0123456789ab",
)
LADDER = Row(image="a.png", codec="jpeg", setting="quality=10", bytes=1000, psnr=25.0)
MATCHED = replace(LADDER, setting="quality=17", matched="bpp=0.3", psnr_at_rate=25.5)


def test_rows_survive_the_file(tmp_path: Path) -> None:
    table = Table(tmp_path / "results.csv", [OURS])
    table.add(LADDER)
    table.add(MATCHED)
    table.close()
    assert read(tmp_path / "results.csv") == [OURS, LADDER, MATCHED]


def test_a_row_of_the_same_key_supersedes(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    table = Table(path, [OURS, MATCHED])
    better = replace(MATCHED, setting="quality=18", bytes=1010)
    table.add(better)
    assert table.rows() == [OURS, better]
    table.close()
    assert read(path) == [OURS, better]


def test_every_row_is_in_the_file_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    table = Table(path, [])
    for row in (OURS, LADDER):
        table.add(row)
        assert read(path)[-1] == row
    table.close()


@pytest.mark.parametrize("cut", [1, 2, 10, 30])
def test_a_line_that_was_cut_is_left_out(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.csv"
    text = to_csv([OURS, LADDER])
    path.write_text(text[:-cut])
    assert read(path) == [OURS]


@pytest.mark.parametrize(
    "damage", [b'"', b'a.png,"', b"\xff\xfe", bytes(4096), b'"' + b"x" * 200_000, b"a.png\r", b""]
)
def test_a_damaged_line_costs_no_other(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "results.csv"
    header, first, second = to_csv([OURS, LADDER]).encode().splitlines()
    path.write_bytes(b"\n".join([header, first, damage, second, damage, b""]))
    assert read(path) == [OURS, LADDER]
    assert rows.is_table(path)
    path.write_bytes(b"\n".join([header, first, second, damage]))
    assert read(path) == [OURS, LADDER]


def test_a_text_of_several_lines_is_one_line(tmp_path: Path) -> None:
    failed = Row(image="a.png", error='two\nlines, a "quote"')
    text = to_csv([failed])
    assert text.count("\n") == 2
    (tmp_path / "results.csv").write_text(text)
    assert read(tmp_path / "results.csv")[0].error == 'two lines, a "quote"'


@pytest.mark.parametrize(
    "name", ["two  spaces.png", " lead.png", "a, b.png", '"q".png', "caf\\xe9"]
)
def test_names_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    path = tmp_path / "results.csv"
    named = replace(OURS, image=name)
    path.write_text(to_csv([named, LADDER]))
    assert read(path) == [named, LADDER]
    assert rows.is_table(path)


def test_foreign_and_missing_files_hold_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    assert read(path) == []
    path.write_text("image,codec,setting,size\na.png,jpeg,quality=10,3\n")
    assert read(path) == []
    path.write_bytes(b"\xff\xfe\x00")
    assert read(path) == []


def test_a_cell_of_another_type_drops_its_row(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text(to_csv([OURS, LADDER]).replace("14700", "many"))
    assert read(path) == [LADDER]


def test_a_table_of_fewer_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "committed.csv"
    path.write_text(to_csv([LADDER, MATCHED], ["image", "codec", "setting", "matched", "bytes"]))
    assert read(path) == [
        *(replace(row, psnr=None, psnr_at_rate=None) for row in (LADDER, MATCHED)),
    ]


def test_chosen_columns_and_json() -> None:
    assert to_csv([OURS], ["codec", "bytes"]) == "codec,bytes\ngsic,14700\n"
    plain = to_json(OURS)
    assert "ms_ssim" not in plain
    assert json.loads(json.dumps(plain))["psnr"] == 26.12345
    assert set(COLUMNS) >= {"image", "codec", "bytes", "psnr", "psnr_float", "error", "version"}


def test_images_are_sorted_by_number_and_others_ignored(tmp_path: Path) -> None:
    for name in ("b10.png", "b9.PNG", "a.webp", ".hidden.png", "notes.txt", "B1.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    names = [path.name for path in folders.list_images(tmp_path)]
    assert names == ["a.webp", "B1.jpg", "b9.PNG", "b10.png"]
    assert [path.name for path in folders.list_images(tmp_path, 2)] == names[:2]


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image"):
        folders.list_images(tmp_path)
    with pytest.raises(InputError, match="cannot list"):
        folders.list_images(tmp_path / "missing")
    (tmp_path / "file.png").touch()
    with pytest.raises(InputError, match="cannot list"):
        folders.list_images(tmp_path / "file.png")


class TestKept:
    """Rows of an earlier run hold only while everything that they depend on is the same."""

    jpeg = BASELINES["jpeg"]
    ours = replace(OURS, image="a.png", bytes=3)
    ladder = replace(LADDER, version=jpeg.version, options=jpeg.digest, digest="0123456789ab")
    matched = replace(ladder, setting="quality=17", matched="bpp=0.3", bytes=4)

    @pytest.fixture
    def conditions(self, tmp_path: Path) -> resume.Conditions:
        resume.coded_file(tmp_path, "a.png", "gsic", "bpp=0.3").write_bytes(b"gsi")
        resume.coded_file(tmp_path, "a.png", "jpeg", "bpp=0.3").write_bytes(b"jpeg")
        return resume.Conditions("0.1.0", "abcdef012345", {"a.png": "0123456789ab"}, tmp_path)

    def test_all_hold_while_nothing_changes(self, conditions: resume.Conditions) -> None:
        rows_ = [self.ours, self.ladder, self.matched]
        assert conditions.keep(rows_) == rows_

    @pytest.mark.parametrize(
        "change", [{"version": "0.2.0"}, {"options": "other"}, {"error": "x"}, {"bytes": 5}]
    )
    def test_a_changed_file_of_ours_takes_the_matched_one_along(
        self, conditions: resume.Conditions, change: dict[str, object]
    ) -> None:
        changed = replace(self.ours, **change)  # type: ignore[arg-type]
        assert conditions.keep([changed, self.ladder, self.matched]) == [self.ladder]

    def test_another_image_under_the_name_drops_everything(
        self, conditions: resume.Conditions
    ) -> None:
        other = replace(conditions, digests={"a.png": "ffffffffffff"})
        assert other.keep([self.ours, self.ladder, self.matched]) == []
        assert replace(conditions, digests={}).keep([self.ours]) == []

    def test_other_libraries_drop_their_rows(self, conditions: resume.Conditions) -> None:
        rows_ = [self.ours, *(replace(r, version="old") for r in (self.ladder, self.matched))]
        assert conditions.keep(rows_) == [self.ours]

    def test_a_missing_file_drops_its_row(self, conditions: resume.Conditions) -> None:
        resume.coded_file(conditions.files, "a.png", "jpeg", "bpp=0.3").unlink()
        kept = conditions.keep([self.ours, self.ladder, self.matched])
        assert kept == [self.ours, self.ladder]

    def test_a_codec_that_cannot_reach_the_size_has_no_file(
        self, conditions: resume.Conditions
    ) -> None:
        out_of_reach = replace(self.matched, setting="-", bytes=None)
        assert conditions.keep([self.ours, out_of_reach]) == [self.ours, out_of_reach]


def test_files_of_images_that_differ_in_suffix_differ(tmp_path: Path) -> None:
    names = {resume.coded_file(tmp_path, image, "gsic", "bpp=0.3") for image in ("a.png", "a.jpg")}
    assert len(names) == 2


def test_a_failed_image_has_a_row_of_its_own_key() -> None:
    assert rows.Row(image="a.png", error="damaged").key != OURS.key
