"""The command line: parses, calls, prints; nothing else.

Exit codes: 0 success, 2 a mistake the user can mend (one line on stderr says
how), 1 a fault of ours.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from tqdm import tqdm

from napari_scsam import __version__
from napari_scsam.config import ClassSpec, NoClassesError, Progress, UserError, select_classes

if TYPE_CHECKING:
    from napari_scsam.data.volumes import Volume
    from napari_scsam.model import ScSAM
    from napari_scsam.train.click_evaluation import ClickScores
    from napari_scsam.train.schedule import TrainStep
    from napari_scsam.train.scores import Scores


class Parser(argparse.ArgumentParser):
    """Says a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2 and one sentence."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``scsam``; gives the exit code."""
    arguments = build_parser().parse_args(argv)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries say to their programmers
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # a damaged file is told in our own sentence
    try:
        arguments.run(arguments)
    except UserError as error:
        _say(f"scsam: {' '.join(str(error).split())}")  # some libraries put line breaks into what we quote
        return 2
    except OSError as error:
        what, why = error.filename or "a file", error.strerror or error
        _say(f"scsam: {what} cannot be read or written ({why}); check its path, its rights and the disk")
        return 2
    except KeyboardInterrupt:
        _say("scsam: stopped")
        return 130
    return 0


def build_parser() -> Parser:
    """Describe every command."""
    parser = Parser(prog="scsam", description="Organelle segmentation in electron microscopy.")
    parser.add_argument("--version", action="version", version=f"scsam {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_segment(commands)
    _add_embed(commands)
    _add_evaluate(commands)
    _add_measure(commands)
    _add_demo(commands)
    _add_checkpoints(commands)
    _add_training(commands)
    return parser


def _command(commands: Any, name: str, run: Any, about: str) -> Parser:
    parser: Parser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser


def _add_model_options(parser: Parser) -> None:
    parser.add_argument("--checkpoint", default="default", metavar="C", help="a name or a path (default: the shipped one)")
    _add_device(parser)
    parser.add_argument("--voxel-size", nargs="+", type=float, metavar="NM", help="z y x in nm, instead of what the file says")


def _add_device(parser: Parser) -> None:
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")


def _add_segment(commands: Any) -> None:
    parser = _command(commands, "segment", run_segment, "Label the organelles of a volume.")
    parser.add_argument("image", metavar="IN", help="OME-Zarr, zarr, TIFF, MRC, HDF5 (file.h5:/path) or a folder of slices")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="labels: .zarr (resumable, any size) or .tif")
    parser.add_argument("--classes", metavar="a,b", help="names of the classes to write (default: all)")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    _add_model_options(parser)


def run_segment(arguments: argparse.Namespace) -> None:
    """Label a volume."""
    from napari_scsam.checkpoint import load_checkpoint
    from napari_scsam.data.volumes import open_volume
    from napari_scsam.volume.run import segment_volume

    volume, model = open_volume(arguments.image, arguments.voxel_size), load_checkpoint(arguments.checkpoint)
    names = parse_names(arguments.classes)
    steps = segment_volume(volume, model, arguments.out, classes=names, device=arguments.device, resume=arguments.resume)
    next(steps)  # a mistake shows here, and then its line is the only one
    say_unknown_size(volume, model)
    show(steps)
    print(arguments.out)


def _add_embed(commands: Any) -> None:
    parser = _command(commands, "embed", run_embed, "Do the slow part ahead: later, every slice of the volume is segmented at once.")
    parser.add_argument("image", metavar="VOLUME", help="as for segment")
    _add_model_options(parser)


def run_embed(arguments: argparse.Namespace) -> None:
    """Keep a volume's embeddings on disk, and say where and how large they are."""
    from napari_scsam.checkpoint import load_checkpoint
    from napari_scsam.data.volumes import open_volume
    from napari_scsam.infer.disk_cache import default_cache
    from napari_scsam.volume.embed import embed_volume

    volume, model, disk = open_volume(arguments.image, arguments.voxel_size), load_checkpoint(arguments.checkpoint), default_cache()
    taken = show(embed_volume(volume, model, disk, arguments.device))
    say_unknown_size(volume, model)
    if disk is not None:
        print(f"{disk.root}: {taken / 1e6:.1f} MB of at most {disk.limit / 1e9:g} GB")


def say_unknown_size(volume: Volume, model: ScSAM) -> None:
    """Tell that the pixel size is not known, where it matters; it is never guessed."""
    if volume.voxel_size is None and model.config.nm_per_pixel:
        _say(
            f"scsam: voxel size unknown, so the image is taken as it is; the checkpoint was trained at "
            f"{model.config.nm_per_pixel:g} nm per pixel (tell the size with --voxel-size)"
        )


def _add_evaluate(commands: Any) -> None:
    parser = _command(commands, "evaluate", run_evaluate, "Compare a checkpoint's labels with the truth.")
    parser.add_argument("--image", required=True, metavar="IN")
    parser.add_argument("--labels", required=True, metavar="LAB")
    parser.add_argument(
        "--map",
        nargs="+",
        action="extend",
        default=[],
        metavar="theirs=ours",
        help="label value = class name; values not named are background",
    )
    parser.add_argument("--slices", metavar="0,3,10-20", help="look at these slices only (default: all)")
    parser.add_argument("--tolerance", type=float, metavar="NM", help="how far outlines may be apart (default: two pixels)")
    parser.add_argument("--clicks", type=_positive, metavar="N", help="also click N times on every connected object, and try a box")
    parser.add_argument("--smallest", type=_positive, default=24, metavar="PIXELS", help="smaller objects do not count (default: 24)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the scores there as well")
    _add_model_options(parser)


def run_evaluate(arguments: argparse.Namespace) -> None:
    """Print the scores of each class, and of clicks."""
    from napari_scsam.checkpoint import load_checkpoint
    from napari_scsam.data.volumes import open_labels, open_volume
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.train.click_evaluation import evaluate_clicks
    from napari_scsam.train.evaluate import UnknownLabelError, evaluate

    image, labels = open_volume(arguments.image, arguments.voxel_size), open_labels(arguments.labels)
    chosen: dict[str, Any] = {"slices": parse_slices(arguments.slices, image.depth), "smallest": arguments.smallest}
    predictor = Predictor(load_checkpoint(arguments.checkpoint), arguments.device)
    mapping = parse_map(arguments.map, predictor.classes)
    found: list[Scores | ClickScores] = []
    try:
        found.append(show(evaluate(predictor, image, labels, mapping, tolerance=arguments.tolerance, **chosen)))
    except (UnknownLabelError, NoClassesError) as error:
        if arguments.clicks is None:
            raise
        _say(f"scsam: only clicks are scored, because {error}")  # labels that number objects, or a network without classes
    if arguments.clicks is not None:
        found.append(show(evaluate_clicks(predictor, image, labels, arguments.clicks, mapping, **chosen)))
    say_unknown_size(image, predictor.model)
    print(*found, sep="\n\n")
    if arguments.json:
        write_json(arguments.json, {key: value for part in found for key, value in part.to_dict().items()})


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; give a whole number above 0")
    return int(text)


def parse_slices(text: str | None, depth: int) -> tuple[int, ...] | None:
    """Read numbers and ranges such as ``0,3,10-20``, whose ends count; None when there is no text."""
    if text is None:
        return None
    slices: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else not last)) or (dash and int(last) < int(first)):
            raise UserError(f"--slices {text} is not readable at {part!r}; write slice numbers and ranges, e.g. 0,3,10-20")
        start, stop = int(first), int(last or first)
        slices += range(start, min(stop, max(start, depth)) + 1)  # one beyond the depth is enough to be told of
    return tuple(slices)


def parse_names(text: str | None) -> list[str] | None:
    """Read ``mitochondrion, PSD``; None when there is no text."""
    return [name.strip() for name in text.split(",")] if text else None


def parse_map(pairs: Iterable[str], classes: Sequence[ClassSpec]) -> dict[int, ClassSpec] | None:
    """Read ``1=mitochondrion`` pairs; None when there are none."""
    mapping = {}
    for pair in pairs:
        theirs, _, ours = pair.partition("=")
        if not theirs.isdecimal() or not ours:
            raise UserError(f"--map {pair} is not a pair; write a label value, '=' and a class name, e.g. 1=mitochondrion")
        mapping[int(theirs)] = select_classes(classes, [ours])[0]
    return mapping or None


def _add_measure(commands: Any) -> None:
    parser = _command(commands, "measure", run_measure, "Write a table of every organelle: volume, diameter, centre.")
    parser.add_argument("labels", metavar="LABELS", help="class labels that scsam wrote, OME-Zarr or TIFF")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="TABLE.csv")


def run_measure(arguments: argparse.Namespace) -> None:
    """Measure the connected objects of each class."""
    from napari_scsam.data.ome_zarr import read_class_table
    from napari_scsam.data.volumes import open_labels
    from napari_scsam.volume.measure import measure, write_table

    labels, classes = open_labels(arguments.labels), read_class_table(arguments.labels)
    if classes is None:
        raise UserError(f"{arguments.labels} carries no class table; give labels that scsam segment or the plugin wrote")
    write_table(arguments.out, show(measure(labels, classes)))
    print(arguments.out)


def _add_demo(commands: Any) -> None:
    parser = _command(commands, "demo", run_demo, "Segment a sample with the shipped checkpoint and show it in napari.")
    parser.add_argument("--headless", type=Path, metavar="DIR", help="open no window: write the labels and a picture there")


def run_demo(arguments: argparse.Namespace) -> None:
    """Segment the sample; then open napari on it, or say where it lies."""
    from napari_scsam.volume.demo import write_demo

    folder = arguments.headless or Path(tempfile.mkdtemp(prefix="scsam-demo-"))
    demo = show(write_demo(folder))
    print(f"sample: {demo.about}\nimage: {demo.image}\nlabels: {demo.labels}\npicture: {demo.picture}")
    if arguments.headless is None:
        # The window lives in a process of its own: this room knows no Qt.
        window = [sys.executable, "-m", "napari", str(demo.image), str(demo.labels), "--plugin", "napari-scsam", "--with", "napari-scsam"]
        if subprocess.run(window, check=False).returncode:  # noqa: S603 - our own interpreter and files
            raise UserError("napari could not open; see what it says above, or look at the picture instead")


def _add_checkpoints(commands: Any) -> None:
    parser = _command(commands, "checkpoints", run_list, "List and inspect checkpoints.")
    actions = parser.add_subparsers(metavar="list | info | download | verify")
    _command(actions, "list", run_list, "List the checkpoints on this machine.")
    info = _command(actions, "info", run_info, "Tell what a checkpoint is.")
    verify = _command(actions, "verify", run_verify, "Check that a checkpoint loads and is whole.")
    fetch = _command(actions, "download", run_download, "Fetch published SAM weights, to point at objects with or to train from.")
    fetch.add_argument("name", metavar="NAME")
    for action in (info, verify):
        action.add_argument("checkpoint", nargs="?", default="default", metavar="C")
    info.add_argument("--json", action="store_true", help="print JSON")


def run_list(_: argparse.Namespace) -> None:
    """One line a checkpoint, and one for weights that can be fetched."""
    from napari_scsam.checkpoint import list_checkpoints, list_downloads

    infos = list_checkpoints()
    for info in infos:
        print(f"{info.name:24} {info.bytes / 1e6:6.1f} MB  {info.summary}")
    for entry in [d for d in list_downloads() if d.name not in {info.name for info in infos}]:
        size = f"{entry.file.size / 1e6:6.1f} MB" if entry.file.size else "   size ?"
        print(f"{entry.name:24} {size}  to download ({entry.licence}): {entry.about}")


def run_download(arguments: argparse.Namespace) -> None:
    """Fetch weights, make a checkpoint of them that answers clicks, and say where the file is that training takes."""
    from napari_scsam.checkpoint import download_weights
    from napari_scsam.published import make_checkpoint

    file = show(download_weights(arguments.name))
    made = show(make_checkpoint(arguments.name, file))
    _say(f"scsam: {made.name} is among the checkpoints and answers clicks and boxes; to train from it, give this file as sam_weights:")
    print(file)


def run_info(arguments: argparse.Namespace) -> None:
    """Print the card inside a checkpoint."""
    from napari_scsam.checkpoint import checkpoint_info

    info = checkpoint_info(arguments.checkpoint)
    if arguments.json:
        print(json.dumps(info.to_dict(), indent=2))
        return
    print(f"{info.name}: {info.summary}\nlicence: {info.licence}\npixel size: {info.nm_per_pixel or 'unknown'} nm")
    print("classes (none learned; accepted objects go to these):" if info.prompts_only else "classes:")
    for spec in info.classes:
        print(f"  {spec.id:3} {spec.name:24} {spec.description}")


def run_verify(arguments: argparse.Namespace) -> None:
    """Load a checkpoint and look at every weight."""
    from napari_scsam.checkpoint import verify_checkpoint

    print(f"{verify_checkpoint(arguments.checkpoint)}: whole")


def _add_training(commands: Any) -> None:
    parser = _command(commands, "pretrain", run_pretrain, "Pre-train the MAE branch on unlabelled volumes.")
    parser.add_argument("volumes", nargs="+", metavar="VOL")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="MAE.safetensors")
    parser.add_argument("--steps", type=int, default=600, help="default: 600")
    parser.add_argument("--encoder", default="hybrid", help="hybrid, or the name of a timm ViT")
    parser.add_argument("--start", metavar="MAE.safetensors", help="go on from what an earlier run wrote")
    parser.add_argument("--seed", type=int, default=0, help="fixes the run (default: 0)")
    _add_device(parser)
    parser = _command(commands, "pseudo-label", run_pseudo_label, "Label a volume as far as a checkpoint is sure of it, to train on.")
    parser.add_argument("image", metavar="VOLUME", help="as for segment; seen along z, y and x where its voxels are nearly cubes")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="DIR", help="folder for labels.tif and reviewed.tif")
    parser.add_argument("--classes", metavar="a,b", help="names of the classes to believe (default: all)")
    _add_model_options(parser)
    parser = _command(commands, "train", run_train, "Train a ScSAM by a recipe.")
    parser.add_argument("recipe", type=Path, metavar="CONFIG.toml")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="CKPT.safetensors")
    _add_device(parser)


def run_pretrain(arguments: argparse.Namespace) -> None:
    """Train a masked autoencoder."""
    from napari_scsam.data.volumes import open_volume
    from napari_scsam.train.pretrain import PretrainConfig, pretrain

    config = PretrainConfig(encoder=arguments.encoder, steps=arguments.steps, seed=arguments.seed, start=arguments.start)
    show_training(pretrain([open_volume(v) for v in arguments.volumes], arguments.out, config, arguments.device))
    say_run(arguments.out)


def run_pseudo_label(arguments: argparse.Namespace) -> None:
    """Write labels of what is sure, and the mask that says where that is."""
    from napari_scsam.checkpoint import load_checkpoint
    from napari_scsam.data.label_tiff import write_label_tiff
    from napari_scsam.data.volumes import open_volume
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.train.pseudo_labels import pseudo_labels

    image = open_volume(arguments.image, arguments.voxel_size)
    predictor = Predictor(load_checkpoint(arguments.checkpoint), arguments.device)
    labels, known = show(pseudo_labels(predictor, image, parse_names(arguments.classes)))
    say_unknown_size(image, predictor.model)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_label_tiff(arguments.out / "labels.tif", labels, image.voxel_size, predictor.classes, image.origin)
    write_label_tiff(arguments.out / "reviewed.tif", known, image.voxel_size, (), image.origin)
    print(arguments.out / "labels.tif")


def run_train(arguments: argparse.Namespace) -> None:
    """Train by a recipe."""
    from napari_scsam.train.finetune import train
    from napari_scsam.train.recipe import read_recipe

    show_training(train(read_recipe(arguments.recipe), arguments.out, arguments.device))
    say_run(arguments.out)


def say_run(out: Path) -> None:
    """Tell what a training run wrote: its record on stderr, and the checkpoint, as the last word."""
    from napari_scsam.train.run_folder import run_folder

    _say(f"scsam: curves, pictures and the record of the run are in {run_folder(out)}")
    print(out)


T = TypeVar("T")


def show(steps: Generator[Progress, None, T]) -> T:
    """Put a progress bar round long work and give its result."""
    with tqdm(unit="", disable=not sys.stderr.isatty()) as bar:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            bar.total = step.total
            bar.set_description(step.what, refresh=False)
            bar.update(step.done - bar.n)


def show_training(steps: Iterable[TrainStep]) -> None:
    """Show losses as they fall; every twentieth step as a line when not on a terminal."""
    terminal = sys.stderr.isatty()
    with tqdm(disable=not terminal) as bar:
        for step in steps:
            losses = " ".join(f"{k} {v:.3f}" for k, v in step.losses.items())
            bar.total = step.total
            bar.set_postfix_str(losses, refresh=False)
            bar.update(step.step - bar.n)
            if not terminal and (step.step % 20 == 0 or step.step == step.total):
                _say(f"step {step.step}/{step.total} {losses} {step.seconds:.0f} s")


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
