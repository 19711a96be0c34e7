"""Stop each other command of ``scsam`` that writes at every operation on files, and repeat it.

    python tests/faults/every_step_of_commands.py [COMMAND ...] [--every 1] [--how kill "stay full"]

It is `every_step_of_runs` for the rest: labels of other formats and in an image, objects, tables,
contacts, meshes, what is imported, taught, fine-tuned, pre-trained and labelled where it is
certain. Each is what a user types. What was there before must still open wherever the command
stopped, and the same command, once more, must give what an undisturbed one gives, byte for byte.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

from every_step_of_runs import SIZE, Command, main, make_model, tree
from safetensors import safe_open
from small_networks import write_onnx

from napari_scsam import cli
from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.checkpoints.export.own_exports import check_own_export
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.drafts import DRAFT_MARK
from napari_scsam.io import image_labels
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.image import copy_image
from napari_scsam.train import resume
from napari_scsam.train.finetune import finetuning
from napari_scsam.train.finetune.settings import FinetuneSettings

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))
IMAGE = np.random.default_rng(0).integers(0, 200, (2, 64, 72)).astype(np.uint8)
OLD = 9
NO_TIME = ("created", "written", "seconds", "date", "time")
"""Keys of a record that differ from run to run."""


def labels() -> np.ndarray:
    """Return labels with a few objects."""
    drawn = np.zeros(IMAGE.shape, np.uint8)
    for y, x in ((4, 6), (30, 40), (40, 5)):
        drawn[:, y : y + 14, x : x + 16] = 1
    drawn[:, 20:24, 10:60] = 2
    return drawn


def prepare(folder: Path) -> None:
    """Write an image, labels, strokes and a checkpoint."""
    list(copy_image(folder / "em.zarr", IMAGE, SIZE, (0.0, 0.0, 0.0)))
    write_labels(folder / "lab.zarr", labels(), SIZE, TABLE)
    strokes = np.zeros(IMAGE.shape, np.uint8)
    strokes[0, 6:16, 8:20] = 1
    strokes[0, 50:60] = 2
    tifffile.imwrite(folder / "strokes.tif", strokes)
    (folder / "classes.json").write_text('{"1": "mitochondrion"}', encoding="utf-8")
    model = make_model()
    save_checkpoint(
        folder / "tiny.safetensors", model, summary="Random.", licence="MIT", training={}
    )


def prepare_old(name: str) -> Callable[[Path], None]:
    """Write the same, and older labels under a name."""

    def write(folder: Path) -> None:
        prepare(folder)
        write_labels(
            folder / name, np.full(IMAGE.shape, OLD, np.uint8), SIZE, (ClassSpec(9, "old"),)
        )

    return write


def prepare_table(folder: Path) -> None:
    """Write the same, and older tables."""
    prepare(folder)
    measure(folder, again=False)


def scsam(folder: Path, *words: str) -> None:
    """Run ``scsam`` in a folder; names that begin with ``@`` are in it.

    Raises
    ------
    UserError
        When it does not return 0.
    """
    os.environ["NAPARI_SCSAM_CACHE_GB"] = "0"
    resume.SAVE_SECONDS = -1.0
    image_labels.DRAFT_SECONDS = -1.0
    few = FinetuneSettings(crops=3, replayed=1, validated=2, most_steps=1)
    finetuning.FinetuneSettings = lambda: few
    argv = [str(folder / word[1:]) if word.startswith("@") else word for word in words]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(argv)
    if code:
        raise UserError(said.getvalue())


MODEL = ("--checkpoint", "@tiny.safetensors", "--device", "cpu")


def segment_file(suffix: str) -> Callable[[Path, bool], None]:
    """Segment into a file over an older one."""
    return lambda folder, _: scsam(
        folder, "segment", "@em.zarr", "-o", f"@out{suffix}", "--overwrite", *MODEL
    )


def segment_into(folder: Path, again: bool) -> None:
    """Segment into the image."""
    more = ["--resume"] if again else []
    scsam(folder, "segment", "@em.zarr", "--into", "@em.zarr", *MODEL, *more)


def instances(folder: Path, again: bool) -> None:
    """Find objects."""
    more = ["--resume"] if again else []
    scsam(folder, "instances", "@lab.zarr", "-o", "@inst.zarr", "--fill-holes", *more)


def measure(folder: Path, again: bool) -> None:
    """Measure objects and contacts, over older tables."""
    words = ("measure", "@lab.zarr", "--image", "@em.zarr", "-o", "@t.csv", "--contacts", "@c.csv")
    scsam(folder, *words)


def meshes(folder: Path, again: bool) -> None:
    """Write meshes; a folder that is whole stays."""
    if not (again and (folder / "mesh").exists()):
        scsam(folder, "measure", "@lab.zarr", "-o", "@t.csv", "--meshes", "@mesh")


def teach(folder: Path, again: bool) -> None:
    """Teach a class."""
    more = ["--overwrite"] if again else []
    words = ("teach", "--image", "@em.zarr", "--strokes", "@strokes.tif", "--name", "granule")
    scsam(folder, *words, "-o", "@new.safetensors", *MODEL, *more)


def finetune(folder: Path, again: bool) -> None:
    """Fine-tune a checkpoint."""
    more = ["--overwrite"] if again else []
    words = ("finetune", "--image", "@em.zarr", "--labels", "@lab.zarr")
    files = ("--classes", "@classes.json", "-o", "@new.safetensors", "--minutes", "0.05")
    scsam(folder, *words, *files, *MODEL, *more)


def pretrain(folder: Path, again: bool) -> None:
    """Pre-train an encoder; a finished one stays."""
    if not (again and (folder / "mae.safetensors").exists()):
        words = ("pretrain", "@em.zarr", "-o", "@mae.safetensors", "--steps", "1")
        scsam(folder, *words, "--device", "cpu")


def prepare_certain(folder: Path) -> None:
    """Write the same, and a checkpoint that is certain of background everywhere."""
    prepare(folder)
    model = deepcopy(make_model())
    model.thresholds.fill_(9.0)
    save_checkpoint(
        folder / "certain.safetensors", model, summary="Certain.", licence="MIT", training={}
    )


def pseudo_label(folder: Path, again: bool) -> None:
    """Label where it is certain."""
    more = ["--overwrite"] if again else []
    model = ("--checkpoint", "@certain.safetensors", "--device", "cpu")
    scsam(folder, "pseudo-label", "@em.zarr", "-o", "@pseudo", *model, *more)


def prepare_network(folder: Path) -> None:
    """Write the same, and a network of another program."""
    prepare(folder)
    write_onnx(folder / "net.onnx")


def import_network(folder: Path, again: bool) -> None:
    """Make a checkpoint of a network."""
    more = ["--overwrite"] if again else []
    words = ("checkpoints", "import", "@net.onnx", "--channels", "background,mitochondrion")
    scsam(folder, *words, "--nm", "8", "-o", "@new.safetensors", *more)


def export(option: str, name: str) -> Callable[[Path, bool], None]:
    """Return what exports a checkpoint over an older export."""
    words = ("checkpoints", "export", "@tiny.safetensors", option, f"@{name}", "--overwrite")
    return lambda folder, _: scsam(folder, *words, "--tile", "64")


def prepare_export(option: str, name: str) -> Callable[[Path], None]:
    """Return what writes the same, and an older export."""

    def write(folder: Path) -> None:
        prepare(folder)
        words = ("checkpoints", "export", "@tiny.safetensors", option, f"@{name}")
        scsam(folder, *words, "--tile", "128")

    return write


def whole_export(name: str) -> Callable[[Path], str]:
    """Return what checks that an export is an old or a new one."""

    def check(folder: Path) -> str:
        try:
            check_own_export(folder / name)
        except UserError as error:
            return str(error)
        if not (folder / name).stat().st_size:
            return f"{name} is empty"
        return inputs_are_whole(folder)

    return check


def members(name: str) -> Callable[[Path], Any]:
    """Return what reads the parts of a package, but for the times in it."""

    def read(folder: Path) -> Any:
        with zipfile.ZipFile(folder / name) as archive:
            return {part: len(archive.read(part)) for part in archive.namelist()}

    return read


def import_results(folder: Path, again: bool) -> None:
    """Make labels of objects; labels that are there are whole."""
    if not (again and (folder / "imported.zarr").exists()):
        words = ("import", "@strokes.tif", "--classes", "mitochondrion")
        scsam(folder, *words, "-o", "@imported.zarr")


def inputs_are_whole(folder: Path) -> str:
    """Check that nothing that was read has changed."""
    try:
        if not np.array_equal(open_volume(folder / "em.zarr").data[...], IMAGE):
            return "the image has changed"
        if not np.array_equal(open_labels(folder / "lab.zarr").data[...], labels()):
            return "the labels have changed"
        load_checkpoint(folder / "tiny.safetensors")
    except UserError as error:
        return str(error)
    return ""


def old_or_new(name: str) -> Callable[[Path], str]:
    """Check that labels are the old or the new ones."""

    def check(folder: Path) -> str:
        try:
            found = open_labels(folder / name).data[...]
        except UserError as error:
            return f"{name} does not open: {error}"
        mixed = (found == OLD).any() and (found != OLD).any()
        return f"{name} is mixed" if mixed else inputs_are_whole(folder)

    return check


def opens_or_is_absent(name: str) -> Callable[[Path], str]:
    """Check that a new checkpoint is whole or absent."""

    def check(folder: Path) -> str:
        try:
            if (folder / name).exists():
                load_checkpoint(folder / name)
        except UserError as error:
            return str(error)
        return inputs_are_whole(folder)

    return check


def whole_tables(folder: Path) -> str:
    """Check that the tables of before, or new ones, are there whole."""
    for name in ("t.csv", "c.csv"):
        text = (folder / name).read_text(encoding="utf-8")
        if not text.endswith("\n") or len(text.splitlines()) < 2:
            return f"{name} is not whole"
    return inputs_are_whole(folder)


def content(*names: str) -> Callable[[Path], Any]:
    """Return a function that reads all of some outputs, without what tells the time."""
    return lambda folder: {name: _read(folder / name) for name in names}


def _read(path: Path) -> Any:
    if path.is_dir():
        files = {name: _timeless(data) for name, data in tree(path).items()}
        files.pop(DRAFT_MARK, None)  # of a folder that is whole; the next write removes it
        return files
    return _timeless(path.read_bytes())


def _timeless(data: bytes) -> Any:
    """Return bytes, or a record without the keys of `NO_TIME`."""
    try:
        record = json.loads(data)
    except ValueError:
        return data
    if not isinstance(record, dict):
        return data
    return str({key: value for key, value in record.items() if key not in NO_TIME})


def opened(name: str) -> Callable[[Path], Any]:
    """Return a function that reads a checkpoint, whose weights depend on the time there was."""
    return lambda folder: sorted(load_checkpoint(folder / name).state_dict())


def metadata_and_tensors(name: str) -> Callable[[Path], Any]:
    """Return a function that reads a checkpoint; safetensors writes metadata in any order."""

    def read(folder: Path) -> Any:
        with safe_open(folder / name, framework="np") as file:
            tensors = {key: file.get_tensor(key).tobytes() for key in file.keys()}  # noqa: SIM118
            return {**file.metadata(), **tensors}

    return read


COMMANDS = {
    **{
        f"segment into {suffix}": Command(
            prepare_old(f"out{suffix}"),
            segment_file(suffix),
            old_or_new(f"out{suffix}"),
            content(f"out{suffix}"),
        )
        for suffix in (".mrc", ".h5", ".precomputed")
    },
    "segment --into": Command(prepare, segment_into, inputs_are_whole, content("em.zarr/labels")),
    "instances": Command(prepare, instances, inputs_are_whole, content("inst.zarr")),
    "measure": Command(prepare_table, measure, whole_tables, content("t.csv", "c.csv")),
    "meshes": Command(prepare, meshes, inputs_are_whole, content("mesh")),
    "teach": Command(
        prepare, teach, opens_or_is_absent("new.safetensors"), opened("new.safetensors")
    ),
    "finetune": Command(
        prepare, finetune, opens_or_is_absent("new.safetensors"), opened("new.safetensors")
    ),
    "checkpoints import": Command(
        prepare_network,
        import_network,
        opens_or_is_absent("new.safetensors"),
        metadata_and_tensors("new.safetensors"),
    ),
    "export to ONNX": Command(
        prepare_export("--onnx", "net.onnx"),
        export("--onnx", "net.onnx"),
        whole_export("net.onnx"),
        content("net.onnx"),
    ),
    "export to bioimage.io": Command(
        prepare_export("--bioimageio", "net.zip"),
        export("--bioimageio", "net.zip"),
        whole_export("net.zip"),
        members("net.zip"),
    ),
    "import": Command(prepare, import_results, inputs_are_whole, content("imported.zarr")),
    "pretrain": Command(
        prepare, pretrain, inputs_are_whole, lambda f: (f / "mae.safetensors").stat().st_size
    ),
    "pseudo-label": Command(
        prepare_certain,
        pseudo_label,
        inputs_are_whole,
        content("pseudo/labels.tif", "pseudo/reviewed.tif"),
    ),
}


MODULES = (
    "napari_scsam.infer.predictor",
    "napari_scsam.infer.taught.teach_volume",
    "napari_scsam.train.pretrain",
    "napari_scsam.train.pseudo_labels",
    "napari_scsam.volume.instances.find",
    "napari_scsam.volume.measure.objects",
    "napari_scsam.volume.meshes.write",
    "napari_scsam.volume.run",
)
"""What the commands import; imported before the children, it is not imported in each of them."""


def load_modules() -> None:
    """Import what the commands need."""
    for name in MODULES:
        importlib.import_module(name)


if __name__ == "__main__":
    load_modules()
    sys.exit(main(COMMANDS))
