"""The process that speaks to ClearML: `python -m hqml.dl.tracking.clearml_child BEGIN`, events on stdin.

Each of "begin", "model" and "end" is answered by a line of JSON: {"is": text} or {"error": text, "kind": text}. When
stdin ends before the run does, training was killed.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hqml.dl.tracking.events import Event
from hqml.errors import FormatError, LibraryMissing
from hqml.libraries import library


class Run:
    """One task of ClearML.

    Args:
        project: of ClearML.
        title: of the task.
        offline: whether it becomes a folder and a .zip that `clearml-task`'s import sends later.
        run: identity of the task to go on with.
    """

    def __init__(self, project: str, title: str, offline: bool, run: str | None) -> None:
        clearml = library("clearml", "tracking with ClearML", "clearml")
        self._clearml, self._offline = clearml, offline
        if offline:
            clearml.Task.set_offline(True)
        self._task = clearml.Task.init(
            project_name=project,
            task_name=title,
            reuse_last_task_id=False,
            continue_last_task=(run or False) if not offline else False,
            # Nothing is taken up by itself: not the command line, not git's differences, not what is printed.
            auto_connect_arg_parser=False,
            auto_connect_frameworks={"detect_repository": False, "**": False},
            auto_resource_monitoring=False,
            auto_connect_streams=False,
        )
        if run and not offline:
            self._task.set_initial_iteration(0)  # steps are told as they are
        self._ended = False

    @property
    def identity(self) -> str:
        """Of the task."""
        return str(self._task.id)

    def tell(self, event: Event) -> str:
        """Pass an event on."""
        content = event.content
        if event.kind == "parameters":
            self._task.set_parameters_as_dict(content["values"])
        elif event.kind == "metrics":
            # It would take what is not finite as 0.
            for name, value in ((name, value) for name, value in content["values"].items() if math.isfinite(value)):
                self._task.get_logger().report_scalar(name, name, value, content["step"])
        elif event.kind == "model":
            return self._model(Path(content["path"]), content["name"])
        else:
            self.end(content["status"])
        return ""

    def end(self, status: str) -> None:
        """Send everything, and say how it ended."""
        if self._ended:
            return
        self._ended = True
        self._task.flush(wait_for_uploads=True)
        if not self._offline:
            {"failed": self._task.mark_failed, "killed": self._task.mark_stopped}.get(
                status, self._task.mark_completed
            )()
        self._task.close()

    def _model(self, path: Path, name: str) -> str:
        from hqml.dl.tracking.model_file import read_model

        facts = read_model(path).facts()
        if self._offline:  # models need a server, artifacts do not
            self._task.upload_artifact(f"{name}.onnx", str(path), metadata=facts, wait_on_upload=True)
            return str(self._task.get_offline_mode_folder())
        model = self._clearml.OutputModel(task=self._task, name=name, framework="ONNX")
        model.update_weights(str(path), auto_delete_file=False, async_enable=False)
        for key, value in facts.items():
            model.set_metadata(key, value, "str")
        return str(model.id)


def main() -> None:
    """Begin, pass on what comes, end."""
    answers = _own_stdout()
    try:
        run = Run(**json.loads(sys.argv[1]))
    except BaseException as error:
        _answer(answers, error)
        return
    _answer(answers, run.identity)
    for event in _events():
        try:
            where = run.tell(event)
        except Exception as error:
            if event.kind in ("model", "end"):
                _answer(answers, error)
        else:
            if event.kind in ("model", "end"):
                _answer(answers, where)
    run.end("killed")


def _own_stdout() -> IO[str]:
    """What the parent reads; whatever ClearML prints goes elsewhere."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def _events() -> Iterator[Event]:
    for line in sys.stdin:
        yield Event.of_line(line)


def _answer(answers: IO[str], what: str | BaseException) -> None:
    answer: dict[str, Any] = {"is": what}
    if isinstance(what, BaseException):
        lines = str(what).strip().splitlines() or [type(what).__name__]
        kind = "missing" if isinstance(what, LibraryMissing) else "file" if isinstance(what, FormatError) else "tool"
        answer = {"error": lines[0] if kind != "tool" else f"ClearML does not do it: {lines[0]}", "kind": kind}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
