"""Configuration of Sphinx: builds these pages, and generates the reference first."""

import pathlib
import sys

_DOCS = pathlib.Path(__file__).parent
_ROOT = _DOCS.parent
sys.path[:0] = [str(_ROOT), str(_DOCS)]

import framework  # noqa: E402

project = "Whyflat"
author = "The Whyflat authors"
copyright = "The Whyflat authors, Apache License 2.0"
release = version = framework.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "generate", "reference/generated"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"Whyflat {release}"
html_static_path = ["static"]
html_css_files = ["wide_tables.css"]
# Sources have lines of any width, and spec strings hold quotes that must stay.
smartquotes = False

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# For `sphinx-build -b linkcheck`, which needs the network.
linkcheck_timeout = 20


def _generate(app) -> None:
    """Writes the generated parts of the reference."""
    from generate import causes, families, flags, grammar, schema

    folder = _DOCS / "reference" / "generated"
    folder.mkdir(exist_ok=True)
    pages = {
        "causes": causes.page,
        "families": families.page,
        "flags": flags.page,
        "grammar": grammar.page,
        "schema": schema.page,
    }
    for name, page in pages.items():
        path, text = folder / f"{name}.md", page()
        # An unchanged file is not built again.
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(app) -> None:
    """Registers the generator."""
    app.connect("builder-inited", _generate)
