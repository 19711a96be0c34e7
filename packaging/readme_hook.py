"""Make the links of the README absolute in the metadata of a package, whose page has no files beside it.

The README itself keeps its relative links, which work in a clone and on the page of the repository.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

IMAGE = re.compile(r"(!\[[^\]]*\]\()(?!https?:|#)([^)]+\))")
LINK = re.compile(r"((?<!!)\[[^\]]*\]\()(?!https?:|#)([^)]+\))")


class ReadmeHook(MetadataHookInterface):
    """Sets ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the README with absolute links into the metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        source = metadata["urls"]["Source"]
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, source, f"v{metadata['version']}"),
        }


def with_absolute_links(text: str, source: str, tag: str) -> str:
    """Return Markdown whose relative links lead to the files of a tag.

    Parameters
    ----------
    text
        Markdown.
    source
        Address of the repository on GitHub.
    tag
        Name of the tag.
    """
    raw = source.replace("https://github.com/", "https://raw.githubusercontent.com/")
    text = IMAGE.sub(rf"\g<1>{raw}/{tag}/\g<2>", text)
    return LINK.sub(rf"\g<1>{source}/blob/{tag}/\g<2>", text)


def get_metadata_hook() -> type[MetadataHookInterface]:
    """Return the hook; hatchling asks for it."""
    return ReadmeHook
