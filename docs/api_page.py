"""Write docs/api.md from `napari_scsam.__all__`: run ``python docs/api_page.py`` after a change.

A test fails while the page differs from what this script writes.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import napari_scsam

PAGE = Path(__file__).with_name("api.md")

INTRO = """# The Python library

Made by `python docs/api_page.py` from the docstrings; change those, not this page.

These names are public: they stay, or change with a line in the [changelog](../CHANGELOG.md). They are loaded when first used.
Sizes are nanometres along z, y, x. Long work is a generator: loop over it to see how far it is, or let `drive` run it; closing it cancels.
Errors that a user can mend are `UserError`, which is a `ValueError`. A missing file is also a `FileNotFoundError`, a taken place a
`FileExistsError`.

```python
from napari_scsam import Predictor, drive, load_checkpoint, open_labels, open_volume, segment_volume
from napari_scsam.samples.shipped import FILE

volume = open_volume(FILE)  # nothing is read yet
print(volume.shape, volume.voxel_size)

model = load_checkpoint("default")
predictor = Predictor(model, device="cpu")
predictor.set_image(volume.plane(12), voxel_size=volume.voxel_size)
labels = predictor.segment(["mitochondrion"])  # (Y, X) class ids

small = volume.data[:2, :128, :128]
drive(segment_volume(small, model, "labels.zarr", voxel_size=volume.voxel_size))
print(open_labels("labels.zarr").shape)
```
"""

SECTIONS = ("Parameters", "Returns", "Yields", "Raises", "Notes")
"""Of numpydoc; others do not occur."""

SHOWN = {
    "Predictor": ("classes", "set_image", "class_logits", "segment", "predict_prompts", "teach")
}
"""Members of classes that have more of them, for other rooms."""


def page() -> str:
    """Return the whole page."""
    names = [name for name in napari_scsam.__all__ if name != "__version__"]
    names.sort(key=str.lower)
    parts = [INTRO, "| name | what it is |\n|---|---|"]
    parts += [f"| [`{name}`](#{name.lower()}) | {summary(public(name))} |" for name in names]
    text = "\n".join(parts)
    return text + "\n\n" + "\n\n".join("\n".join(entry(name)) for name in names) + "\n"


def public(name: str) -> Any:
    """Return a public object."""
    return getattr(napari_scsam, name)


def entry(name: str) -> Iterator[str]:
    """Yield the lines of one name."""
    found = public(name)
    yield f"## `{name}`\n"
    if not (inspect.isclass(found) and issubclass(found, Exception)):
        yield f"```python\n{signature(name, found)}\n```\n"
    yield from prose(found)
    if inspect.isclass(found):
        yield from members(found)


def signature(name: str, found: Any) -> str:
    """Return the call of a function or class, one parameter a line when it is long."""
    called = inspect.signature(found)
    parts = list(parameters(called))
    returned = ""
    if not inspect.isclass(found):
        returned = f" -> {called.return_annotation}"
    text = f"{name}({', '.join(parts)}){returned}"
    if len(text) < 100:
        return text
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){returned}"])


def parameters(called: inspect.Signature) -> Iterator[str]:
    """Yield the parameters of a call, and the star before those that must be named."""
    starred = False
    for each in called.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        text = f"{each.name}: {each.annotation}"
        if each.default is not each.empty:
            text += f" = {getattr(each.default, '__name__', repr(each.default))}"
        yield text


def summary(found: Any) -> str:
    """Return the first line of a docstring."""
    return plain((inspect.getdoc(found) or "").split("\n", 1)[0])


def prose(found: Any) -> Iterator[str]:
    """Yield a docstring as Markdown."""
    text = inspect.cleandoc(found.__doc__ or "")
    pattern = rf"^({'|'.join(SECTIONS)})\n-+\n"
    first, *rest = re.split(pattern, text, flags=re.MULTILINE)
    yield plain(first.strip())
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        yield f"\n**{title}**\n"
        if title == "Notes":
            yield plain(body.strip())
        else:
            yield from map(plain, items(body))


def items(body: str) -> Iterator[str]:
    """Yield the entries of a section, each as a point of a list."""
    name = ""
    words: list[str] = []
    for line in [*body.splitlines(), "end"]:
        if line.startswith(" ") or not line.strip():
            words.append(line.strip())
            continue
        if name:
            yield f"- `{name}`: {' '.join(filter(None, words))}"
        name, words = line.strip(), []


def members(found: type) -> Iterator[str]:
    """Yield the fields, properties and methods of a class."""
    yield ""
    fields = {field.name: str(field.type) for field in field_list(found)}
    notes = field_notes(found)
    for name, kind in fields.items():
        yield f"- `{name}: {kind}` {notes.get(name, '')}".rstrip()
    for name, member in inspect.getmembers(found):
        if name.startswith("_") or name in fields or is_of_python(found, name):
            continue
        if name not in SHOWN.get(found.__name__, (name,)):
            continue
        if isinstance(member, property):
            yield f"- `.{name}` {summary(member)}"
        elif callable(member):
            yield f"- `.{name}{own_signature(member)}` {summary(member)}"


def field_list(found: type) -> tuple[dataclasses.Field[Any], ...]:
    """Return the fields of a dataclass."""
    return dataclasses.fields(found) if dataclasses.is_dataclass(found) else ()


def field_notes(found: type) -> dict[str, str]:
    """Return what stands under each field in the source."""
    pattern = r'^    (\w+): [^\n]*\n    """(.*?)"""'
    source = inspect.getsource(found)
    matches = re.findall(pattern, source, flags=re.MULTILINE | re.DOTALL)
    return {name: plain(" ".join(text.split())) for name, text in matches}


def is_of_python(found: type, name: str) -> bool:
    """Whether a member comes from a class of Python, such as an exception."""
    owner = next((each for each in found.__mro__ if name in vars(each)), object)
    return owner.__module__ == "builtins"


def own_signature(member: Any) -> str:
    """Return the parameters of a method, without ``self``."""
    called = inspect.signature(member)
    names = [each for each in called.parameters if each != "self"]
    return f"({', '.join(names)})"


def plain(text: str) -> str:
    """Return reStructuredText as Markdown: double backticks become single ones."""
    return text.replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
