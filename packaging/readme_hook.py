"""Make the links of the README absolute in the metadata of a package, whose page has no files beside it.

The README itself keeps its relative links, which work in a clone and on the page of the repository. Those to
pages of the documentation lead to the site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

IMAGE = re.compile(r"(!\[[^\]]*\]\()(?!https?:|#)([^)]+\))")
PAGE = re.compile(r"((?<!!)\[[^\]]*\]\()docs/([\w-]+)\.md((?:#[^)]*)?\))")
LINK = re.compile(r"((?<!!)\[[^\]]*\]\()(?!https?:|#)([^)]+\))")


class ReadmeHook(MetadataHookInterface):
    """Sets ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the README with absolute links into the metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        urls = metadata["urls"]
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, urls, f"v{metadata['version']}"),
        }


def with_absolute_links(text: str, urls: Mapping[str, str], tag: str) -> str:
    """Return Markdown whose relative links lead to pages of the site and to the files of a tag.

    Parameters
    ----------
    text
        Markdown.
    urls
        ``[project.urls]``: ``"Source"`` is the repository on GitHub, ``"Documentation"`` the site.
    tag
        Name of the tag.
    """
    source = urls["Source"]
    raw = source.replace("https://github.com/", "https://raw.githubusercontent.com/")
    text = IMAGE.sub(rf"\g<1>{raw}/{tag}/\g<2>", text)
    text = PAGE.sub(partial(_page_link, urls["Documentation"]), text)
    return LINK.sub(rf"\g<1>{source}/blob/{tag}/\g<2>", text)


def _page_link(site: str, found: re.Match[str]) -> str:
    """Return the start of a link to a page of the site, as mkdocs names it."""
    folder = "" if found[2] == "index" else f"{found[2]}/"
    return f"{found[1]}{site}{folder}{found[3]}"


def get_metadata_hook() -> type[MetadataHookInterface]:
    """Return the hook; hatchling asks for it."""
    return ReadmeHook
