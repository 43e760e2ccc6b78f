"""How Sphinx builds the site: `make docs`, offline, every warning an error.

The source folder is the root of the repository, so that a link between two Markdown files leads to the same
page on the site and on a code host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pygments.lexers import JsonLexer  # type: ignore[import-untyped]

import brahma

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Brahma"
author = "the authors of Brahma"
project_copyright = "The authors of Brahma, Apache-2.0"
release = version = brahma.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
include_patterns = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "benchmarks/RESULTS.md",
    "examples/README.md",
    "docs/**.md",
]
exclude_patterns = [
    ".*",
    "docs/_build",
    "docs/changelog.d",
    "packages",
    "plugins",
    "tests",
]

# Only names of our own have a page here: the site is built without a network.
nitpick_ignore_regex = [("py:.*", r"(?!brahma\b).*")]
nitpick_ignore = [  # typed sections: their page is the reference of the configuration
    ("py:class", "brahma.core.config.resolve.ResolvedConfig"),
    ("py:class", "brahma.core.config.sections.Choice"),
    ("py:class", "brahma.core.config.sections.Config"),
    ("py:class", "brahma.train.options.TrainerOptions"),
    ("py:class", "brahma.train.search.opening.SearchOptions"),
    ("py:class", "brahma.train.search.storage.Definition"),
]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"Brahma {release}"
html_static_path = ["_static"]
html_css_files = ["brahma.css"]
html_extra_path = ["_redirect"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "sidebar_hide_name": False,
    "light_css_variables": {"color-brand-primary": "#8a3b12", "color-brand-content": "#8a3b12"},
    "dark_css_variables": {"color-brand-primary": "#f0a060", "color-brand-content": "#f0a060"},
}
pygments_style = "default"
pygments_dark_style = "github-dark"
copybutton_exclude = ".linenos, .gp, .go"


def code_as_sphinx_writes_it(_app: Sphinx, *docstring: Any) -> None:
    """Docstrings write `name` as Markdown does; reStructuredText wants two backticks."""
    lines: list[str] = docstring[-1]
    text = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", "\n".join(lines))
    lines[:] = re.sub(r"(?<=\w``)(?=\w)", r"\\ ", text).split("\n")


def setup(app: Sphinx) -> None:
    """Called by Sphinx. Code is marked before napoleon, which splits attributes at a colon outside it."""
    app.add_lexer("jsonl", JsonLexer)
    app.connect("autodoc-process-docstring", code_as_sphinx_writes_it, priority=100)
