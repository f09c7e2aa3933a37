"""Deep learning from a specification to a tracked ONNX model, on any site.

```python
task = hqml.dl.read_task("landsat.yaml")
trained = hqml.dl.train(task, "out/landsat")     # on a laptop, or each rank of torchrun
model = hqml.dl.load("out/landsat/model.onnx")   # the trainable model again, with its weights
```

`spec` says what a task is; `zoo`, `objectives` and `datasets` are what it can name; `data` feeds, `training` trains,
`exchange` writes and reads ONNX, `tracking` and `search` speak to others' tools. torch is imported here alone, late.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.dl.exchange import load as load
    from hqml.dl.run import train as train
    from hqml.dl.spec import Task as Task
    from hqml.dl.spec_file import read_task as read_task

_HOMES = {"Task": "spec", "load": "exchange", "read_task": "spec_file", "train": "run"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hqml.dl.{_HOMES[name]}"), name)
