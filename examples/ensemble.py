"""An ensemble on slices as small as an annealer needs them, and what the size of the slices is worth.

Digits 4 and 9 against the other eight, 1797 images of 8 x 8 pixels. Each row trains on all images, cut into slices of
the given size; all slices are one batch of QUBOs. The twin is libsvm on the very same slices.
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from hqml.svm import QuboSVC, QuboSVCEnsemble


def main() -> None:
    X, digit = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, np.isin(digit, (4, 9)), stratify=digit, random_state=0)
    table = Table("samples a slice", "slices", "AUROC", "its twin (SVC)", "seconds")
    for size in (20, 40, 80, 160, 320):
        slices = QuboSVC(class_weight="balanced", reads=50)
        model = QuboSVCEnsemble(slices, slice_size=size, random_state=0).fit(X, y)
        twin = model.classical_twin().fit(X, y)
        table.add_row(
            str(size),
            str(len(model.slices_)),
            f"{roc_auc_score(y_test, model.decision_function(X_test)):.4f}",
            f"{roc_auc_score(y_test, twin.decision_function(X_test)):.4f}",
            f"{model.timing_['total']:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
