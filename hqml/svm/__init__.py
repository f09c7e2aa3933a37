"""Support vector machines trained as QUBOs, with scikit-learn's conventions."""

from hqml.svm._warnings import BiasWarning as BiasWarning
from hqml.svm._warnings import DegenerateWarning as DegenerateWarning
from hqml.svm._warnings import SaturationWarning as SaturationWarning
from hqml.svm.ensemble import QuboSVCEnsemble as QuboSVCEnsemble
from hqml.svm.qubo_svc import QuboSVC as QuboSVC
from hqml.svm.twin import SVCSliceEnsemble as SVCSliceEnsemble

__all__ = [
    "BiasWarning",
    "DegenerateWarning",
    "QuboSVC",
    "QuboSVCEnsemble",
    "SVCSliceEnsemble",
    "SaturationWarning",
]
