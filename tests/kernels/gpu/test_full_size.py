"""The GPU backend at full size, against the CPU and against itself; these tests need a GPU."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import make_golden
import numpy as np
import pytest
from numpy.typing import NDArray

import gsic
from gsic_kernels import registry
from gsic_kernels.types import F32, Splats, Window

MISSING = registry.why_no_cuda()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

WIDTH, HEIGHT = 768, 512
SIZES = {3000: 6.0, 10_000: 3.3, 70_000: 1.4}


def make_splats(
    count: int, sigma: float, width: int, height: int, channels: int = 3, seed: int = 1
) -> Splats:
    """Make Gaussians of about `sigma` cells all over an image and beyond its edges, on 3 levels."""
    rng = np.random.default_rng(seed)
    inverse = 1.0 / (sigma * rng.uniform(0.5, 1.5, (count, 2)))
    factor = np.stack((inverse[:, 0], rng.normal(0, 0.3, count) / sigma, inverse[:, 1]), axis=1)
    cutoff = rng.uniform(1.0, 6.0, count).astype(np.float32)
    level = np.arange(count, dtype=np.int32) % 3
    mean = rng.uniform((-9, -9), (width + 9, height + 9), (count, 2)) / np.exp2(level)[:, None]
    return Splats(
        mean.astype(np.float32),
        factor.astype(np.float32),
        rng.normal(0, 0.2, (count, channels)).astype(np.float32),
        cutoff,
        np.exp(-cutoff),
        level,
    )


def check_close(value: F32, expected: F32, share: float) -> None:
    """Assert that values are equal within a share of the largest."""
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(value, expected, rtol=0, atol=share * scale)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("count", SIZES)
def test_sums_equal_those_of_the_cpu(count: int, channels: int) -> None:
    gpu, cpu = registry.get("cuda"), registry.get("cpu")
    splats = make_splats(count, SIZES[count], WIDTH, HEIGHT, channels)
    window, background = Window(0, 0, WIDTH, HEIGHT), np.full(channels, 0.3, np.float32)
    grad = np.random.default_rng(2).normal(0, 1, (HEIGHT, WIDTH, channels)).astype(np.float32)
    check_close(
        gpu.render_sum(splats, window, background), cpu.render_sum(splats, window, background), 2e-5
    )
    apart = np.abs(
        gpu.render_sum_bytes(splats, window, background).astype(int)
        - cpu.render_sum_bytes(splats, window, background)
    )
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3
    for name, got, expected in zip(
        ("mean", "factor", "color"),
        gpu.render_sum_backward(splats, window, grad),
        cpu.render_sum_backward(splats, window, grad),
        strict=True,
    ):
        assert got.shape == expected.shape, name
        check_close(got, expected, 1e-4)


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("loss", ["l2", "l1"])
def test_losses_equal_those_of_the_cpu(count: int, loss: str) -> None:
    splats = make_splats(count, SIZES[count], WIDTH, HEIGHT)
    target = np.random.default_rng(3).uniform(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)
    background = np.full(3, 0.5, np.float32)
    gpu, cpu = (registry.get(name).SumLoss(target, loss) for name in ("cuda", "cpu"))
    value, gradients = gpu.step(splats, background)
    expected, others = cpu.step(splats, background)
    assert value == pytest.approx(expected, rel=1e-5)
    # Where an error is nearly 0 its sign, and so the gradient of l1, may differ.
    share = 1e-4 if loss == "l2" else 1e-2
    for got, other in zip(gradients, others, strict=True):
        check_close(got, other, share)


def test_blends_equal_those_of_the_cpu() -> None:
    gpu, cpu = registry.get("cuda"), registry.get("cpu")
    splats = make_splats(10_000, 3.3, WIDTH, HEIGHT)
    opacity = np.random.default_rng(4).uniform(0.1, 1, 10_000).astype(np.float32)
    window, background = Window(0, 0, WIDTH, HEIGHT), np.full(3, 0.2, np.float32)
    grad = np.random.default_rng(5).normal(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)
    layers = splats, opacity, window, background
    ours, theirs = gpu.render_alpha(*layers), cpu.render_alpha(*layers)
    same = ours.stop == theirs.stop
    # A decision within rounding of its threshold may fall the other way.
    assert same.mean() > 0.999
    apart = np.abs(ours.image - theirs.image).max(axis=2)
    assert (apart > 1e-3).mean() < 1e-3
    gradients = gpu.render_alpha_backward(*layers, theirs, grad)
    for got, expected in zip(
        gradients, cpu.render_alpha_backward(*layers, theirs, grad), strict=True
    ):
        assert (np.abs(got - expected) > 1e-3 * np.abs(expected).max()).mean() < 1e-3


def hash_results() -> dict[str, str]:
    """Compute SHA-256 of all results of the backend for 70,000 Gaussians."""
    gpu = registry.get("cuda")
    splats = make_splats(70_000, 1.4, WIDTH, HEIGHT)
    opacity = np.random.default_rng(6).uniform(0.1, 1, 70_000).astype(np.float32)
    window, background = Window(0, 0, WIDTH, HEIGHT), np.zeros(3, np.float32)
    target = np.random.default_rng(7).uniform(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)
    blended = gpu.render_alpha(splats, opacity, window, background)
    loss, gradients = gpu.SumLoss(target).step(splats, background)
    arrays = {
        "sum": [gpu.render_sum(splats, window, background)],
        "backward": gpu.render_sum_backward(splats, window, target),
        "loss": [np.array(loss), *gradients],
        "alpha": blended,
        "alpha backward": gpu.render_alpha_backward(
            splats, opacity, window, background, blended, target
        ),
    }
    return {
        name: hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in parts)).hexdigest()
        for name, parts in arrays.items()
    }


def test_results_are_repeatable_in_two_processes() -> None:
    here = hash_results()
    assert hash_results() == here
    code = "import json, test_full_size as t; print(json.dumps(t.hash_results()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == here


def test_a_million_gaussians_and_a_large_image_equal_those_of_the_cpu() -> None:
    gpu, cpu = registry.get("cuda"), registry.get("cpu")
    splats = make_splats(1_000_000, 3.0, 4096, 4096)
    window, background = Window(1000, 2000, 2048, 1536), np.zeros(3, np.float32)
    check_close(
        gpu.render_sum(splats, window, background),
        cpu.render_sum(splats, window, background, 2),
        2e-5,
    )
    few = make_splats(2000, 200.0, 16384, 16384, 1)
    corner = gpu.render_sum(few, Window(0, 0, 16384, 16384), background[:1])[-256:, -256:]
    part = Window(16384 - 256, 16384 - 256, 256, 256)
    check_close(corner, cpu.render_sum(few, part, background[:1]), 1e-4)


@pytest.mark.parametrize("path", sorted(make_golden.FOLDER.glob("*.gsi")), ids=lambda p: p.stem)
def test_golden_files_decode_as_on_the_cpu(path: Path) -> None:
    for scale, region in [(1.0, None), *make_golden.VIEWS.get(path.stem, [])]:
        images: list[NDArray[np.uint8]] = [
            gsic.decode(path, scale=scale, region=region, device=device)
            for device in ("cuda", "cpu")
        ]
        apart = np.abs(images[0].astype(int) - images[1])
        assert apart.max() <= 1
        assert np.count_nonzero(apart) <= 1 + apart.size // 1000


def test_a_fit_is_as_good_as_on_the_cpu_and_repeatable() -> None:
    rng = np.random.default_rng(8)
    image = np.repeat(np.repeat(rng.integers(0, 256, (24, 32, 3), np.uint8), 8, axis=0), 8, axis=1)
    fits = [
        gsic.fit(image, gaussians=800, iterations=300, device=device)
        for device in ("cuda", "cuda", "cpu")
    ]
    np.testing.assert_array_equal(fits[0].mean, fits[1].mean)
    assert fits[0].report.device == "cuda"
    assert fits[0].report.psnr == pytest.approx(fits[2].report.psnr, abs=0.2)


def test_an_encoding_is_as_good_as_on_the_cpu() -> None:
    rng = np.random.default_rng(9)
    image = np.repeat(np.repeat(rng.integers(0, 256, (12, 16, 3), np.uint8), 8, axis=0), 8, axis=1)
    files = {
        device: gsic.encode(image, bpp=0.6, effort=3, device=device) for device in ("cuda", "cpu")
    }
    errors = {
        device: np.square(gsic.decode(data, device="cpu").astype(float) - image).mean()
        for device, data in files.items()
    }
    assert errors["cuda"] < 1.1 * errors["cpu"]
    assert len(files["cuda"]) <= 0.6 * image.shape[0] * image.shape[1] / 8
