"""`%load_ext hqml.notebook`: every dimod.SampleSet of the notebook shows its summary. Models, comparisons and
estimators of hqml show themselves without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dimod

_HOME, _CLASS = "dimod.sampleset", "SampleSet"


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython. Text outputs, as in a terminal, stay dimod's."""
    shell.display_formatter.formatters["text/html"].for_type_by_name(_HOME, _CLASS, _shown)


def unload_ipython_extension(shell: Any) -> None:
    """Called by `%unload_ext hqml.notebook`."""
    import dimod

    formatter = shell.display_formatter.formatters["text/html"]
    formatter.pop(dimod.SampleSet, None)  # known by its class once one was shown, by its name before
    formatter.pop(f"{_HOME}.{_CLASS}", None)


def _shown(samples: dimod.SampleSet) -> str:
    from hqml.samples import summary

    return summary(samples)._repr_html_()
