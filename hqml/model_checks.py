"""Look into what a loaded model holds: numbers that compiled code would follow without asking."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse


def check_contents(value: Any, *, trees: bool = True) -> None:
    """Look into whatever holds indices: one that is out of range would reach foreign memory when it is used.

    Args:
        value: an estimator, or anything in it.
        trees: whether its trees are used by estimators that compare samples with them.

    Raises:
        ValueError: a sparse array or a tree is malformed, or a tree is used unchecked.
    """
    from sklearn.base import BaseEstimator
    from sklearn.tree._tree import Tree

    if isinstance(value, BaseEstimator):
        _check_width(value)
        _check_machine(value)
        # scikit-learn's ensembles check samples once, for themselves, and let their trees go unchecked.
        trees = trees and (type(value).__module__.startswith("hqml.") or not hasattr(value, "estimators_"))
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    elif isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    if isinstance(value, list | tuple):
        for one in value:
            check_contents(one, trees=trees)
    elif isinstance(value, scipy.sparse.csr_array | scipy.sparse.csr_matrix):
        value.check_format(full_check=True)
    elif isinstance(value, Tree):
        if not trees:
            raise ValueError("ensembles of scikit-learn use their trees unchecked")
        _check_tree(value)


def _check_width(estimator: Any) -> None:
    """scikit-learn compares samples with the estimator's number of features, and its tree then trusts them."""
    tree = getattr(estimator, "tree_", None)
    if tree is not None and tree.n_features != estimator.n_features_in_:
        raise ValueError("a tree splits by other features than its estimator takes")


def _check_machine(estimator: Any) -> None:
    """libsvm reads a coefficient of each support vector and an intercept of each pair of classes, whatever there is."""
    from sklearn.svm._base import BaseLibSVM

    if not isinstance(estimator, BaseLibSVM):
        return
    n, classes = estimator.support_vectors_.shape[0], len(estimator._n_support)
    pairs = classes * (classes - 1) // 2
    sizes = {"support_": n, "_intercept_": pairs}
    odd = [name for name, size in sizes.items() if np.size(getattr(estimator, name)) != size]
    odd += [name for name in ("_probA", "_probB") if np.size(getattr(estimator, name)) not in (0, pairs)]
    if odd or estimator._dual_coef_.shape != (classes - 1, n):
        raise ValueError(
            f"{type(estimator).__name__} has {', '.join(odd) or 'coefficients'} of another size than it uses"
        )


def _check_tree(tree: Any) -> None:
    """Children come after their node and splits are by features there are; `Tree` itself checks its arrays' shapes."""
    if tree.node_count < 1:
        raise ValueError("a tree has no nodes")
    inner = np.flatnonzero(tree.children_left != -1)
    below = np.stack([tree.children_left[inner], tree.children_right[inner]])
    if not ((below > inner) & (below < tree.node_count)).all():
        raise ValueError("a tree has a child out of range")
    if not ((tree.feature[inner] >= 0) & (tree.feature[inner] < tree.n_features)).all():
        raise ValueError("a tree splits by a feature out of range")
