"""Settings of the documentation's builder, Sphinx."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "hubfleet"
author = "the hubfleet authors"
copyright = "the hubfleet authors, BSD-3-Clause"
version = release = version_of("hubfleet")

extensions = ["myst_parser", "hubfleet_docs"]
myst_enable_extensions = ["deflist", "colon_fence", "fieldlist"]
myst_heading_anchors = 3
nitpicky = True
exclude_patterns = ["_build", "_ext"]

html_theme = "furo"
html_title = f"hubfleet {release}"
html_show_sourcelink = False
pygments_style = "friendly"
