"""How long does the audit of a table take, and how much memory?

DuckDB writes tables of N rows with a probability, a truth, two sensitive columns of 3 and 6 groups and a split; then a
process of its own counts, judges three figures by each column and by their intersection, and writes its evidence:
``fairlead audit``, from the start of Python to its end. Peak memory is that of the process, as the system has it.

    python -m benchmarks.table_audit --threads 1 --memory 1GB
    python -m benchmarks.table_audit --rows 1000000 10000000     # without the largest
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "table_audit.md"
FLAGS = [
    *("--target", "y", "--prediction", "p", "--split", "test"),
    *("--sensitive", "sex", "age_group", "--intersect", "sex", "age_group"),
]
_TABLE = """
COPY (
    SELECT (hash(i) % 1000003 / 1000003.0) AS p,
        CASE WHEN hash(i + 1) % 1000003 / 1000003.0 < hash(i) % 1000003 / 1000003.0 THEN 'yes' ELSE 'no' END AS y,
        ['f', 'm', 'x'][1 + (hash(i * 7 + 3) % 3)::INT] AS sex,
        ['0-19', '20-39', '40-59', '60-79', '80-99', '100-'][1 + (hash(i * 11 + 5) % 6)::INT] AS age_group,
        'test' AS split
    FROM range({rows}) t(i)
) TO '{file}' (FORMAT parquet)
"""


def write(file: Path, rows: int, threads: int) -> None:
    import duckdb

    with duckdb.connect(config={"threads": threads, "memory_limit": "2GB"}) as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(_TABLE.format(rows=rows, file=file))


def measure(file: Path, folder: Path, threads: int, memory: str) -> tuple[float, float, int]:
    """Returns seconds, peak memory in MB and the exit code."""
    command = [sys.executable, "-m", "benchmarks.table_audit", "--child", str(file), *FLAGS, "--output", str(folder)]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "--threads", str(threads), "--memory", memory], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    return seconds, int(done.stdout.splitlines()[-1]) / 1024, done.returncode


def child(arguments: list[str]) -> int:
    from fairlead.cli.main import main

    code = main(["audit", *arguments])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return code


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10**6, 10**7, 10**8])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", default="1GB")
    options = parser.parse_args()
    lines = []
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "said.parquet"
            write(file, rows, options.threads)
            size = file.stat().st_size / 1e6
            load = os.getloadavg()[0]
            seconds, peaks, codes = zip(
                *(
                    measure(file, Path(scratch) / f"out{run}", options.threads, options.memory)
                    for run in range(options.repeats)
                ),
                strict=True,
            )
        shown = f"{min(seconds):.1f} to {max(seconds):.1f}"
        lines.append(f"| {rows:,} | {size:,.0f} | {shown} | {max(peaks):,.0f} | {codes[0]} | {load:.1f} |")
        print(lines[-1], flush=True)
        RESULT.write_text(_text(lines, options.threads, options.memory), encoding="utf-8")


def _text(lines: list[str], threads: int, memory: str) -> str:
    import duckdb
    import ibis

    return "\n".join(
        [
            "# The audit of a table: time and memory",
            "",
            f"`fairlead audit` of a Parquet file, from the start of Python to its end: a probability with its "
            f"histogram of 1000 bins, two sensitive columns (3 and 6 groups), their intersection, three figures "
            f"of each. DuckDB "
            f"{duckdb.__version__} through Ibis {ibis.__version__} on {threads} thread(s), `--memory {memory}`. Made "
            "by `python -m benchmarks.table_audit`, which writes the tables as well. The load is that of the machine "
            f"(of {os.cpu_count()} cores) as the audit started: above 0, other work ran beside it.",
            "Every table is audited several times: the slowest says how busy the machine was.",
            "",
            "| rows | file, MB | seconds, fastest to slowest | peak memory, MB | exit code | load before |",
            "|---:|---:|---:|---:|---:|---:|",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        raise SystemExit(child(sys.argv[2:]))
    run()
