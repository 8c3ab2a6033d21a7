"""Limits of cores and memory, from files of both versions of control groups."""

from pathlib import Path

import pytest

from gsic.doctor import machine


def build(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "cores", "memory"),
    [
        ({"groups": "0::/\n", "cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        (
            {"groups": "0::/\n", "cpu.max": "150000 100000\n", "memory.max": "1048576\n"},
            1.5,
            1 << 20,
        ),
        # A limit of a group above is one, too; a path outside the container is not there.
        (
            {
                "groups": "0::/a/b\n",
                "a/cpu.max": "50000 100000\n",
                "a/b/cpu.max": "max 100000\n",
                "a/b/memory.high": "4096\n",
                "memory.max": "8192\n",
            },
            0.5,
            4096,
        ),
        (
            {
                "groups": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n1:name=systemd:/\n",
                "cpu/cpu.cfs_quota_us": "200000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/docker/x/memory.limit_in_bytes": "1073741824\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            2.0,
            1 << 30,
        ),
        ({"groups": "3:cpu:/\n", "cpu/cpu.cfs_quota_us": "-1\n"}, None, None),
        ({"groups": "", "memory.max": "1\n"}, None, None),
    ],
)
def test_limits_of_control_groups(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    cores: float | None,
    memory: int | None,
) -> None:
    build(tmp_path, files)
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "groups")
    assert machine._least(machine._limits_of_cores()) == cores
    assert machine._least(machine._limits_of_memory()) == memory


def test_without_control_groups_the_limits_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "groups")
    assert machine.describe_cpu()["cores_of_group"].startswith("unknown: FileNotFoundError")
    assert machine.describe_memory()["limit_of_group"].startswith("unknown: FileNotFoundError")
