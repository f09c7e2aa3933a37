"""What is taken for a command of a page, and that a wrong one is found."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from doc_pages import Command, Page
from elsewhere import TABLE, elsewhere
from parsing import parsed

TEXT = """\
Type `hqml backends`, never `hqml job` alone, and say `hqml fit FILE --out m.skops`; `matrix` is no command.

```
make demo      # about a minute
hqml site check juwels \\
  --needs "torch>=2.1, mpi"
```

```console
$ hqml job resume
sweep: job 4720
```

```yaml
run: python train.py
```

    torchrun --nproc-per-node 4 train.py

```
E(x) = make x small
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Page:
    path = tmp_path / "new.md"
    path.write_text(TEXT)
    return Page(path, tmp_path)


def test_lines_of_blocks_come_without_prompt_comment_and_answer_then_those_of_the_text(page: Page) -> None:
    assert [(one.text, one.in_block) for one in page.commands()] == [
        ("make demo", True),
        ('hqml site check juwels --needs "torch>=2.1, mpi"', True),
        ("hqml job resume", True),
        ("torchrun --nproc-per-node 4 train.py", True),
        ("hqml backends", False),
        ("hqml job", False),
        ("hqml fit FILE --out m.skops", False),
    ]


def test_what_is_no_whole_command_is_not_run(page: Page) -> None:
    spoken = [one for one in page.commands() if not one.in_block]
    assert [parsed(one) for one in spoken] == [True, False, False]


def test_words_of_hqml_are_found_behind_a_launcher_and_end_where_another_command_begins() -> None:
    assert Command("p.md", "mpiexec -n 2 hqml solve a.mc > out", True).hqml == ["solve", "a.mc"]
    assert Command("p.md", "torchrun -m hqml.cli train a.yaml", True).hqml == ["train", "a.yaml"]
    assert Command("p.md", "make demo", True).hqml is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hqml solv a.mc", "solv is no command of hqml"),
        ("hqml solve a.mc --sweeps 5", "No such option"),
        ("hqml solve a.mc --reads many", "not a valid integer"),
        ("hqml solve", "Missing argument"),
        ("hqml site", "a command of the group"),
    ],
)
def test_a_wrong_command_is_found(text: str, message: str) -> None:
    with pytest.raises(click.UsageError) as error:
        parsed(Command("p.md", text, True))
    assert message in f"{error.value.format_message()} {error.value}"


def test_a_command_that_nobody_runs_is_found() -> None:
    assert elsewhere(Command("docs/new.md", "horovodrun -np 2 train.py", True)) is None
    assert elsewhere(Command("README.md", "make demo", True)) in TABLE
