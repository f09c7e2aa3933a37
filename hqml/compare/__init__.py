"""Compare backends: one problem, or a study of many, on many solvers, with honest figures and one report.

```python
import hqml
found = hqml.compare.run("G22.mc.gz", ["cpu", "neal", "tabu"], target="99%", seeds=5, store="G22.cells")
print(*found.words, sep="\\n")
found.report("G22.html")
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.compare.budget import Budget as Budget
    from hqml.compare.comparison import Comparison as Comparison
    from hqml.compare.outcome import Outcome as Outcome
    from hqml.compare.problems import learning_problem as learning_problem
    from hqml.compare.problems import qubo_problem as qubo_problem
    from hqml.compare.running import run as run
    from hqml.compare.study import LearningProblem as LearningProblem
    from hqml.compare.study import QuboProblem as QuboProblem
    from hqml.compare.study import Solver as Solver
    from hqml.compare.study import Study as Study
    from hqml.compare.study_file import read_study as read_study

_HOMES = {
    "Budget": "budget",
    "Comparison": "comparison",
    "LearningProblem": "study",
    "Outcome": "outcome",
    "QuboProblem": "study",
    "Solver": "study",
    "Study": "study",
    "learning_problem": "problems",
    "qubo_problem": "problems",
    "read_study": "study_file",
    "run": "running",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    # As in hqml/__init__.py: what runs a study brings in scikit-learn and dimod, seconds that no help waits for.
    if name in _HOMES:
        value = getattr(import_module(f"hqml.compare.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'hqml.compare' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
