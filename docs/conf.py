"""The documentation's site: `make docs`. It asks nothing of the net, neither when it is built nor when it is read."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "hqml"
author = "The hqml maintainers"
version = release = installed("hqml")
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_copybutton",
    "docstrings",
    "pages",
    "signatures",
]
exclude_patterns = ["*.py", "**/*.py", "**/.ipynb_checkpoints"]

# Files that pages link to, by their path in the repository: on the site they are pages too.
outside_pages = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/results/*.md",
    "benchmarks/study/study.yaml",
    "examples/*.py",
    "examples/*/README.md",
    "examples/msa/*.py",
    "examples/msa/workflow.yaml",
    "examples/plugin/*/*.py",
    "examples/plugin/pyproject.toml",
    "hqml/problems/exactly_k.py",
]
stand_ins = {"README.md": "index", "benchmarks/results": "benchmarks", "examples": "gallery"}
pages_below = {
    "benchmarks": ["/benchmarks/results/*", "/benchmarks/study/study"],
    "dl/README": ["specifications", "data", "training", "zoo", "head", "onnx", "tracking", "search"],
    "dl/head": ["/examples/head/README"],
    "dl/zoo": ["physics", "particles"],
    "estimators/README": ["qubo_*", "local_*", "qboost_*", "aggregation"],
    "estimators/qubo_feature_selector": ["/hqml/problems/exactly_k"],
    "examples/msa/README": ["workflow", "prepare", "network", "study", "cells", "report"],
    "examples/plugin/README": ["pyproject", "hqml_highs/*", "tests/*"],
    "gallery": ["/examples/*"],
    "hpc/README": ["workflows", "jobs", "sites", "modules", "ssh", "kernels", "containers", "/examples/msa/README"],
    "hpc/sites": ["juwels", "jureca-dc", "jusuf", "deep", "marenostrum5", "lumi", "vega", "local"],
    "notebooks": ["notebooks/*"],
    "plugins": ["/examples/plugin/README"],
}

# Pages are Markdown; what they say in $ or {} is shell or YAML, so that neither formulas nor substitutions are on.
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

default_role = "hqml"
autosummary_generate = False
smartquotes = False  # what stands in quotation marks is a value to type
autodoc_class_signature = "mixed"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
ALIASES = ["AnyBackend", "Array", "Count", "Floats", "Form", "Function", "Ints", "Kind", "Labels", "Scalar", "States"]
autodoc_type_aliases = {name: name for name in ALIASES} | {"npt.ArrayLike": "ArrayLike"}
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"hqml {release}"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["hqml.css"]
html_copy_source = False
html_domain_indices = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
