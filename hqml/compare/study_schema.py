"""The format of study files; see `hqml.compare.study_file`. Imported late: it needs pydantic."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from hqml.compare.study import Reference, first_seeds, share_of_best
from hqml.durations import in_seconds
from hqml.specs.model import Spec


def _seeds(value: Any) -> Any:
    """A number n stands for the seeds 0 to n - 1."""
    return value if isinstance(value, list) else first_seeds(value)


def _target(value: Any) -> Any:
    share_of_best(value)
    return value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _classes(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


Target = Annotated[Any, BeforeValidator(_target)]
Seconds = Annotated[float, BeforeValidator(in_seconds)]
Text = Annotated[str, BeforeValidator(_text)]
Count = Annotated[int, Field(ge=1)]
Grid = dict[str, Annotated[list[Any], Field(min_length=1)]]


DEFAULT_REFERENCES: tuple[Reference, ...] = ("tuned",)


class BudgetSpec(Spec):
    seconds: Seconds | None = None
    qpu_seconds: Seconds | None = None


class QuboSpec(Spec):
    file: str
    name: str | None = None
    best: float | None = None
    target: Target = None
    skip: list[str] = Field(default_factory=list)


class DataSpec(Spec):
    data: str
    label: Text | None = None
    classes: Annotated[list[Text], BeforeValidator(_classes)] | None = None
    test: str | None = None
    estimator: str = "svc"
    parameters: dict[str, Any] = Field(default_factory=dict)
    grid: Grid = Field(default_factory=dict)
    references: list[Reference] = Field(default_factory=lambda: [*DEFAULT_REFERENCES])
    name: str | None = None
    scale: bool = True
    test_share: Annotated[float, Field(gt=0, lt=1)] = 1 / 3
    skip: list[str] = Field(default_factory=list)


def _kind(content: Any) -> str:
    return "<data>" if isinstance(content, dict) and "data" in content else "<qubo>"


ProblemSpec = Annotated[Annotated[QuboSpec, Tag("<qubo>")] | Annotated[DataSpec, Tag("<data>")], Discriminator(_kind)]
"""Told apart by their keys `file` and `data`."""


class SolverSpec(Spec):
    backend: str
    options: dict[str, Any] = Field(default_factory=dict)
    grid: Grid = Field(default_factory=dict)
    reads: Count | None = None
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, content: Any) -> Any:
        return {"backend": content} if isinstance(content, str) else content


class StudySpec(Spec):
    problems: Annotated[list[ProblemSpec], Field(min_length=1)]
    solvers: Annotated[list[SolverSpec], Field(min_length=1)]
    name: str = "Comparison"
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], BeforeValidator(_seeds), Field(min_length=1)] = Field(
        default_factory=lambda: list(range(10))
    )
    reads: Count = 100
    target: Target = "best"
    budget: BudgetSpec = BudgetSpec()
