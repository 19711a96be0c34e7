"""The site: built without a warning, and all its links within lead somewhere."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
HERE = "http://here/"


class Page(HTMLParser):
    """Collects the links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if name in ("href", "src") and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Each page by its address."""
    found = {}
    for path in site.rglob("*.html"):
        name = path.relative_to(site).as_posix().removesuffix("index.html")
        found[HERE + name] = Page(path)
    return found


def test_every_link_and_picture_leads_somewhere(site: Path, pages: dict[str, Page]) -> None:
    for address, page in pages.items():
        if address.endswith("404.html"):
            continue  # its links start at the root of the site
        for link in page.links:
            target, anchor = urldefrag(urljoin(address, link))
            if not target.startswith(HERE):
                continue
            file = site / unquote(target.removeprefix(HERE))
            assert file.exists(), f"{address}: {link}"
            if target in pages:
                assert unquote(anchor) in pages[target].anchors, f"{address}: {link}"


def test_every_page_is_in_the_navigation(pages: dict[str, Page]) -> None:
    shown = {urldefrag(urljoin(HERE, link))[0] for link in pages[HERE].links}
    assert set(pages) - {HERE + "404.html"} <= shown


def test_nothing_is_loaded_from_other_servers(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "fonts.googleapis" not in text
        assert 'src="http' not in text


def test_equations_are_drawn_without_a_script(site: Path) -> None:
    text = (site / "how-it-works" / "index.html").read_text(encoding="utf-8")
    assert text.count('display="block"') >= 6
    assert "\\[" not in text


def test_the_configuration_names_no_address() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "http" not in text
    assert yaml.safe_load(text)["hooks"] == ["docs/site_hooks.py"]
