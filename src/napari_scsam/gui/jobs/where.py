"""Where a network runs: on this computer or on a server. Both answer in steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.errors import NoTorchError, torch_is_installed
from napari_scsam.gui.layers.class_table import preload_labels
from napari_scsam.gui.workarounds.torch_guard import collection_paused, import_torch_stack
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.gui.prompts.marks import Marks
    from napari_scsam.gui.settings import Settings
    from napari_scsam.infer.patch import Patch
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.propagation import Propagation, PropagationLimits
    from napari_scsam.model import ScSAM
    from napari_scsam.remote.connection import Connection
    from napari_scsam.remote.predictor import RemotePredictor

AnyPredictor: TypeAlias = "Predictor | RemotePredictor"

BY_SERVER = "choose Server … under Model > Device"
"""How networks run in a window where torch is not installed."""


@dataclass(frozen=True)
class Device:
    """Something in this computer that a network can run on."""

    name: str
    """As torch calls it, e.g. ``"cuda:0"``."""
    label: str
    """For the user."""


@dataclass(frozen=True)
class ModelInfo:
    """What the panels show of a loaded model."""

    name: str
    device: str
    devices: tuple[Device, ...] = ()
    """What networks can run on in this computer; empty where a server runs it."""
    sha256: str = ""
    """Of the checkpoint's file, where a server runs it."""


def is_remote(predictor: AnyPredictor) -> TypeIs[RemotePredictor]:
    """Whether the network of a predictor is on a server."""
    return hasattr(predictor, "line")


# Loading


def start_torch() -> None:
    """Import what networks need while a window is open; a second call does nothing.

    Raises
    ------
    NoTorchError
        When torch is not installed.
    """
    if not torch_is_installed():
        raise NoTorchError(BY_SERVER)
    with collection_paused():
        preload_labels()
        import_torch_stack()


def load_here_steps(checkpoint: str, settings: Settings) -> Steps[Predictor]:
    """Load a checkpoint on this computer."""
    yield Progress(0, 2, "starting the network")
    with collection_paused():
        start_torch()
        from napari_scsam.checkpoints.checkpoint import load_checkpoint
        from napari_scsam.infer.disk_cache import default_cache
        from napari_scsam.infer.predictor import Predictor

        yield Progress(1, 2, f"loading {checkpoint}")
        disk = default_cache(settings.cache_gigabytes)
        return Predictor(load_checkpoint(checkpoint), settings.device, disk)


def load_there_steps(checkpoint: str, line: Connection) -> Steps[RemotePredictor]:
    """Load a checkpoint on a server, which knows its name, or is sent the file."""
    yield Progress(0, 1, f"loading {Path(checkpoint).stem} on the server")
    from napari_scsam.remote.predictor import RemotePredictor

    predictor = RemotePredictor(line)
    yield from predictor.load_steps(checkpoint)
    return predictor


def list_devices() -> tuple[Device, ...]:
    """Return what networks can run on in this computer; nothing is imported for it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return ()
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = [torch.cuda.get_device_name(number) for number in range(cards)]
    found = [
        Device(f"cuda:{number}", f"{name} (cuda:{number})") for number, name in enumerate(names)
    ]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple graphics"))
    return (Device("cpu", "Processor"), *found)


def list_there_steps(line: Connection) -> Steps[tuple[CheckpointInfo, ...]]:
    """Return the checkpoints of a server; their paths are names, and no files of this computer."""
    yield Progress(0, 1, "asking the server for its checkpoints")
    from napari_scsam.remote.checkpoints import list_steps
    from napari_scsam.remote.session import RemoteSession

    return (yield from list_steps(RemoteSession(line)))


def describe_device(predictor: AnyPredictor) -> str:
    """Return where a network runs, e.g. ``"cpu"`` or ``"server gpu.lab.org (cuda)"``."""
    if not is_remote(predictor):
        return str(predictor.device)
    return f"server {predictor.line.address.host} ({predictor.line.state.device or 'connecting'})"


def describe_model(checkpoint: str, predictor: AnyPredictor) -> ModelInfo:
    """Return what the panels show of a network that was loaded."""
    device = describe_device(predictor)
    if is_remote(predictor):
        return ModelInfo(checkpoint, device, sha256=predictor.session.loaded.sha256)
    return ModelInfo(checkpoint, device, list_devices())


def save_here(model: ScSAM, info: CheckpointInfo, path: Path) -> None:
    """Write a network of this computer, with what it was taught, as a new checkpoint.

    Parameters
    ----------
    model, info
        The network as it is now, and the card of the checkpoint that it was loaded from.
    path
        The new file.
    """
    from napari_scsam.checkpoints.checkpoint import save_checkpoint

    taught = [spec.name for spec in model.classes if spec not in info.classes]
    training = {
        **info.training,
        "taught": {"classes": [*info.taught, *taught], "from": info.name},
    }
    save_checkpoint(
        path,
        model,
        summary=taught_summary(info.summary, taught),
        licence=info.licence,
        training=training,
    )


def taught_summary(summary: str, taught: Sequence[str]) -> str:
    """Return the summary of a checkpoint that was taught classes."""
    if not taught:
        return summary
    return f"{summary}; taught {', '.join(taught)}"


# What takes one call here, and a request there


def restore_taught_steps(predictor: AnyPredictor, taught: Sequence[TaughtClass]) -> Steps[None]:
    """Know the checkpoint's own classes and those given, and no others."""
    if is_remote(predictor):
        yield from predictor.restore_steps(taught)
        return
    predictor.restore_taught(taught)


def find_object_steps(predictor: AnyPredictor, marks: Marks, earlier: Any = None) -> Steps[Any]:
    """Find an object by points and a box; return a `PromptAnswer` or a `RemoteAnswer`.

    Parameters
    ----------
    predictor, marks
        Set to the slice; and where the object is.
    earlier
        An answer that the marks refine.
    """
    points = list(marks.points) or None
    labels = [int(inside) for inside in marks.inside] or None
    if is_remote(predictor):
        if not hasattr(earlier, "number"):  # it was found on this computer
            earlier = None
        return (yield from predictor.prompt_steps(points, labels, marks.box, earlier))
    if hasattr(earlier, "number"):  # it was found on a server
        earlier = None
    return predictor.predict_prompts(points, labels, marks.box, earlier)


def learn_steps(
    predictor: AnyPredictor, spec: ClassSpec, on: NDArray[Any], beside: NDArray[Any]
) -> Steps[ClassSpec]:
    """Learn a class from strokes on and beside it, in place of those of before."""
    if is_remote(predictor):
        return (yield from predictor.teach_steps(spec, on, beside, replace_earlier=True))
    return predictor.teach(spec, on, beside, replace_earlier=True)


def taught_names(predictor: AnyPredictor) -> frozenset[str]:
    """Return the lower-case names of the classes that strokes taught."""
    if is_remote(predictor):
        return predictor.taught_names
    return frozenset(predictor.model.lessons)


def follow_object_steps(
    predictor: AnyPredictor,
    start: Patch,
    beyond: Iterable[tuple[int, Any]],
    count: int,
    limits: PropagationLimits,
    first: Any,
) -> Steps[Propagation]:
    """Propagate an object; parameters are those of `infer.propagate.propagate_steps`."""
    if is_remote(predictor):
        return (yield from predictor.propagate_steps(first, start, beyond, count, limits))
    from napari_scsam.infer.propagate import propagate_steps

    return (yield from propagate_steps(predictor, first, start, beyond, count, limits))


def embed_ahead_steps(predictor: AnyPredictor, makers: Iterable[Callable[[], Any]]) -> Steps[None]:
    """Embed slices that may be next, as many as fit into memory together with the one shown.

    On a server, which others use, too, it is the nearest one.
    """
    if is_remote(predictor):
        for make in makers:
            yield from predictor.embed_steps(make())
            return
        return
    for number, make in enumerate(makers):
        views = predictor.augmented(make())
        tiles = sum(len(predictor.tiles(view)) for view in views)
        # The slice shown, the neighbours so far and this one must fit.
        if not predictor.embeddings.has_room((number + 2) * tiles):
            return
        for view in views:
            yield from predictor.embed_steps(view)
