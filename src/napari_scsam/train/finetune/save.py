"""Writing what fine-tuning came to as a checkpoint that knows where it comes from."""

from __future__ import annotations

import time
from pathlib import Path

from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.train.finetune.data import CorrectedVolume
from napari_scsam.train.finetune.steps import FinetuneResult
from napari_scsam.train.run_folder import fingerprints


def save_tuned(
    path: Path, result: FinetuneResult, parent: str | Path, source: CorrectedVolume
) -> None:
    """Write the better model of the two.

    Its card names the parent with its hash, and the parent's own parents. It holds hashes of image
    and labels, and the comparison before and after.

    Parameters
    ----------
    path
        Ends in ``.safetensors``.
    result
        From `finetune`.
    parent
        Name or path of the checkpoint that it started from.
    source
        What it learned from.
    """
    info = checkpoint_info(parent)
    volumes = [source.image.path, source.labels.path]
    files = [info.path, *(path for path in volumes if path is not None)]
    parent_print, *data_prints = fingerprints(files)
    record = {
        "when": time.strftime("%Y-%m-%d %H:%M:%S"),
        "parent": {"name": info.name, **parent_print},
        "parents": [*info.training.get("parents", []), parent_print],
        "data": data_prints,
        "classes": {str(value): name for value, name in source.classes.items()},
        "report": result.report.to_dict(),
    }
    summary = info.summary
    if result.report.offered:
        names = ", ".join(source.classes.values())
        summary = f"{info.summary}; fine-tuned on {names} of {source.image.name}"
    training = {**info.training, "parents": record["parents"], "finetuned": record}
    save_checkpoint(path, result.model, summary=summary, licence=info.licence, training=training)
