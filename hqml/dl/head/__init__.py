"""A deep network up to its last layer, and a support vector machine in its place whose dual a backend minimises: on a
CPU, a GPU, MPI ranks or an annealer. `optimizer: {name: qubo-svm-head, ...}` of a task asks for it.

Source: Tang, Deep Learning using Linear Support Vector Machines (2013), arXiv:1306.0239, of SVMs as heads; Willsch et
al. (2020), doi:10.1016/j.cpc.2019.107006, of their dual as a QUBO.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.dl.head.model import Headed as Headed
    from hqml.dl.head.model import features_of as features_of

__all__ = ["Headed", "features_of"]

NAME = "qubo-svm-head"
"""Of the optimiser."""


def __getattr__(name: str) -> Any:
    # Late: they need torch, and whoever checks a task does not.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hqml.dl.head import model

    return getattr(model, name)
