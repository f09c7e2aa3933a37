"""Specifications of deep-learning tasks: what they say, what is wrong with them, and what they leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[dl]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[dl]'")
pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[dl]'; it knows the parameters of models")

from hypothesis import given, settings
from hypothesis import strategies as st

from hqml.dl.checks import check_here
from hqml.dl.defaults import completed
from hqml.dl.dotted import place_of, put
from hqml.dl.results import task_text
from hqml.dl.spec import Task
from hqml.dl.spec_file import open_task, read_task
from hqml.errors import FormatError, HqmlError, ParameterError

MODEL, DATA = "{family: mlp, hidden: [8]}", "{source: digits}"


def with_keys(*lines: str, model: str = MODEL, data: str = DATA) -> str:
    """A task with keys of its own from line 4."""
    return "".join(f"{line}\n" for line in ("name: a", f"model: {model}", f"data: {data}", *lines))


# The file's text; then the line, the place and the beginning of what is said.
WRONG: dict[str, tuple[str, str]] = {
    "an empty file": ("", "1: the file is empty"),
    "no mapping": ("- a\n", "1: must be a mapping, found ['a']"),
    "no model": ("name: a\ndata: digits\n", "1: model: this key is missing"),
    "no data": ("name: a\nmodel: mlp\n", "1: data: this key is missing"),
    "a name with a blank": (
        "name: a b\nmodel: {family: mlp, hidden: [8]}\ndata: {source: digits}\n",
        "1: name: string should match pattern '^[A-Za-z0-9_-]+$', found 'a b'",
    ),
    "a number as the model": (with_keys(model="3"), "2: model: must be a mapping, found 3"),
    "a list as the model": (with_keys(model="[mlp]"), "2: model: must be a mapping, found ['mlp']"),
    "a family that is not known": (
        with_keys(model="{family: mpl, hidden: [8]}"),
        "2: model.family: there is no model family 'mpl'; did you mean 'mlp'?",
    ),
    "no family": (with_keys(model="{hidden: [8]}"), "2: model: name a family, or a file to begin with; there are: "),
    "a parameter of the model that is not known": (
        with_keys(model="{family: mlp, hiden: [8]}"),
        "2: model.hiden: model mlp takes no parameter 'hiden'; did you mean 'hidden'?",
    ),
    "text as a number of units": (
        with_keys(model="{family: mlp, hidden: [x]}"),
        "2: model.hidden: model mlp: must be a whole number, found 'x'",
    ),
    "a layer without units": (
        with_keys(model="{family: mlp, hidden: [0]}"),
        "2: model.hidden: model mlp: hidden must be numbers of units, each at least 1, found [0]",
    ),
    "a number where a list is meant": (
        with_keys(model="{family: mlp, hidden: 8}"),
        "2: model.hidden: model mlp: must be a list, found 8",
    ),
    "all units dropped": (
        with_keys(model="{family: mlp, dropout: 1.5}"),
        "2: model.dropout: model mlp: dropout must be at least 0 and below 1, found 1.5",
    ),
    "an activation that is not known": (
        with_keys(model="{family: mlp, activation: rlu}"),
        "2: model.activation: model mlp: activation must be one of 'relu', 'tanh', 'gelu', 'silu',",
    ),
    "a wrong key below parameters": (
        with_keys(model="{family: mlp, parameters: {hiden: 3}}"),
        "2: model.parameters.hiden: model mlp takes no parameter 'hiden'; did you mean 'hidden'?",
    ),
    "a list as parameters": (
        with_keys(model="{family: mlp, hidden: [8], parameters: [1]}"),
        "2: model.parameters: must be a mapping, found [1]",
    ),
    "a family of nothing": (
        with_keys(model="{family: null, hidden: [8]}"),
        "2: model: name a family, or a file to begin with; there are: ",
    ),
    "a number as the family": (
        with_keys(model="{family: 3, hidden: [8]}"),
        "2: model.family: must be a string, found 3; write it in quotes",
    ),
    "a dataset that is not known": (
        with_keys(data="{source: digit}"),
        "3: data.source: there is no dataset 'digit'; did you mean 'digits'?",
    ),
    "neither source nor file": (with_keys(data="{batch: 3}"), "3: data: name a source or a file; there are: "),
    "a source and a file": (with_keys(data="{source: digits, file: a.h5}"), "3: data: names both; leave one out"),
    "a misspelled key beside parameters": (
        with_keys(data="{source: digits, bacth: 3}"),
        "3: data.bacth: data digits takes no parameter 'bacth'; did you mean 'batch'?",
    ),
    "an empty batch": (
        with_keys(data="{source: digits, batch: 0}"),
        "3: data.batch: must be greater than or equal to 1, found 0",
    ),
    "half a sample": (
        with_keys(data="{source: digits, batch: 1.5}"),
        "3: data.batch: must be a whole number, found 1.5",
    ),
    "a number in quotes": (
        with_keys(data="{source: digits, batch: '64'}"),
        "3: data.batch: must be a whole number, found '64'",
    ),
    "nothing to train on": (
        with_keys(data="{file: a.h5, validation: 0.5, test: 0.5}"),
        "3: data.test: validation 0.5 and test 0.5 leave nothing to train on; their sum has to be below 1",
    ),
    "a share of all": (
        with_keys(data="{file: a.h5, validation: 1}"),
        "3: data.validation: must be less than 1, found 1",
    ),
    "no memory": (with_keys(data="{file: a.h5, limit_mb: 0}"), "3: data.limit_mb: must be greater than 0, found 0"),
    "a loss that needs targets": (
        with_keys(data="{file: a.h5, targets: null}"),
        "3: data.targets: loss 'supervised' needs targets, and there are none (null); name them",
    ),
    "a key of files that is not known": (
        with_keys(data="{file: a.h5, tyle: 3}"),
        "3: data.tyle: data of files takes no parameter 'tyle'; did you mean 'tile'?",
    ),
    "a layout that is not known": (
        with_keys(data="{file: a.h5, layout: foo}"),
        "3: data.layout: data of files: layout must be one of 'channels-first', 'channels-last', found 'foo'",
    ),
    "text as a seed of the data": (
        with_keys(data="{source: digits, seed: x}"),
        "3: data.seed: data digits: must be a whole number, found 'x'",
    ),
    "yes": (with_keys(data="{source: digits, scale: yes}"), "3: data.scale: must be true or false, found 'yes'"),
    "an unknown key": (with_keys("epoch: 3"), "4: epoch: unknown key; did you mean 'epochs'?"),
    "no epochs": (with_keys("epochs: 0"), "4: epochs: must be greater than or equal to 1, found 0"),
    "half an epoch": (with_keys("epochs: 1.5"), "4: epochs: must be a whole number, found 1.5"),
    "text as epochs": (with_keys("epochs: many"), "4: epochs: must be a whole number, found 'many'"),
    "true as epochs": (with_keys("epochs: true"), "4: epochs: must be a whole number, found True"),
    "a loss that is not known": (
        with_keys("loss: crossentropy"),
        "4: loss.name: there is no loss 'crossentropy'; did you mean 'cross-entropy'?",
    ),
    "a parameter of the loss that is not known": (
        with_keys("loss: {name: cross-entropy, smoothing: 0.1}"),
        "4: loss.smoothing: loss cross-entropy takes no parameter 'smoothing'; did you mean",
    ),
    "a parameter of the loss out of its range": (
        with_keys("loss: {name: cross-entropy, label_smoothing: 2}"),
        "4: loss.label_smoothing: loss cross-entropy: label_smoothing must be at least 0 and below 1, found",
    ),
    "a list as the loss": (with_keys("loss: [a]"), "4: loss: must be a mapping, found ['a']"),
    "an optimiser that is not known": (
        with_keys("optimizer: adm"),
        "4: optimizer.name: there is no optimizer 'adm'; did you mean 'adam'?",
    ),
    "a rate of 0": (with_keys("optimizer: {rate: 0}"), "4: optimizer.rate: must be greater than 0, found 0"),
    "text as a rate": (with_keys("optimizer: {rate: fast}"), "4: optimizer.rate: must be a number, found 'fast'"),
    "torch's word for the rate": (
        with_keys("optimizer: {lr: 0.1}"),
        "4: optimizer.lr: optimizer adam takes no parameter 'lr'; did you mean 'rate'?",
    ),
    "a parameter of a head that is not known": (
        with_keys("optimizer: {name: qubo-svm-head, samles: 3}"),
        "4: optimizer.samles: optimizer qubo-svm-head takes no parameter 'samles'; did you mean 'samples'?",
    ),
    "a parameter of another optimiser": (
        with_keys("optimizer: {name: sgd, betas: [0, 1]}"),
        "4: optimizer.betas: optimizer sgd takes no parameter 'betas'; there are: ",
    ),
    "a parameter of the optimiser out of its range": (
        with_keys("optimizer: {betas: [0.9, 1]}"),
        "4: optimizer.betas: optimizer adam: betas must be at least 0 and below 1, found 1.0",
    ),
    "too few values": (
        with_keys("optimizer: {betas: [0.9]}"),
        "4: optimizer.betas: optimizer adam: has too few values, found [0.9]",
    ),
    "parameters that do not fit each other": (
        with_keys("optimizer: {name: sgd, nesterov: true}"),
        "4: optimizer.nesterov: optimizer sgd: nesterov needs a momentum above 0, and dampening 0",
    ),
    "a negative momentum": (
        with_keys("optimizer: {name: sgd, momentum: -1}"),
        "4: optimizer.momentum: optimizer sgd: momentum must be at least 0, found -1.0",
    ),
    "an infinite rate": (with_keys("optimizer: {rate: .inf}"), "4: optimizer.rate: must be a finite number, found inf"),
    "a schedule that is not known": (
        with_keys("schedule: cosin"),
        "4: schedule.name: there is no schedule 'cosin'; did you mean 'cosine'?",
    ),
    "a negative warm-up": (
        with_keys("schedule: {warmup: -1}"),
        "4: schedule.warmup: must be greater than or equal to 0, found -1",
    ),
    "nothing but warm-up": (
        with_keys("epochs: 2", "schedule: {name: cosine, warmup: 2}"),
        "5: schedule.warmup: 2 epochs of warmup are all that is trained: epochs is 2",
    ),
    "a parameter of another schedule": (
        with_keys("schedule: {name: cosine, gamma: 3}"),
        "4: schedule.gamma: schedule cosine takes no parameter 'gamma'; there are: ",
    ),
    "a parameter of the schedule out of its range": (
        with_keys("schedule: {name: cosine, minimum: 2}"),
        "4: schedule.minimum: schedule cosine: minimum must be from 0 to 1, found 2.0",
    ),
    "no micro-batch": (with_keys("accumulate: 0"), "4: accumulate: must be greater than or equal to 1, found 0"),
    "more micro-batches than samples": (
        with_keys("accumulate: 65"),
        "4: accumulate: a batch of 64 samples has no 65 parts; ask for at most 64",
    ),
    "gradients clipped to nothing": (with_keys("clip: 0"), "4: clip: must be greater than 0, found 0"),
    "a precision that is not known": (
        with_keys("precision: fp32"),
        "4: precision: must be 'float32', 'bf16', 'fp16' or 'float64', found 'fp32'",
    ),
    "a strategy that is not known": (
        with_keys("distribution: dpp"),
        "4: distribution: must be 'auto', 'none', 'ddp' or 'horovod', found 'dpp'",
    ),
    "a number as early stopping": (with_keys("early_stopping: 5"), "4: early_stopping: must be a mapping, found 5"),
    "no patience": (
        with_keys("early_stopping: {patience: 0}"),
        "4: early_stopping.patience: must be greater than or equal to 1, found 0",
    ),
    "a misspelled key of early stopping": (
        with_keys("early_stopping: {patiense: 3}"),
        "4: early_stopping.patiense: unknown key; did you mean 'patience'?",
    ),
    "a negative gain": (
        with_keys("early_stopping: {minimum: -1}"),
        "4: early_stopping.minimum: must be greater than or equal to 0, found -1",
    ),
    "saved all the time": (
        with_keys("checkpoint_every: 0"),
        "4: checkpoint_every: a duration must be a finite number of seconds above 0, found 0",
    ),
    "no time": (
        with_keys("checkpoint_every: soon"),
        "4: checkpoint_every: a duration must be a time such as 90, 90s, 10m or 2h, found 'soon'",
    ),
    "1 for true": (with_keys("deterministic: 1"), "4: deterministic: must be true or false, found 1"),
    "a negative seed": (with_keys("seed: -1"), "4: seed: must be a whole number from 0 to 4294967295, found -1"),
    "a seed with a point": (with_keys("seed: 1e3"), "4: seed: must be a whole number, found 1000.0"),
    "a seed too large": (
        with_keys("seed: 5000000000"),
        "4: seed: must be a whole number from 0 to 4294967295, found 5000000000",
    ),
    "a framework that is not known": (
        with_keys("framework: tensorflow"),
        "4: framework: must be 'torch', 'keras' or 'statsmodels', found 'tensorflow'",
    ),
    "another framework's family": (
        with_keys("framework: keras"),
        "4: framework: mlp is trained by torch, not by keras; leave framework out, or write torch",
    ),
    "a tool that is not known": (
        with_keys("tracking: wandb"),
        "4: tracking: must be 'mlflow' or 'clearml', found 'wandb'",
    ),
    "no tool": (with_keys("tracking: {uri: a}"), "4: tracking.tool: this key is missing"),
    "an address for ClearML": (
        with_keys("tracking: {tool: clearml, uri: http://x}"),
        "4: tracking.uri: ClearML reads the address of its server from its own file; leave uri out",
    ),
    "a password": (
        with_keys("tracking: {tool: mlflow, uri: 'http://me:pw@x'}"),
        "4: tracking.uri: must say no password and no token; MLflow reads MLFLOW_TRACKING_USERNAME and",
    ),
    "a token in an address": (
        with_keys("tracking: {tool: mlflow, uri: 'http://h/?token=abc'}"),
        "4: tracking.uri: must say no password and no token",
    ),
    "a token as a user": (
        with_keys("tracking: {tool: mlflow, uri: 'http://onlytoken@h/'}"),
        "4: tracking.uri: must say no password and no token",
    ),
    "a token": (with_keys("tracking: {tool: mlflow, token: x}"), "4: tracking.token: unknown key; there are: "),
    "a text as run": (with_keys("run: juwels"), "4: run: must be a mapping, found 'juwels'"),
    "no nodes": (with_keys("run: {nodes: 0}"), "4: run.nodes: must be greater than or equal to 1, found 0"),
    "negative GPUs": (with_keys("run: {gpus: -1}"), "4: run.gpus: must be greater than or equal to 0, found -1"),
    "a time in words": (
        with_keys("run: {time: long}"),
        "4: run.time: a duration must be a time such as 90, 90s, 10m or 2h, found 'long'",
    ),
    "a time of 0": (
        with_keys("run: {time: 0}"),
        "4: run.time: a duration must be a finite number of seconds above 0, found 0",
    ),
    "a misspelled key of run": (with_keys("run: {node: 2}"), "4: run.node: unknown key; did you mean 'nodes'?"),
    "two Pythons": (
        with_keys("run: {venv: a, container: b}"),
        "4: run.venv: a container has its own Python; leave venv or container out",
    ),
    "one process on two nodes": (
        with_keys("distribution: none", "run: {nodes: 2}"),
        "4: distribution: none is one process, and run asks for 2; write auto",
    ),
    "half precision without GPUs": (
        with_keys("precision: fp16", "run: {gpus: 0}"),
        "4: precision: fp16 needs a GPU, and run asks for none; write bf16 or float32",
    ),
    "a number as needs": (with_keys("run: {needs: 3}"), "4: run.needs: must be a string, found 3; write it in quotes"),
    "a list as a variable": (
        with_keys("run: {environment: {A: [1]}}"),
        "4: run.environment.A: must be a string, found [1]",
    ),
    "a number among needs": (with_keys("run: {needs: [3]}"), "4: run.needs: must be a string, found [3]"),
    "no space": (with_keys("search: {}"), "4: search.space: this key is missing"),
    "an empty space": (
        with_keys("search: {space: {}}"),
        "4: search.space: is empty; name a key and its values, e.g. optimizer.rate: {low: 1e-5, high: 0.1}",
    ),
    "a key of the space that is not known": (
        with_keys("search:", "  space:", "    optimizer.rat: [1]"),
        "6: search.space.optimizer.rat[0]: optimizer.rat cannot be 1: optimizer adam takes no parameter",
    ),
    "a range without an end": (
        with_keys("search:", "  space:", "    optimizer.rate: {low: 1}"),
        "6: search.space.optimizer.rate.high: this key is missing",
    ),
    "a range of nothing": (
        with_keys("search:", "  space:", "    optimizer.rate: {low: 1, high: 1}"),
        "6: search.space.optimizer.rate.high: must be above low, which is 1, found 1",
    ),
    "a logarithm of 0": (
        with_keys("search:", "  space:", "    optimizer.rate: {low: 0, high: 1, log: true}"),
        "6: search.space.optimizer.rate.low: must be above 0 where log is true, found 0",
    ),
    "a range that begins out of range": (
        with_keys("search:", "  space:", "    optimizer.rate: {low: 0, high: 1}"),
        "6: search.space.optimizer.rate.low: optimizer.rate cannot be 0: must be greater than 0, found 0",
    ),
    "a parameter of the space that is not known": (
        with_keys("search:", "  space:", "    model.widht: [1, 2]"),
        "6: search.space.model.widht[0]: model.widht cannot be 1: model mlp takes no parameter 'widht';",
    ),
    "a choice out of its range": (
        with_keys("search:", "  space:", "    model.dropout: [0.5, 2]"),
        "6: search.space.model.dropout[1]: model.dropout cannot be 2: model mlp: dropout must be at least 0",
    ),
    "no choices": (
        with_keys("search:", "  space:", "    optimizer.rate: []"),
        "6: search.space.optimizer.rate: names no values",
    ),
    "a choice twice": (
        with_keys("search:", "  space:", "    optimizer.rate: [0.1, 0.1]"),
        "6: search.space.optimizer.rate[1]: 0.1 is there twice; leave one out",
    ),
    "a search over nodes": (
        with_keys("search:", "  space:", "    run.nodes: [1, 2]"),
        "6: search.space.run.nodes: run is the same in all trials; search over another key",
    ),
    "an engine that is not known": (
        with_keys("search:", "  engine: hyperopt", "  space:", "    optimizer.rate: [0.1, 0.2]"),
        "5: search.engine: must be 'optuna', 'qubo' or 'ray', found 'hyperopt'",
    ),
    "a backend of another engine": (
        with_keys("search:", "  backend: exact", "  space:", "    optimizer.rate: [0.1, 0.2]"),
        "5: search.backend: is of engine qubo, not of optuna; leave it out",
    ),
    "a backend that is not known": (
        with_keys("search:", "  engine: qubo", "  backend: cpuu", "  space:", "    optimizer.rate: [0.1, 0.2]"),
        "6: search.backend: no backend is called 'cpuu'; did you mean 'cpu'? There are: cpu, exact, gpu,",
    ),
    "no trials": (
        with_keys("search:", "  trials: 0", "  space:", "    optimizer.rate: [0.1, 0.2]"),
        "5: search.trials: must be greater than or equal to 1, found 0",
    ),
    "a step longer than its range": (
        with_keys("search:", "  space:", "    optimizer.rate: {low: 0.1, high: 1, step: 2}"),
        "6: search.space.optimizer.rate.step: must be above 0 and at most high - low = 0.9, found 2",
    ),
    "fractions of whole numbers": (
        with_keys("search:", "  space:", "    epochs: {low: 1.5, high: 3}"),
        "6: search.space.epochs.low: epochs cannot be 1.5: must be a whole number, found 1.5",
    ),
    "a number as a range": (
        with_keys("search:", "  space:", "    optimizer.rate: 3"),
        "6: search.space.optimizer.rate: must be a mapping, found 3",
    ),
    "a choice that is not known": (
        with_keys("search:", "  space:", "    precision: [float32, f16]"),
        "6: search.space.precision[1]: precision cannot be 'f16': must be 'float32', 'bf16', 'fp16' or",
    ),
    "an empty key": (
        with_keys("search:", "  space:", "    optimizer..rate: [1]"),
        "6: search.space.optimizer..rate[0]: optimizer..rate cannot be 1: must be the name of a key, such as",
    ),
    "lbfgs in half precision": (
        with_keys("optimizer: lbfgs", "precision: fp16"),
        "5: precision: lbfgs looks at a loss several times a step, which scaled losses of fp16 do not allow",
    ),
    "a plateau of nothing": (
        with_keys(data="{file: a.h5, validation: 0}\nschedule: plateau"),
        "4: schedule: looks at the validation data, of which data: {validation: 0} leaves none",
    ),
    "early stopping without validation data": (
        with_keys(data="{file: a.h5, validation: 0}\nearly_stopping: {}"),
        "4: early_stopping: looks at the validation data, of which data: {validation: 0} leaves none",
    ),
    "ranks for statsmodels": (
        with_keys(model="arima", data="{source: digits}\ndistribution: ddp"),
        "4: distribution: framework statsmodels trains in one process, in float32, and keeps no states in",
    ),
    "ranks for statsmodels, named": (
        with_keys(model="arima", data="{source: digits}\nframework: statsmodels\ndistribution: ddp"),
        "5: distribution: framework statsmodels trains in one process, in float32, and keeps no states in",
    ),
    "torch for statsmodels": (
        with_keys(model="arima", data="{source: digits}\nframework: torch"),
        "4: framework: arima is trained by statsmodels, not by torch; leave framework out, or write",
    ),
    "a key twice": (with_keys("epochs: 1", "epochs: 2"), "5: found key 'epochs' twice, first on line 4; leave one out"),
    "a tab": (with_keys("\tepochs: 1"), "4: cannot be read as YAML: a tab; indent with blanks"),
}


def read(text: str, folder: Path, overrides: Any = ()) -> Task:
    (folder / "s.yaml").write_text(text)
    return read_task(folder / "s.yaml", overrides)


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_specification_is_one_line_with_its_place(case: str, tmp_path: Path) -> None:
    text, expected = WRONG[case]
    with pytest.raises(FormatError) as caught:
        read(text, tmp_path)
    said = str(caught.value)
    assert said.removeprefix(f"{tmp_path / 's.yaml'}:").startswith(expected)
    assert "\n" not in said


def test_the_specification_of_the_documentation_is_read(tmp_path: Path) -> None:
    task = read(
        "model: mlp\ndata: digits\nloss: cross-entropy\noptimizer: sgd\nschedule: cosine\ntracking: mlflow\n", tmp_path
    )
    assert task.name == "s"  # of the file
    assert (task.model.family, task.data.source, task.loss.name) == ("mlp", "digits", "cross-entropy")
    assert task.tracking is not None
    assert (task.optimizer.name, task.schedule.name, task.tracking.tool) == ("sgd", "cosine", "mlflow")


def test_parameters_stand_beside_the_name_that_they_belong_to_or_below_it(tmp_path: Path) -> None:
    beside = read(with_keys(model="{family: mlp, hidden: [8]}"), tmp_path)
    below = read(with_keys(model="{family: mlp, parameters: {hidden: [8]}}"), tmp_path)
    assert beside.model == below.model
    assert beside.model.parameters == {"hidden": [8]}


def test_lbfgs_may_have_micro_batches(tmp_path: Path) -> None:
    assert read(with_keys("optimizer: lbfgs", "accumulate: 2"), tmp_path).accumulate == 2


def test_a_family_names_the_framework_that_trains_it(tmp_path: Path) -> None:
    assert read(with_keys(model="arima", data="sunspots"), tmp_path).framework == "statsmodels"
    assert read(with_keys(), tmp_path).framework == "torch"


class TestOverrides:
    def test_values_are_yaml(self, tmp_path: Path) -> None:
        task = read(
            with_keys(),
            tmp_path,
            ["optimizer.rate=1e-2", "model.hidden=[4, 4]", "early_stopping={patience: 2}", "clip="],
        )
        assert task.optimizer.rate == 0.01
        assert task.model.parameters == {"hidden": [4, 4]}
        assert task.early_stopping is not None
        assert task.early_stopping.patience == 2
        assert task.clip is None

    def test_a_text_that_stands_for_a_mapping_keeps_its_meaning(self, tmp_path: Path) -> None:
        task = read(
            with_keys("optimizer: sgd", model="mlp"), tmp_path, {"optimizer.momentum": 0.9, "model.hidden": [3]}
        )
        assert (task.optimizer.name, task.optimizer.parameters) == ("sgd", {"momentum": 0.9})
        assert (task.model.family, task.model.parameters) == ("mlp", {"hidden": [3]})

    def test_keys_of_a_space_have_dots_themselves(self, tmp_path: Path) -> None:
        task = read(with_keys(), tmp_path, ["search.space.optimizer.rate={low: 0.1, high: 1}"])
        assert task.search is not None
        assert list(task.search.space) == ["optimizer.rate"]

    @pytest.mark.parametrize(
        ("pair", "said"),
        [
            ("epochs=0", "--set epochs: must be greater than or equal to 1, found 0"),
            ("epoch=3", "--set epoch: unknown key; did you mean 'epochs'?"),
            ("model.hiden=[3]", "--set model.hiden: model mlp takes no parameter 'hiden'; did you mean 'hidden'?"),
            ("model={family: mlp, hiden: 3}", "--set model.hiden: model mlp takes no parameter 'hiden'"),
            ("epochs.x=3", "--set epochs.x: epochs has no keys"),
            ("epochs", "--set: write it as KEY=VALUE, such as optimizer.rate=0.01, found 'epochs'"),
            ("=3", "--set: write it as KEY=VALUE"),
            ("optimizer..rate=3", "--set: must be the name of a key, such as optimizer.rate"),
            ("model.hidden=[3", "--set model.hidden:"),
            ("optimizer.name=adm", "--set optimizer.name: there is no optimizer 'adm'; did you mean 'adam'?"),
        ],
    )
    def test_a_wrong_one_is_told_by_its_name(self, pair: str, said: str, tmp_path: Path) -> None:
        with pytest.raises(HqmlError) as caught:
            read(with_keys("epochs: 3"), tmp_path, [pair])
        assert str(caught.value).startswith(said)

    def test_it_is_told_before_what_is_wrong_with_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(FormatError, match=r"^--set clip:"):
            read(with_keys("epochs: 0"), tmp_path, ["clip=-1"])

    @given(
        place=st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple),
        value=st.integers(),
        other=st.dictionaries(st.sampled_from("xyz"), st.integers()),
    )
    def test_putting_a_value_changes_nothing_else(
        self, place: tuple[str, ...], value: int, other: dict[str, int]
    ) -> None:
        found: Any = put(dict(other), place, value)
        assert {key: found[key] for key in other} == other
        for key in place:
            found = found[key]
        assert found == value
        assert place_of(".".join(place)) == place


class TestACompleteTask:
    def test_has_the_values_of_its_architecture(self, tmp_path: Path) -> None:
        task = completed(read(with_keys(model="mlp"), tmp_path))
        assert task.model.parameters == {"hidden": (128, 128), "activation": "relu", "dropout": 0.0}
        assert task.data.parameters == {"seed": 0}
        assert (task.loss.name, task.optimizer.name, task.optimizer.rate) == ("supervised", "adam", 1e-3)
        assert task.data.scale is True

    def test_keeps_what_is_said(self, tmp_path: Path) -> None:
        said = with_keys(
            "optimizer: {name: sgd, rate: 0.3}", "loss: cross-entropy", data="{source: digits, scale: false}"
        )
        task = completed(read(said, tmp_path))
        assert (task.loss.name, task.optimizer.name, task.optimizer.rate) == ("cross-entropy", "sgd", 0.3)
        assert task.data.scale is False

    def test_leaves_another_optimiser_its_own_rate(self, tmp_path: Path) -> None:
        assert completed(read(with_keys("optimizer: sgd"), tmp_path)).optimizer.rate is None

    @pytest.mark.parametrize(
        "text",
        [
            with_keys(),
            with_keys("clip: 1.0", "tracking: {tool: mlflow, register: x}", "run: {site: juwels, time: 2h}"),
            with_keys(model="ae", data="{file: a.h5, targets: null, tile: 3}"),
            with_keys("search: {space: {optimizer.rate: {low: 1e-5, high: 0.1, log: true}, model.dropout: [0, 0.5]}}"),
            with_keys("early_stopping: {}", "schedule: {name: cosine, minimum: 0.1, warmup: 1}", model="mlp"),
        ],
    )
    def test_is_the_same_when_it_is_written_and_read(self, text: str, tmp_path: Path) -> None:
        task = completed(read(text, tmp_path))
        again = completed(read(task_text(task), tmp_path))
        assert again.model_dump_json() == task.model_dump_json()
        carried = Task.model_validate_json(task.model_dump_json(by_alias=True))
        assert carried.model_dump_json() == task.model_dump_json()


def test_what_is_written_holds_no_secret(tmp_path: Path) -> None:
    text = with_keys("run: {environment: {HF_TOKEN: planted}}", "tracking: {tool: mlflow, uri: 'http://x:1'}")
    assert "planted" not in task_text(read(text, tmp_path))


def test_half_precision_needs_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    (tmp_path / "s.yaml").write_text(with_keys("epochs: 3", "precision: fp16"))
    task, places = open_task(tmp_path / "s.yaml")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    check_here(task, places)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(FormatError, match=r"s\.yaml:5: precision: fp16 needs a GPU"):
        check_here(task, places)
    with pytest.raises(ParameterError, match="precision: fp16 needs a GPU"):
        check_here(task)


def test_without_torch_a_task_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where jobs are written there need be no torch; then nobody looks at the parameters of models."""
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    for name in list(sys.modules):
        if name.startswith(("hqml.dl.zoo.", "hqml.dl.objectives.")):
            monkeypatch.delitem(sys.modules, name)
    assert read(with_keys("loss: cross-entropy", model="{family: mlp, hiden: 3}"), tmp_path).model.family == "mlp"
    with pytest.raises(FormatError, match="there is no model family 'mpl'"):
        read(with_keys(model="mpl"), tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=True) | st.text("ab{}[]:,\n'\"$", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["family", "name", "x", "rate"]), inner)
    ),
    max_leaves=4,
)


@settings(max_examples=150)
@given(key=st.sampled_from(sorted(Task.model_fields)), value=VALUES)
def test_whatever_a_key_holds_it_is_taken_or_refused_in_one_line(key: str, value: Any, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(with_keys())
    said = ""
    try:
        read_task(tmp_path / "s.yaml", {key: value})
    except HqmlError as error:
        said = str(error)
    assert "\n" not in said
