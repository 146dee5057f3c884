"""How long `seqimg --help` takes beside what it cannot do without: importing typer, rich and pydantic.

Run by `make bench`. The two are measured in turns, so that a busy machine slows both alike; the
figure is the ratio of the medians, and it must not exceed 2.5.
"""

import argparse
import json
import statistics
import subprocess
import sys
from time import perf_counter

LIMIT = 2.5
COMMANDS = {
    "python": ["-c", "pass"],
    "imports": ["-c", "import typer, rich, pydantic"],
    "help": ["-m", "seqimg", "--help"],
    "plugins": ["-m", "seqimg", "plugins", "list"],
    "train_help": ["-m", "seqimg", "predict", "train", "--help"],
}


def measure(repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each command, after one round that nobody counts."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_number in range(repeats + 1):
        for name, arguments in COMMANDS.items():
            started = perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            if round_number:
                seconds[name].append(perf_counter() - started)
    return seconds


def main() -> int:
    """Measure, print, and return 0 if the ratio is within the limit, 4 if not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=21, help="rounds that count [21]")
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    options = parser.parse_args()
    seconds = measure(options.repeats)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratio = medians["help"] / medians["imports"]
    if options.json:
        print(json.dumps({"ratio": ratio, "limit": LIMIT, "medians": medians, "seconds": seconds}))
    else:
        print(f"{'command':<34}{'median ms':>10}{'fastest ms':>12}{'/ imports':>11}")
        for name, arguments in COMMANDS.items():
            words = " ".join(arguments).replace("-m seqimg", "seqimg").replace("-c ", "python -c ")
            figures = medians[name] * 1e3, min(seconds[name]) * 1e3, medians[name] / medians["imports"]
            print("{:<34}{:>10.0f}{:>12.0f}{:>11.2f}".format(words, *figures))
        print(f"seqimg --help takes {ratio:.2f} times as long as the imports; at most {LIMIT} is allowed.")
    return 0 if ratio <= LIMIT else 4


if __name__ == "__main__":
    sys.exit(main())
