"""Checkpoints: finding, reading and writing them.

Ours are ``.safetensors`` with JSON metadata inside: config, class table and
training record. No pickle is ever written; foreign ``.pth`` files are opened
for their tensors alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.atomic import replacing
from napari_scsam.checkpoints.registry import list_downloads
from napari_scsam.config import ClassSpec, UserError, parse_classes
from napari_scsam.paths import user_folder, weights_folder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_scsam.model import ScSAM

FORMAT = "napari-scsam 1"
DEFAULT = "default"
_DEFAULT_FILE = "scsam_tiny.safetensors"


@dataclass(frozen=True)
class CheckpointInfo:
    """What can be said of a checkpoint without loading its weights."""

    name: str
    path: Path
    classes: tuple[ClassSpec, ...]
    nm_per_pixel: float | None
    bytes: int
    licence: str
    summary: str
    config: Mapping[str, Any]
    training: Mapping[str, Any]

    @property
    def prompts_only(self) -> bool:
        """Whether it answers clicks and boxes alone, and has learned no classes."""
        return bool(self.config.get("prompts_only"))

    @property
    def taught(self) -> tuple[str, ...]:
        """Names of the classes that it knows from a few strokes alone, and was saved with."""
        saved = self.training.get("taught")  # a list there is of classes that were trained since
        return tuple(saved.get("classes", ())) if isinstance(saved, dict) else ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; this is what ``scsam checkpoints info --json`` prints."""
        return {
            "name": self.name,
            "file": self.path.name,
            "classes": [c.to_dict() for c in self.classes],
            "nm_per_pixel": self.nm_per_pixel,
            "bytes": self.bytes,
            "licence": self.licence,
            "summary": self.summary,
            "config": dict(self.config),
            "training": dict(self.training),
        }


def list_checkpoints() -> tuple[CheckpointInfo, ...]:
    """List the checkpoints on this machine, the shipped ones first."""
    found = [
        p
        for folder in (weights_folder(), user_folder())
        for p in sorted(folder.glob("*.safetensors"))
    ]
    return tuple(info for path in found if (info := _info_if_ours(path)) is not None)


def _info_if_ours(path: Path) -> CheckpointInfo | None:
    try:
        return checkpoint_info(path)
    except UserError:
        return None


def find_checkpoint(name: str | Path = DEFAULT) -> Path:
    """Turn ``"default"``, a listed name or a path into a path.

    Raises
    ------
    UserError
        When there is no such checkpoint; the message lists those there are.
    """
    if str(name) == DEFAULT:
        return weights_folder() / _DEFAULT_FILE
    path = Path(name).expanduser()
    if path.is_file():
        return path
    listed = {info.name: info.path for info in list_checkpoints()}
    if str(name) not in listed:
        fetch = (
            f"fetch it with: scsam checkpoints download {name}; or "
            if str(name) in {d.name for d in list_downloads()}
            else ""
        )
        raise UserError(
            f"no checkpoint {str(name)!r}; {fetch}give a path, or one of: {', '.join([DEFAULT, *listed])}"
        )
    return listed[str(name)]


def listed_name(path: Path) -> str | None:
    """Return the name by which `find_checkpoint` finds a file, on other machines too; None where only its path will do."""
    try:
        return path.stem if find_checkpoint(path.stem).samefile(path) else None
    except (UserError, OSError):
        return None


def checkpoint_info(name: str | Path = DEFAULT) -> CheckpointInfo:
    """Read the card inside a checkpoint; the weights stay on disk.

    Raises
    ------
    UserError
        When the file is missing, or is not a checkpoint of ours.
    """
    path = find_checkpoint(name)
    text = _read_card(path)
    try:
        card = json.loads(text)
        return CheckpointInfo(
            name=path.stem,
            path=path,
            classes=parse_classes(card["classes"]),
            nm_per_pixel=card["config"].get("nm_per_pixel"),
            bytes=path.stat().st_size,
            licence=str(card.get("licence", "unknown")),
            summary=str(card.get("summary", "")),
            config=card["config"],
            training=card.get("training", {}),
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is a ScSAM checkpoint whose card cannot be read; fetch it again"
        ) from error


def _read_card(path: Path) -> str:
    """Read the card, as JSON text, from the header of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(
            f"no checkpoint at {path}; give the path of a .safetensors file, or reinstall for the shipped one"
        )
    try:
        with safe_open(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        hint = (
            "a .pth of SAM goes into training, not here"
            if path.suffix in (".pth", ".pt")
            else "it may be cut off; fetch it again"
        )
        raise UserError(
            f"{path} is not a ScSAM checkpoint (no safetensors header); {hint}"
        ) from error
    if metadata.get("format") != FORMAT:
        raise UserError(
            f"{path} is not a ScSAM checkpoint (its header lacks the format {FORMAT!r}); choose one written by scsam"
        )
    return metadata.get("card", "")


def load_checkpoint(name: str | Path = DEFAULT) -> ScSAM:
    """Load a model, ready for use on the CPU.

    Parameters
    ----------
    name
        ``"default"`` for the shipped model, a path, or a name that
        `list_checkpoints` gives.

    Raises
    ------
    UserError
        When there is no such checkpoint, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from napari_scsam.model import ScSAM, ScSAMConfig

    info = checkpoint_info(name)
    try:
        model = ScSAM(ScSAMConfig(**info.config), info.classes)
        model.load_state_dict(load_file(info.path))
    except (SafetensorError, RuntimeError, TypeError) as error:
        raise UserError(
            f"{info.path} is damaged or from another version; fetch it again"
        ) from error
    return model.eval()


def verify_checkpoint(name: str | Path = DEFAULT) -> str:
    """Load a checkpoint, look at every weight, and give its name.

    Raises
    ------
    UserError
        When it does not load, or holds a weight that is not a finite number.
    """
    info = checkpoint_info(name)
    broken = [k for k, v in load_checkpoint(name).state_dict().items() if not v.isfinite().all()]
    if broken:
        raise UserError(
            f"{info.path} holds values that are not finite, first in {broken[0]!r}; fetch it again"
        )
    return info.name


def save_checkpoint(
    path: Path,
    model: ScSAM,
    *,
    summary: str,
    licence: str,
    training: Mapping[str, Any],
    half: bool = False,
) -> None:
    """Write a model with its card, atomically.

    Parameters
    ----------
    path
        Ends in ``.safetensors``.
    model
        Its config and class table go into the card.
    summary, licence
        One sentence each, for the lists that users see.
    training
        What it was trained on and how: plain JSON values.
    half
        Write weights in half precision, at half the size; they load into a model of single precision.
    """
    card = {
        "config": model.config.to_dict(),
        "classes": [c.to_dict() for c in model.classes],
        "summary": summary,
        "licence": licence,
        "training": dict(training),
    }
    weights = {
        k: v.half() if half and v.is_floating_point() else v for k, v in model.state_dict().items()
    }
    write_tensors(path, weights, {"format": FORMAT, "card": json.dumps(card)})


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the weights of a checkpoint of ours, by name.

    Raises
    ------
    UserError
        When there is no such checkpoint, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    info = checkpoint_info(path)
    try:
        return load_file(info.path)
    except SafetensorError as error:
        raise UserError(f"{info.path} is damaged; fetch it again") from error


def save_mae(path: Path, encoder: nn.Module, name: str, training: Mapping[str, Any]) -> None:
    """Write a pre-trained MAE encoder, atomically."""
    write_tensors(
        path,
        encoder.state_dict(),
        {"format": f"{FORMAT} mae", "encoder": name, "training": json.dumps(dict(training))},
    )


def load_mae(path: str | Path, encoder: nn.Module) -> None:
    """Fill an MAE encoder from what `save_mae` wrote, or its ViT from published weights.

    Parameters
    ----------
    path
        ``.safetensors`` of ours or of timm, or a ``.pth`` of a ViT under
        MAE's or timm's names, which leaves the convolutional stem as it is.
    encoder
        From `build_mae_encoder`.

    Raises
    ------
    UserError
        When the file is missing, is something else, or is of another size.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from napari_scsam.model.official_weights import fit_vit, read_tensors

    try:
        weights = (
            load_file(path)
            if Path(path).suffix == ".safetensors"
            else read_tensors(path, "a pre-trained encoder")
        )
        if (
            vit := getattr(encoder, "vit", None)
        ) is not None and "patch_embed.proj.weight" in weights:
            vit.load_state_dict(fit_vit(weights, vit))
        else:
            encoder.load_state_dict(weights)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise UserError(
            f"{path} is not a pre-trained encoder of this form; make one with 'scsam pretrain', "
            "or name the timm ViT that the file was made for"
        ) from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file, which appears at its path when it is complete."""
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        draft.write_bytes(save({k: _whole(v) for k, v in tensors.items()}, metadata))


def _whole(tensor: Tensor) -> Tensor:
    """Return a tensor on the CPU that owns its memory; safetensors refuses parts of others."""
    own = tensor.detach().cpu().contiguous()
    if own.untyped_storage().nbytes() == own.nbytes:
        return own  # a copy of a big network would take much memory
    return own.clone()
