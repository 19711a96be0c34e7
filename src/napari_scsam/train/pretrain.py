"""Pre-training of the MAE branch on unlabelled volumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_scsam.checkpoints.checkpoint import load_mae, save_mae
from napari_scsam.config import UserError
from napari_scsam.infer.device import choose_device, precision
from napari_scsam.io.contrast import measure_contrast, normalise
from napari_scsam.io.volumes import Volume
from napari_scsam.model.mae import MaskedAutoencoder, build_mae_encoder
from napari_scsam.train.augment import Augmentation, random_grid, sample, uniform, vary_grey, window
from napari_scsam.train.drawing import draw_steps
from napari_scsam.train.pictures import eval_mode, reconstruction_picture
from napari_scsam.train.resume import StateKeeper, read_state, state_file
from napari_scsam.train.run_folder import RunFolder
from napari_scsam.train.schedule import TrainStep, learning_rate

ISOTROPIC = 1.5
"""Largest ratio between voxel sides at which a volume is also sliced along y and x."""


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of a pre-training run."""

    encoder: str = "hybrid"
    steps: int = 2000
    batch: int = 16
    crop: int = 224
    hidden: float = 0.6
    """Share of the 16 px blocks that is hidden."""
    rate: float = 1e-3
    seed: int = 0
    save_every: int = 200
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(invert=0.15))
    start: str | None = None
    """Encoder to go on from, as an earlier run wrote it."""


class UnlabelledCrops:
    """Random crops from volumes, along every axis that is sharp enough.

    Parameters
    ----------
    volumes
        Read once into memory as 8-bit grey, each by its own contrast.
    """

    def __init__(self, volumes: Sequence[Volume], config: PretrainConfig) -> None:
        if not volumes:
            raise UserError("no volume to pre-train on; give at least one")
        self.config = config
        self.stacks = [stack for volume in volumes for stack in planes_of(volume)]
        sizes = np.array([float(s.size) for s in self.stacks])
        # A volume ten times as big is seen three times as often, not ten.
        self.weights = torch.from_numpy(np.sqrt(sizes) / np.sqrt(sizes).sum())

    def batch(self, generator: torch.Generator) -> Tensor:
        """Return B×1×crop×crop in 0..1."""
        return torch.stack([self.crop(generator) for _ in range(self.config.batch)])

    def crop(self, generator: torch.Generator) -> Tensor:
        """Return one augmented crop, 1×crop×crop."""
        stack = self.stacks[int(torch.multinomial(self.weights, 1, generator=generator))]
        plane = stack[int(uniform(generator, 0, len(stack) - 1e-3))]
        centre = uniform(generator, 0, plane.shape[0]), uniform(generator, 0, plane.shape[1])
        grid = random_grid(self.config.crop, self.config.augmentation, generator)
        part, centre = window(plane.shape, centre, grid)
        pixels = torch.from_numpy(plane[part].astype(np.float32) / 255)[None]
        return vary_grey(
            sample(pixels, centre, grid, "bilinear"), self.config.augmentation, generator
        )


def planes_of(volume: Volume) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return a volume as 8-bit stacks, one for each axis it can be sliced along."""
    contrast = measure_contrast(volume.data)
    grey = (
        np.stack([normalise(volume.plane(z), contrast) for z in range(volume.depth)]) * 255
    ).astype(np.uint8)
    size = volume.voxel_size
    isotropic = size is not None and max(size) / min(size) <= ISOTROPIC and min(grey.shape) >= 64
    return [grey, grey.transpose(1, 0, 2), grey.transpose(2, 0, 1)] if isotropic else [grey]


def shown_crops(
    model: MaskedAutoencoder, crops: UnlabelledCrops, device: torch.device
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Picture what the model makes of the same crops, hidden in the same places, every time."""
    torch.manual_seed(crops.config.seed)  # each step sets its own anew
    image = crops.batch(torch.Generator().manual_seed(crops.config.seed)).to(device)
    with eval_mode(model):
        return reconstruction_picture(model, image, crops.config.hidden)


def pretrain(
    volumes: Sequence[Volume],
    out: Path,
    config: PretrainConfig | None = None,
    device: str = "auto",
    processes: int = 0,
    anew: Callable[[str], object] | None = None,
) -> Iterator[TrainStep]:
    """Train a masked autoencoder and write its encoder.

    A generator: each step is yielded, and closing it stops the run with what
    was saved last. Started again with the same `out`, it goes on from there.

    Parameters
    ----------
    volumes
        Unlabelled EM, of any dtype and pixel size.
    out
        Where to write the encoder (``.safetensors``).
    config
        Settings; defaults are those of the shipped prior.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    processes
        How many draw crops ahead; they change nothing but the time.
    anew
        Told in a sentence when a run into `out` was stopped that had other settings or volumes, which is then given up.

    Raises
    ------
    UserError
        When there was such a run, and `anew` is not given.
    """
    config = config or PretrainConfig()
    state = state_file(out)
    where = choose_device(device)
    if config.steps < 1:
        raise UserError(f"{config.steps} steps train nothing; give at least 1")
    torch.manual_seed(config.seed)
    crops = UnlabelledCrops(volumes, config)
    model = (
        MaskedAutoencoder(build_mae_encoder(config.encoder))
        .to(where)
        .to(memory_format=torch.channels_last)
    )
    if config.start is not None:
        load_mae(config.start, model.encoder)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=config.rate,
        betas=(0.9, 0.95),
        weight_decay=0.05,
        fused=where.type == "cuda",
    )
    start = Path(config.start) if config.start is not None else None
    run = {"volumes": [v.name for v in volumes], **asdict(config)}
    record = {**run, "start": start.name if start else None}
    first = read_state(state, model, optimiser, run, anew)
    started = time.monotonic()
    folder = RunFolder(
        out,
        record,
        [path for path in (*(v.path for v in volumes), start) if path is not None],
        where,
        first,
    )
    keeper = StateKeeper(state, model, optimiser, run)
    steps = range(first, config.steps)
    for step, (image, _) in zip(
        steps, draw_steps(crops, config.seed, steps, processes), strict=True
    ):
        torch.manual_seed(config.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, config.steps, config.rate)
        with precision(where):
            loss = model(image.to(where), config.hidden)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        done = TrainStep(step + 1, config.steps, {"loss": loss.item()}, time.monotonic() - started)
        folder.add(done, optimiser)
        keeper.keep(
            step + 1, now=(save := (step + 1) % config.save_every == 0 or step + 1 == config.steps)
        )
        if save:
            save_mae(out, model.encoder, config.encoder, {**record, "steps": step + 1})
            folder.save(done, shown_crops(model, crops, where))
        yield done
    state.unlink(missing_ok=True)
