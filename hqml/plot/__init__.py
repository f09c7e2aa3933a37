"""Figures on matplotlib for notebooks and papers: the extra `plot`.

Each function draws one figure on the axes it is given, or on new ones, and returns the axes, so that titles, limits and
further lines are set in matplotlib's own way:

```python
import hqml
from hqml.svm import QuboSVC

svc = QuboSVC(random_state=0).fit(X, y)
axes = hqml.plot.energies(svc)
axes.set_title("100 reads")
```

Fonts, sizes and the ground are those of the reader's own matplotlib settings, which stay as they are.
"""

from hqml.plot.curves import roc as roc
from hqml.plot.histograms import energies as energies
from hqml.plot.losses import history as history
from hqml.plot.matrices import qubo as qubo
from hqml.plot.planes import decision as decision
from hqml.plot.times import comparison as comparison

__all__ = ["comparison", "decision", "energies", "history", "qubo", "roc"]
