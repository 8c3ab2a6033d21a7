"""Tests in processes of their own: CPU targets, caches, imports, forks, threads, memory."""

import os
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from kernel_scenes import make

from gsic_kernels import constants, registry
from gsic_kernels.cpu.runtime import compiling

SUPPORT = Path(__file__).parents[2] / "support"

# Renders and differentiates one scene of three levels, and compares it with the oracle.
AGAINST_THE_ORACLE = """
import numpy as np
from gsic_kernels import reference, registry
from kernel_scenes import GRADIENTS, RENDER, make, scale_of

scene = make(80, 37, 67, levels=3)
backend = registry.get("cpu")
image = backend.render_sum(*scene[:3])
wanted = reference.render_sum(*scene[:3])
assert np.abs(image - wanted).max() <= RENDER * scale_of(scene, reference.render_sum)
levels = np.clip(image.astype(float), 0, 1) * 255
assert np.abs(backend.render_sum_bytes(*scene[:3]) - levels).max() <= 0.5 + 255 * 2**-23
step = backend.SumLoss(np.full(image.shape, 0.5, np.float32))
_, gradients = step.step(scene.splats, scene.background)
slope = 2 * (np.clip(wanted, 0, 1) - 0.5)
for name, value, exact in zip(
    gradients._fields, gradients, reference.render_sum_backward(*scene[:2], slope), strict=True
):
    assert np.abs(value - exact).max() <= GRADIENTS[name] * np.abs(exact).max(), name
"""


# The same for alpha blending.
BLENDING_AGAINST_THE_ORACLE = """
import numpy as np
from gsic_kernels import reference, registry
from kernel_scenes import ALPHA_GRADIENTS, DOUBT, RENDER, make, opacities

scene = make(80, 37, 67)
arguments = scene.splats, opacities(scene), scene.window, scene.background
backend = registry.get("cpu")
blended = backend.render_alpha(*arguments)
wanted = reference.render_alpha(*arguments)
sure = wanted.margin > DOUBT
assert sure.mean() > 0.9
assert (wanted.stop < 80)[sure].any()
assert np.abs(blended.image - wanted.image)[sure].max() <= RENDER
grad = np.random.default_rng(7).normal(size=blended.image.shape).astype(np.float32)
grad *= sure[:, :, None]
gradients = backend.render_alpha_backward(*arguments, blended, grad)
expected = reference.render_alpha_backward(*arguments, grad.astype(np.float64))
for name, value, exact in zip(gradients._fields, gradients, expected, strict=True):
    assert np.abs(value - exact).max() <= ALPHA_GRADIENTS[name] * np.abs(exact).max(), name
"""


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code in a fresh interpreter that can import the scenes."""
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done


HASWELL = "+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+popcnt,+lzcnt,+movbe"


@pytest.mark.parametrize(("cpu", "features"), [("generic", ""), ("haswell", HASWELL)])
def test_other_cpus_follow_the_oracle(cpu: str, features: str) -> None:
    """Without fused multiply-add, and with AVX2 but not AVX-512."""
    if cpu == "haswell" and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("AVX2 is a matter of x86")
    run(AGAINST_THE_ORACLE, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=features)


@pytest.mark.slow
@pytest.mark.parametrize(("cpu", "features"), [("generic", ""), ("haswell", HASWELL)])
def test_blending_on_other_cpus_follows_the_oracle(cpu: str, features: str) -> None:
    if cpu == "haswell" and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("AVX2 is a matter of x86")
    run(BLENDING_AGAINST_THE_ORACLE, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=features)


def test_kernels_are_compiled_once_with_one_message(tmp_path: Path) -> None:
    code = """
import numpy as np, sys
from gsic_kernels import registry
from gsic_kernels.types import Splats, Window
from gsic_kernels.cpu.runtime import compiling
none = [np.zeros(shape, np.float32) for shape in ((0, 2), (0, 3), (0, 1), (0,), (0,))]
splats = Splats(*none, np.zeros(0, np.int32))
registry.get().render_sum_bytes(splats, Window(0, 0, 5, 4), np.zeros(1, np.float32))
assert "gsic_kernels.cpu.sums.forward" in sys.modules
for name in ("sums.backward", "sums.comparison", "alpha.forward", "alpha.backward"):
    assert f"gsic_kernels.cpu.{name}" not in sys.modules
print(compiling.compile_seconds())
"""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = run(code, **environment), run(code, **environment)
    assert first.stderr == "gsic: compiling kernels, once\n"
    assert float(first.stdout) > 0
    assert second.stderr == ""
    assert float(second.stdout) == 0
    assert [folder.name for folder in tmp_path.iterdir()] == [compiling.folder_name()]


def test_kernels_render_where_no_cache_can_be_written(tmp_path: Path) -> None:
    """A file stands where folders would have to be made, which acts as a read-only disk."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = """
import numpy as np
from gsic_kernels import registry
from kernel_scenes import make
scene = make(20, 20, 20, 1)
print(registry.get().render_sum_bytes(*scene[:3]).sum())
"""
    home = {"HOME": str(blocked), "USERPROFILE": str(blocked), "LOCALAPPDATA": str(blocked)}
    places = {**home, "XDG_CACHE_HOME": str(blocked), "NUMBA_CACHE_DIR": ""}
    done = run(code, **places)
    assert "cannot be kept" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    scene = make(20, 20, 20, 1)
    assert int(done.stdout) == registry.get().render_sum_bytes(*scene[:3]).sum()


def test_an_edited_kernel_gets_another_cache(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "b.py").write_text("y = 1")
    before = compiling.folder_name(tmp_path)
    assert compiling.folder_name(tmp_path) == before
    (tmp_path / "b.py").write_text("y = 2")
    assert compiling.folder_name(tmp_path) != before


def test_a_changed_constant_gets_another_cache(tmp_path: Path) -> None:
    package = Path(constants.__file__).resolve().parent
    copy = tmp_path / "kernels"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert compiling.folder_name(copy) == compiling.folder_name()
    with (copy / "constants.py").open("a") as file:
        file.write("ANOTHER = 1\n")
    assert compiling.folder_name(copy) != compiling.folder_name()


def test_rendering_imports_neither_torch_nor_triton() -> None:
    run("""
import sys
import gsic_kernels
from gsic_kernels import registry
from kernel_scenes import make
assert "numba" not in sys.modules
scene = make(5, 9, 9)
registry.get("auto").render_sum_bytes(*scene[:3])
assert not {"torch", "triton", "gsic"} & {*sys.modules}
""")


def test_the_settings_of_numba_are_not_changed() -> None:
    run("""
import numba
before = numba.config.CACHE_DIR
from gsic_kernels import registry
from kernel_scenes import make
registry.get().render_sum(*make(5, 9, 9)[:3])
assert numba.config.CACHE_DIR == before
""")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_renders() -> None:
    run("""
import os, time, warnings
import numpy as np
from gsic_kernels import registry
from kernel_scenes import make
# Python warns of any fork in a process with threads; this test is about such a fork.
warnings.simplefilter("ignore", DeprecationWarning)
scene = make(5000, 64, 96)
render = registry.get().render_sum
before = render(*scene[:3], threads=2)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(render(*scene[:3], threads=2), before) else 1)
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        assert status == 0
        break
    time.sleep(0.01)
else:
    os.kill(child, 9)
    raise AssertionError("the child hangs")
""")


def test_python_threads_render_at_once() -> None:
    scene = make(5000, 96, 96)
    backend = registry.get("cpu")
    wanted = backend.render_sum_bytes(*scene[:3])
    same: list[bool] = []

    def work() -> None:
        for _ in range(20):
            same.append(np.array_equal(backend.render_sum_bytes(*scene[:3], threads=3), wanted))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert same == [True] * 80


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_of_a_large_image_is_the_image() -> None:
    done = run("""
from gsic_kernels import registry
from gsic_kernels.types import Window
from kernel_scenes import make

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024

scene = make(500, 8192, 8192, 1, sigma=(1.0, 40.0))
registry.get().render_sum_bytes(scene.splats, Window(0, 0, 8, 8), scene.background)
before = peak()
registry.get().render_sum_bytes(*scene[:3], threads=2)
print((peak() - before) / 8192**2)
""")
    assert 0.9 < float(done.stdout) < 1.2
