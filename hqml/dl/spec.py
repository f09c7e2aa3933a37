"""What a deep-learning task is: a model family, data, a loss, how it is minimised, and where. Needs pydantic.

`hqml.dl.spec_file` reads it from YAML; `Task.model_dump_json(by_alias=True)` and `Task.model_validate_json` carry it in
ONNX files.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from hqml.durations import in_seconds
from hqml.specs.model import Spec

Count: TypeAlias = Annotated[int, Field(ge=1)]
Positive: TypeAlias = Annotated[float, Field(gt=0)]
Share: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
Seconds: TypeAlias = Annotated[float, BeforeValidator(in_seconds)]
Scalar: TypeAlias = str | int | float | bool | None


class Named(Spec):
    """A name and its parameters, written side by side: `{family: resnet, depth: 18}`."""

    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        known = [*cls.model_fields]
        own = {key: value for key, value in content.items() if key in known}
        others = {key: value for key, value in content.items() if key not in known}
        if not others or not isinstance(own.get("parameters", {}), dict):
            return own  # the type of `parameters` is checked next
        return {**own, "parameters": {**own.get("parameters", {}), **others}}


def _named(key: str) -> BeforeValidator:
    """A name alone stands for the mapping with nothing but it."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class ModelSpec(Named):
    """What is trained.

    Attributes:
        family: of `hqml.dl.zoo`, e.g. "resnet".
        file: an ONNX file of hqml whose weights to begin with; its family and parameters hold where none are said.
        parameters: of the architecture.
    """

    family: str | None = None
    file: str | None = None


class DataSpec(Named):
    """What it is trained on.

    Attributes:
        source: of `hqml.dl.datasets`, e.g. "burgers"; or `file`.
        file: .h5, .zarr, .npy, .npz, .tif, or a pattern of such (`tiles/*.tif`); relative to the specification.
        inputs: name of the array of the inputs (of HDF5, Zarr, npz).
        targets: name of the array of the targets, or a file of them (of npy, GeoTIFF); None: there are none.
        batch: samples a step of all ranks together.
        validation: share of the samples that early stopping and schedules look at.
        test: share of the samples that the final figures are of.
        scale: whether inputs, and targets that are numbers, are standardised; the model file holds the scaling.
        limit_mb: memory that data may take on each rank; a source that fits is kept in it.
        stage: whether files are copied to node-local storage first; None: where the site has it.
        parameters: of the dataset.
    """

    source: str | None = None
    file: str | None = None
    inputs: str = "x"
    targets: str | None = "y"
    batch: Count = 64
    validation: Share = 0.1
    test: Share = 0.2
    scale: bool | None = None
    limit_mb: Positive = 1024.0
    stage: bool | None = None


class LossSpec(Named):
    """What is minimised: of `hqml.dl.objectives`; None: what the family is trained with."""

    name: str | None = None


class OptimizerSpec(Named):
    """How it is minimised.

    Attributes:
        name: adam, adamw, sgd, rmsprop, lbfgs; or qubo-svm-head: an SVM on the features of a network, whose dual a
            backend minimises.
        rate: learning rate; None: that of the architecture, else of the optimiser.
        parameters: of torch's class, or of the head (`hqml.dl.head`).
    """

    name: str = "adam"
    rate: Positive | None = None


class ScheduleSpec(Named):
    """How the learning rate changes: constant, cosine, step, exponential, plateau, one-cycle.

    Attributes:
        warmup: epochs in which the rate rises to its value.
    """

    name: str = "constant"
    warmup: Annotated[float, Field(ge=0)] = 0.0


class EarlyStoppingSpec(Spec):
    """When training ends before its epochs are over: `patience` epochs without a gain of `minimum` in the validation
    loss. The best weights are kept."""

    patience: Count = 10
    minimum: Annotated[float, Field(ge=0)] = 0.0


class TrackingSpec(Spec):
    """Who is told.

    Attributes:
        tool: mlflow or clearml.
        uri: of the MLflow server or store, e.g. http://localhost:5000 or sqlite:///runs.db; ClearML reads its own file.
        experiment: of MLflow, or project of ClearML; None: the task's name.
        register: name under which the model is registered; None: the task's name.
        offline: the run is kept in its folder and sent later: by `hqml model push` (MLflow), by ClearML's import.
    """

    tool: Literal["mlflow", "clearml"]
    uri: str | None = None
    experiment: str | None = None
    register_as: str | None = Field(default=None, alias="register")
    offline: bool = False


class RunSpec(Spec):
    """Where it runs, as in a workflow file: the words of a step of `hqml.hpc`."""

    site: str | None = None
    on: str | None = None
    nodes: Count = 1
    gpus: Annotated[int, Field(ge=0)] | None = None
    cpus: Count | None = None
    memory: str | None = None
    partition: str | None = None
    time: Seconds = 3600.0
    account: str | None = None
    stage: str | None = None
    venv: str | None = None
    needs: str | list[str] = Field(default_factory=lambda: ["python>=3.11", "torch>=2.4"])
    container: str | None = None
    environment: dict[str, Scalar] = Field(default_factory=dict)
    requeues: Annotated[int, Field(ge=0)] = 10


class RangeSpec(Spec):
    """Values of a parameter that a search may take.

    Attributes:
        low: lowest value.
        high: highest value.
        log: whether they are drawn evenly by their logarithm.
        step: between whole numbers, or fractions.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None


Choice: TypeAlias = Scalar | list[Scalar]


def _of_space(values: Any) -> str:
    return "<choices>" if isinstance(values, list) else "<range>"


Values: TypeAlias = Annotated[
    Annotated[RangeSpec, Tag("<range>")] | Annotated[list[Choice], Tag("<choices>")], Discriminator(_of_space)
]


class SearchSpec(Spec):
    """What `hqml search` looks for.

    Attributes:
        space: by the dotted name of a key of the task, e.g. `optimizer.rate`: a range, or a list of choices, which
            may be lists, as `model.hidden: [[64], [64, 64]]`.
        trials: in all, of all processes together.
        engine: optuna (TPE), qubo (proposed by annealing) or ray.
        figure: of the validation data; None: the loss.
        direction: minimize or maximize; None: what the figure wants.
        prune: whether hopeless trials end early.
        storage: file of the journal, relative to the specification, or URL of a database; None: beside the results.
        backend: of engine qubo.
        parameters: of the engine's sampler.
    """

    space: dict[str, Values]
    trials: Count = 20
    engine: Literal["optuna", "qubo", "ray"] = "optuna"
    figure: str | None = None
    direction: Literal["minimize", "maximize"] | None = None
    prune: bool = True
    storage: str | None = None
    backend: str = "cpu"
    parameters: dict[str, Any] = Field(default_factory=dict)


class Task(Spec):
    """A deep-learning task, whole.

    Attributes:
        name: of letters, digits, - and _; of its runs, jobs and registered models.
        framework: who trains it: torch, keras, statsmodels.
        epochs: passes over the training data.
        accumulate: micro-batches of a step, where the batch does not fit into memory.
        clip: largest norm of the gradient; None: as it is.
        precision: float32, bf16 or fp16 (mixed, with scaled losses), float64.
        distribution: how ranks share the work; auto: ddp under torchrun or srun with several, none with one.
        checkpoint_every: seconds between two saved states; the end of an epoch is saved as well, unless epochs are very
            short.
        deterministic: whether torch may use only algorithms that give the same bits again.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
    framework: Literal["torch", "keras", "statsmodels"] = "torch"
    model: Annotated[ModelSpec, _named("family")]
    data: Annotated[DataSpec, _named("source")]
    loss: Annotated[LossSpec, _named("name")] = LossSpec()
    optimizer: Annotated[OptimizerSpec, _named("name")] = OptimizerSpec()
    schedule: Annotated[ScheduleSpec, _named("name")] = ScheduleSpec()
    epochs: Count = 10
    accumulate: Count = 1
    clip: Positive | None = None
    precision: Literal["float32", "bf16", "fp16", "float64"] = "float32"
    distribution: Literal["auto", "none", "ddp", "horovod"] = "auto"
    early_stopping: EarlyStoppingSpec | None = None
    checkpoint_every: Seconds = 300.0
    deterministic: bool = False
    seed: int = 0
    tracking: Annotated[TrackingSpec | None, _named("tool")] = None
    run: RunSpec = RunSpec()
    search: SearchSpec | None = None
