"""What mkdocs calls while it builds the site: addresses, links to the sources, equations.

The addresses stand in one place, ``[project.urls]`` of pyproject.toml.
"""

from __future__ import annotations

import html
import re
import tomllib
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

ROOT = Path(__file__).resolve().parents[1]

OUTSIDE = re.compile(r"(\]\()\.\./([^)#\s]*)")
"""The start of a link to a file that is not a page, such as ``](../CHANGELOG.md``."""

EQUATION = re.compile(
    r'<(?P<tag>div|span) class="arithmatex">\\[\[(](?P<tex>.*?)\\[\])]</(?P=tag)>', re.DOTALL
)
"""What pymdownx.arithmatex makes of an equation."""


def on_config(config: Any) -> Any:
    """Take the addresses of the site and of the repository from pyproject.toml."""
    urls = read_urls()
    config.site_url = urls["Documentation"]
    config.repo_url = urls["Source"]
    config.repo_name = "Source"
    config.edit_uri = "blob/main/docs/"
    return config


def read_urls() -> dict[str, str]:
    """Return ``[project.urls]``."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    urls: dict[str, str] = tomllib.loads(text)["project"]["urls"]
    return urls


def on_page_markdown(markdown: str, config: Any, page: Any, **_: Any) -> str:
    """Point links to files beside the pages at the repository."""
    return link_sources(markdown, config.repo_url, page.file.src_uri)


def link_sources(markdown: str, repository: str, page: str) -> str:
    """Return Markdown whose links out of ``docs`` lead to the repository.

    Parameters
    ----------
    markdown
        Text of a page.
    repository
        Its address.
    page
        Name of the page, for errors.

    Raises
    ------
    PluginError
        When a file that a link names does not exist.
    """

    def address(found: re.Match[str]) -> str:
        path = ROOT / found[2]
        if not path.exists():
            raise PluginError(f"{page} links to {found[2]}, which does not exist")
        kind = "tree" if path.is_dir() else "blob"
        return f"{found[1]}{repository}/{kind}/main/{found[2]}".rstrip("/")

    return OUTSIDE.sub(address, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Write equations as MathML, which browsers draw without a script."""
    return EQUATION.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found["tag"] == "div" else "inline"
    return convert(html.unescape(found["tex"]).strip(), display=display)
