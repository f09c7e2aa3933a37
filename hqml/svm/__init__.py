"""Support vector machines trained as QUBOs, with scikit-learn's conventions."""

from hqml.svm._warnings import BiasWarning as BiasWarning
from hqml.svm._warnings import DegenerateWarning as DegenerateWarning
from hqml.svm._warnings import SaturationWarning as SaturationWarning
from hqml.svm.ensemble import QuboSVCEnsemble as QuboSVCEnsemble
from hqml.svm.local_svc import LocalQuboSVC as LocalQuboSVC
from hqml.svm.local_twin import LocalSVC as LocalSVC
from hqml.svm.multiclass_svc import QuboMulticlassSVC as QuboMulticlassSVC
from hqml.svm.multiclass_twin import MulticlassSVC as MulticlassSVC
from hqml.svm.qubo_svc import QuboSVC as QuboSVC
from hqml.svm.qubo_svr import QuboSVR as QuboSVR
from hqml.svm.twin import SVCSliceEnsemble as SVCSliceEnsemble

__all__ = [
    "BiasWarning",
    "DegenerateWarning",
    "LocalQuboSVC",
    "LocalSVC",
    "MulticlassSVC",
    "QuboMulticlassSVC",
    "QuboSVC",
    "QuboSVCEnsemble",
    "QuboSVR",
    "SVCSliceEnsemble",
    "SaturationWarning",
]
