"""Read many damaged `.gsi` files: `python tests/support/fuzz.py [--count N] [--seed S]`.

The cases are those of `fuzz_checks`. They are shared among processes, so that one that dies or
hangs takes nothing with it but its case. Files for which something happened that must not happen
are kept in a folder. The exit code is 0 if there are none.

    python tests/support/fuzz.py --seed 1 --only 4711    # one case of a run again, with its report
"""

import argparse
import json
import os
import queue
import resource
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import fuzz_checks

# A case that takes longer hangs. The longest one that may happen takes a few seconds.
_HANG_S = 120.0

# No case needs more; one that does fails in its own process instead of taking the machine's memory.
_ADDRESS_SPACE = 12 << 30


def main() -> int:
    parser = argparse.ArgumentParser(description="Read damaged .gsi files.")
    parser.add_argument("--count", type=int, default=100_000, help="number of files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, default=Path("build/fuzz"), help="for findings")
    parser.add_argument("--only", type=int, help="number of the one file to read")
    parser.add_argument("--worker", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return _work(options.seed, range(*options.worker))
    if options.only is not None:
        case = fuzz_checks.make_case(options.seed, options.only)
        print(case)
        _load_kernels()
        outcome = fuzz_checks.check_case(case)
        print(outcome)
        return outcome.finding is not None
    return run(options.seed, options.first, options.count, options.jobs, options.output)


def run(seed: int, first: int, count: int, jobs: int, output: Path) -> int:
    """Read `count` files in `jobs` processes, print a summary, and return the exit code."""
    began = time.monotonic()
    results: queue.Queue[dict[str, Any]] = queue.Queue()
    threads = [
        threading.Thread(target=_lead, args=(seed, first + job, first + count, jobs, results))
        for job in range(jobs)
    ]
    for thread in threads:
        thread.start()
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        rows.append(results.get())
        row = rows[-1]
        if row["finding"]:
            print(f"file {row['index']} ({row['name']}): {row['finding']}", flush=True)
            output.mkdir(parents=True, exist_ok=True)
            path = output / f"{seed}-{row['index']}.gsi"
            path.write_bytes(fuzz_checks.make_case(seed, row["index"]).data)
        if len(rows) % 10_000 == 0:
            print(f"{len(rows)} files, {time.monotonic() - began:.0f} s", flush=True)
    for thread in threads:
        thread.join()
    found = sum(row["finding"] is not None for row in rows)
    _print_summary(rows, seed, time.monotonic() - began)
    print(f"{found} findings" + (f" in {output}" if found else ""))
    return 1 if found else 0


def _print_summary(rows: list[dict[str, Any]], seed: int, seconds: float) -> None:
    print(f"{len(rows)} files of seed {seed} in {seconds:.0f} s")
    for result, number in Counter(row["result"] for row in rows).most_common():
        print(f"{number:8d} {result}")
    for unit, name in (("seconds", "s"), ("megabytes", "MB")):
        most = max(rows, key=lambda row: row[unit])
        print(
            f"most {unit}: {most[unit]:.2f} {name} for file {most['index']} of {most['bytes']} "
            f"bytes and {most['pixels']} pixels"
        )
    print(f"CPU seconds of decoding: {sum(row['seconds'] for row in rows):.0f}")


def _lead(seed: int, first: int, end: int, step: int, results: "queue.Queue[Any]") -> None:
    """Let processes check the cases first, first + step and so on; start one anew if it ends."""
    index = first
    while index < end:
        numbers = [str(number) for number in (index, end, step)]
        command = [sys.executable, __file__, "--seed", str(seed), "--worker", *numbers]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert worker.stdout
        assert worker.stderr
        said: list[bytes] = []
        listener = threading.Thread(target=lambda w=worker, s=said: s.append(w.stderr.read()))
        listener.start()
        # Kernels may have to be compiled first.
        worker.stdout.readline()
        while True:
            guard = threading.Timer(_HANG_S, worker.kill)
            guard.start()
            line = worker.stdout.readline()
            guard.cancel()
            if not line:
                break
            results.put(json.loads(line))
            index += step
        code = worker.wait()
        listener.join()
        if index < end:
            name = fuzz_checks.make_case(seed, index).name
            text = b"".join(said).decode(errors="replace")[-500:]
            results.put(_report(index, name, f"the process ended with {code}: {text}"))
            index += step


def _report(index: int, name: str, finding: str) -> dict[str, Any]:
    """Make the row of a case whose process died."""
    nothing = {"seconds": 0.0, "megabytes": 0.0, "pixels": 0, "bytes": 0}
    return {"index": index, "name": name, "result": "died", "finding": finding, **nothing}


def _work(seed: int, indices: range) -> int:
    """Check cases, and print a line of JSON for each."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, resource.RLIM_INFINITY))
    # A warning on a user's terminal because of a bad file is a fault, too.
    warnings.simplefilter("error")
    _load_kernels()
    print("ready", flush=True)
    for index in indices:
        case = fuzz_checks.make_case(seed, index)
        outcome = fuzz_checks.check_case(case)
        if outcome.finding and (" s of CPU time" in outcome.finding or " MB, " in outcome.finding):
            # What is done once in a process is no part of a case.
            outcome = fuzz_checks.check_case(case)
        row = {"index": index, "name": case.name, "bytes": len(case.data), **vars(outcome)}
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    return 0


def _load_kernels() -> None:
    """Decode every golden file, so that compiling or loading is no part of a case."""
    from gsic import decode

    for data in fuzz_checks.GOLDEN.values():
        for scale in (1.0, 0.5):
            decode(data, scale=scale, threads=1)


if __name__ == "__main__":
    sys.exit(main())
