"""Nothing heavy is loaded before it is needed."""

import json
import subprocess
import sys
from importlib.metadata import entry_points

HEAVY = (
    *("torch", "numpy", "triton", "skimage", "av", "matplotlib", "accelerate", "torchmetrics", "PIL"),
    *("starlette", "uvicorn", "websockets"),
)

ROOTS = ["seqimg", "seqimg.errors", "seqimg.config", "seqimg.plugins", "seqimg.plugins.manager"]

COMMANDS = [
    [],
    ["--help"],
    ["--version"],
    ["plugins", "list"],
    ["plugins", "list", "--json"],
    ["predict", "--help"],
    ["predict", "train", "--help"],
    ["predict", "run", "--help"],
    ["predict", "eval", "--help"],
    ["demo", "--help"],
    ["config", "init", "predict"],
    ["config", "show", "predict"],
    ["runs", "list", "."],
    ["doctor", "--help"],
    ["filter", "list"],
    ["filter", "run", "--help"],
    ["filter", "show", "cany"],
    ["report", "--help"],
    ["live", "--help"],
    ["--show-completion"],
    ["pridict"],
    ["predict", "train", "--loss", "mze"],
    ["predict", "train", "--stpes", "3"],
]

COMPLETED = ["seqimg ", "seqimg pre", "seqimg predict ", "seqimg predict train --l"]

# Runs each piece of code in turn and says what it loaded that was not there before.
PROGRAM = """
import json, sys
heavy, pieces = json.load(sys.stdin)
found = {}
for piece in pieces:
    before = set(sys.modules)
    try:
        exec(piece)
    except SystemExit:
        pass
    found[piece] = [name for name in heavy if name in set(sys.modules) - before]
print(json.dumps(found), file=sys.stderr)
"""


def _loaded_by(*pieces: str) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([HEAVY, pieces]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded: dict[str, list[str]] = json.loads(done.stderr.splitlines()[-1])
    assert list(loaded) == list(pieces)
    return {piece: names for piece, names in loaded.items() if names}


def test_the_measure_itself_sees_what_is_loaded() -> None:
    assert _loaded_by("import json", "import numpy") == {"import numpy": ["numpy"]}


def test_roots_of_seqimg_and_of_every_plugin() -> None:
    plugins = [point.value.partition(":")[0] for point in entry_points(group="seqimg")]
    assert "seqimg_predict" in plugins
    assert _loaded_by(*(f"import {module}" for module in ROOTS + plugins)) == {}


def test_commands_that_compute_nothing() -> None:
    assert _loaded_by(*(f"from seqimg.cli.main import main; main({words})" for words in COMMANDS)) == {}


def test_completion() -> None:
    ask = "import os; os.environ.update({}); from seqimg.cli.main import main; main([])"
    asked = [
        {"_SEQIMG_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        for words in COMPLETED
    ]
    assert _loaded_by(*(ask.format(variables) for variables in asked)) == {}
