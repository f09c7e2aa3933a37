"""Compare backends: one problem, or a study of many, on many solvers, with honest figures and one report."""

from hqml.compare.study import LearningProblem as LearningProblem
from hqml.compare.study import QuboProblem as QuboProblem
from hqml.compare.study import Solver as Solver
from hqml.compare.study import Study as Study

__all__ = ["LearningProblem", "QuboProblem", "Solver", "Study"]
