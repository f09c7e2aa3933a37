"""The format of workflow files; see `hqml.hpc.workflows.file`. Imported late: it needs pydantic.

Each key alone is checked here, with the words of `hqml.hpc.values` and `hqml.hpc.workflows.values`; keys against each
other in `hqml.hpc.workflows.rules`, against a site in `hqml.hpc.workflows.checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from hqml.errors import ParameterError
from hqml.hpc import values as common
from hqml.hpc.amounts import gigabytes, wall_seconds
from hqml.hpc.shell_names import environment_variable
from hqml.hpc.workflows import values
from hqml.specs.model import Spec

Name = Annotated[str, AfterValidator(values.name_of)]
Word = Annotated[str, BeforeValidator(common.unquoted), AfterValidator(common.word)]
Line = Annotated[str, AfterValidator(common.line)]
Command = Annotated[str, AfterValidator(common.plain_text), AfterValidator(values.open_shell)]
Names = Annotated[list[Line], BeforeValidator(values.listed)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Environment = dict[
    Annotated[str, AfterValidator(environment_variable)], Annotated[str, BeforeValidator(common.environment_value)]
]
Variable = Annotated[str, AfterValidator(environment_variable)]
Value = Annotated[Any, BeforeValidator(common.scalar)]
Needs = Annotated[Any, BeforeValidator(values.needs)]


class EntrySpec(Spec):
    python: Annotated[Line, AfterValidator(values.entry)]
    arguments: dict[
        Annotated[str, AfterValidator(values.argument)], Annotated[Any, AfterValidator(values.plain_value)]
    ] = Field(default_factory=dict)


class ContainerSpec(Spec):
    image: Annotated[Line, AfterValidator(values.image)]
    binds: Annotated[list[Annotated[Line, AfterValidator(values.bind)]], BeforeValidator(values.listed)] = Field(
        default_factory=list
    )

    @model_validator(mode="before")
    @classmethod
    def _by_image(cls, content: Any) -> Any:
        return {"image": content} if isinstance(content, str) else content


class QuantumSpec(Spec):
    seconds: Annotated[float, BeforeValidator(values.qpu_seconds)]
    licences: Count = 1
    endpoint: Annotated[Line, AfterValidator(common.gateway)] | None = None
    solver: Word | None = None
    token_file: Line | None = None


class CheckpointSpec(Spec):
    before: Annotated[float, BeforeValidator(values.warning_seconds)] = 60.0
    signal: Annotated[Literal["USR1", "USR2"], BeforeValidator(values.signal)] = "USR1"
    requeues: Annotated[int, Field(ge=0, le=1000)] = 10


def _of_run(content: Any) -> str:
    return "<python>" if isinstance(content, dict) else "<command>"


class ComponentSpec(Spec):
    on: Word
    run: Annotated[Annotated[Command, Tag("<command>")] | Annotated[EntrySpec, Tag("<python>")], Discriminator(_of_run)]
    nodes: Count = 1
    tasks: Count | None = None
    cpus: Count | None = None
    gpus: Annotated[int, Field(ge=0, le=1000)] = 0
    memory: Annotated[float, BeforeValidator(gigabytes)] | None = None
    partition: Word | None = None
    needs: Needs = ()
    launch: Literal["srun", "torchrun"] = "srun"
    mpi: bool = False
    environment: Environment = Field(default_factory=dict)
    venv: Line | None = None
    container: ContainerSpec | None = None
    quantum: QuantumSpec | None = None


class JobSpec(Spec):
    """What every step says, of one component or several."""

    time: Annotated[float, BeforeValidator(wall_seconds)]
    after: Names = Field(default_factory=list)
    checkpoint: Annotated[CheckpointSpec | None, BeforeValidator(values.checkpoint)] = None


def _of_sweep(content: Any) -> str:
    return "<list>" if isinstance(content, list) else "<product>"


_Product = dict[Variable, Annotated[list[Value], Field(min_length=1)]]
_Listed = list[Annotated[dict[Variable, Value], Field(min_length=1)]]

SweepSpec = Annotated[
    Annotated[_Product, Field(min_length=1), Tag("<product>")] | Annotated[_Listed, Field(min_length=1), Tag("<list>")],
    Discriminator(_of_sweep),
]


class StepSpec(JobSpec, ComponentSpec):
    sweep: SweepSpec | None = None
    at_once: Count | None = None


def _several(components: dict[str, ComponentSpec]) -> dict[str, ComponentSpec]:
    if len(components) < 2:
        raise ParameterError("needs two components or more; of one, write the keys in the step itself")
    return components


class TogetherSpec(JobSpec):
    together: Annotated[dict[Name, ComponentSpec], AfterValidator(_several)]

    @model_validator(mode="before")
    @classmethod
    def _leaves_the_rest_to_components(cls, content: Any) -> Any:
        for key in content if isinstance(content, dict) else ():
            if key in ComponentSpec.model_fields:
                wrong = "each component of together says this for itself; move it there"
            elif key in StepSpec.model_fields and key not in JobSpec.model_fields:
                wrong = "Slurm has no arrays of jobs that run together; write a step for each value"
            else:
                continue
            raise PydanticCustomError("unknown_key", wrong, {"key": key})
        return content


def _of_step(content: Any) -> str:
    return "<together>" if isinstance(content, dict) and "together" in content else "<step>"


class WorkflowSpec(Spec):
    steps: Annotated[
        dict[
            Name,
            Annotated[
                Annotated[StepSpec, Tag("<step>")] | Annotated[TogetherSpec, Tag("<together>")], Discriminator(_of_step)
            ],
        ],
        Field(min_length=1),
    ]
    site: Line | None = None
    name: Name | None = None
    account: Word | None = None
    stage: Word | None = None
    venv: Line | None = None
    environment: Environment = Field(default_factory=dict)
    setup: Annotated[list[Command], BeforeValidator(values.listed)] = Field(default_factory=list)
    exclude: Names = Field(default_factory=list)
