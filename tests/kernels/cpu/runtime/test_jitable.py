"""Functions marked for kernels: Numba hears of them when something is compiled, not before."""

import subprocess
import sys

import numba

from gsic_kernels.cpu.runtime import jitable


@jitable.register_jitable
def double(value: int) -> int:
    return 2 * value


@jitable.register_jitable(fastmath=True)
def triple(value: float) -> float:
    return 3.0 * value


def test_marked_functions_stay_functions_of_python() -> None:
    assert (double(4), triple(2.0)) == (8, 6.0)
    assert double.__name__ == "double"


def test_a_compiled_function_calls_marked_ones() -> None:
    jitable.tell_numba()
    assert jitable._waiting == []
    jitable.tell_numba()

    @numba.njit
    def both(value: int) -> float:
        return double(value) + triple(float(value))

    assert both(5) == 25.0


def test_marking_imports_no_numba() -> None:
    code = (
        "import sys; import gsic_kernels.cpu.alpha.work_division, gsic_kernels.cpu.losses.window; "
        "import gsic_kernels.cpu.rdoq.candidates, gsic_kernels.cpu.runtime.work_items; "
        "assert not {'numba', 'llvmlite'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
