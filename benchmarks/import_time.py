"""Time of `import clvml`, and of all its public names, against `import mlflow`.

Usage: python benchmarks/import_time.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

STATEMENTS = {
    "import mlflow": "import mlflow",
    "import clvml": "import clvml",
    "import clvml, every public name": "import clvml; [getattr(clvml, name) for name in clvml.__all__]",
}


def seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main() -> None:
    bare = statistics.median(seconds("pass") for _ in range(7))
    times = {
        name: statistics.median(seconds(code) for _ in range(7)) - bare for name, code in STATEMENTS.items()
    }
    for name, value in times.items():
        sys.stdout.write(
            f"{name:35} {value:6.3f} s   {value / times['import mlflow']:5.2f} x import mlflow\n"
        )


if __name__ == "__main__":
    main()
