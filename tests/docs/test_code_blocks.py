"""What stands in the blocks of tutorials and how-tos works as printed, from top to bottom, in one folder.

Trainings are cut down to two steps at a small size (`stages.TINY`), and few sequences are made (`stages.FEW`);
nothing else is changed. Blocks that cannot be
run here say why in a comment on the page; `pytest -s` prints these reasons. Pages that train are `slow`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqimg.testing import run_command
from tests.docs.blocks import Block, blocks_of, commands_in, words_of
from tests.docs.stages import FEW, TINY, set_up

DOCS = Path(__file__).parents[2] / "docs"
FOLLOWED_ELSEWHERE = {
    "tutorials/write-a-plugin.md": "tests/e2e/test_plugin_kit.py, in an environment of its own"
}
INSTALLS = "installing is tested in tests/e2e/test_e2e_wheel.py"


def pages() -> Iterator[object]:
    for folder in ("tutorials", "how-to", "explanation"):
        for path in sorted((DOCS / folder).glob("*.md")):
            page = f"{folder}/{path.name}"
            blocks = _runnable(path)
            if blocks and page not in FOLLOWED_ELSEWHERE:
                slow = any(re.search(r"seqimg \w+ train|seqimg demo|--model", block.text) for block in blocks)
                yield pytest.param(
                    page, id=page, marks=[pytest.mark.slow, pytest.mark.timeout(900)] if slow else []
                )


def _runnable(path: Path) -> list[Block]:
    kinds = ("python",) if path.parent.name == "explanation" else ("python", "shell")
    return [block for block in blocks_of(path) if block.kind in kinds]


@pytest.mark.parametrize("page", [*pages()])
def test_the_blocks_of_a_page_run_from_top_to_bottom(page: str) -> None:
    set_up(page)
    names: dict[str, object] = {"__name__": "page"}
    ran = 0
    for block in _runnable(DOCS / page):
        place = f"{page}:{block.line}"
        if block.why_not is not None:
            assert block.why_not, f"{place}: say why it is not run"
            print(f"{place}: not run: {block.why_not}")
        elif block.kind == "python":
            lines = "\n" * (block.line - 1) + block.text
            exec(compile(lines, str(DOCS / page), "exec"), names)
            ran += 1
        else:
            ran += _run(block, place)
    print(f"{page}: {ran} blocks and commands ran")


def _run(block: Block, place: str) -> int:
    commands = list(commands_in(block.text))
    assert commands, f"{place}: an empty block"
    for command in commands:
        words = words_of(command)
        if words[:2] == ["pip", "install"]:
            print(f"{place}: not run: {command}: {INSTALLS}")
            continue
        assert words[0] == "seqimg", f"{place}: {command}: mark the block as not run, and say why"
        arguments = words[1:]
        if arguments[1:2] == ["train"] and "--resume" not in arguments:
            arguments += TINY[arguments[0]]
        elif arguments[:2] == ["data", "make"]:
            arguments += FEW
        said = run_command(*arguments)
        wanted = block.code if command == commands[-1] else 0
        assert said.code == wanted, f"{place}: {command}\n{said.out}\n{said.err}"
    return len(commands)


def test_words_are_split_as_a_shell_does() -> None:
    for name in ("b.mp4", "a.mp4"):
        Path(name).touch()
    assert words_of("seqimg x *.mp4 '*.mp4' 'a b' none*") == [
        "seqimg",
        "x",
        "a.mp4",
        "b.mp4",
        "*.mp4",
        "a b",
        "none*",
    ]


def test_a_block_that_fails_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "a\n\n<!-- not run: no camera -->\n```bash\nseqimg nonsense\n```\n\n```\nseqimg nonsense\n```\n"
    )
    first, second = blocks_of(page)
    assert (first.why_not, first.line, second.why_not, second.line) == ("no camera", 5, None, 9)
    with pytest.raises(AssertionError, match="p:9"):
        _run(second, "p:9")
