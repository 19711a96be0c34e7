"""What a fine-tuning learns from: reviewed slices, held-out regions, and replayed crops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.infer.device import precision
from napari_scsam.infer.tile_encoder import weights_hash
from napari_scsam.infer.tiling import HALO, ZOOM_LIMITS
from napari_scsam.io.contrast import measure_contrast, normalise
from napari_scsam.io.label_values import check_named_values, values_of
from napari_scsam.io.volumes import Volume
from napari_scsam.model import ScSAM
from napari_scsam.model.image_encoder import STRIDE
from napari_scsam.model.tuned_path import TunedPath
from napari_scsam.train.augment import sample, window
from napari_scsam.train.drawing import generator_of
from napari_scsam.train.finetune.convention import follow_labels, with_outlines
from napari_scsam.train.finetune.embed_jobs import EmbedJob, EmbedJobs, interleaved
from napari_scsam.train.finetune.held_out import (
    HeldOutRegion,
    choose_held_out,
    is_known,
    labelled,
    representative,
    without,
)
from napari_scsam.train.finetune.known_labels import (
    UNKNOWN,
    KnownClass,
    known_classes,
    known_targets,
)
from napari_scsam.train.finetune.merged import MergedTable, merged_memory, merged_table
from napari_scsam.train.finetune.replay import replay_images
from napari_scsam.train.finetune.review_crops import (
    CropMemory,
    draw_crop,
    reviewed_slice,
    without_others,
)
from napari_scsam.train.finetune.settings import FinetuneSettings
from napari_scsam.train.finetune.tuned_weights import take_path, with_classes
from napari_scsam.train.scoring.evaluate import check_slices

FEWEST = 4
"""Crops of each kind that are embedded, however little time there is."""

FEWEST_LEARNED = 12
"""Crops of reviewed slices that are embedded in any case; the labels' convention is read there."""


@dataclass(frozen=True)
class CorrectedVolume:
    """A volume with labels that somebody has corrected."""

    image: Volume
    labels: Volume
    """Of the image's shape."""
    classes: Mapping[int, str]
    """Name of the class of each label value; others are unknown there."""
    reviewed: Volume | None = None
    """Of the image's shape, 0 where nobody has looked. Without it whole slices are reviewed."""
    slices: Sequence[int] | None = None
    """Those that are reviewed; all when not given."""
    voxel_size: VoxelSize | None = None
    """nm along z, y, x; the image's own when not given."""

    @property
    def size(self) -> VoxelSize | None:
        """Voxel size in nm, if it is known."""
        return self.voxel_size or self.image.voxel_size


@dataclass(eq=False)
class FinetuneData:
    """Everything that is read from a source, and the crops that are remembered of it.

    Parameters
    ----------
    source
        The volume.
    parent
        The model before.
    settings
        How many crops.
    """

    source: CorrectedVolume
    parent: ScSAM
    settings: FinetuneSettings
    places: list[int] = field(init=False)
    """Reviewed slices."""
    model: ScSAM = field(init=False)
    """A copy of the parent that has all labelled classes, without what learns."""
    known: tuple[KnownClass, ...] = field(init=False)
    path: TunedPath = field(init=False)
    """What learns."""
    held: tuple[HeldOutRegion, ...] = field(init=False)
    """Regions that are kept from learning."""
    table: MergedTable = field(init=False)
    """Of what is learned, in merged crops."""
    learned: CropMemory = field(init=False)
    """Crops of the volume, merged when all are embedded."""
    held_out: CropMemory = field(init=False)
    replayed: CropMemory = field(init=False)
    rehearsed: CropMemory = field(init=False)
    """Replayed crops, merged."""
    pieces: list[HeldOutRegion] = field(default_factory=list, init=False)
    """The regions of the held-out crops, in their order."""

    def __post_init__(self) -> None:
        source = self.source
        self.contrast = measure_contrast(source.image.data)
        self.places, self.planes, self.targets = read_reviewed(source)
        self.model = with_classes(self.parent, list(source.classes.values()))
        self.known = known_classes(self.model.classes, list(source.classes.values()))
        self.pixels = pixels_of(self.parent, source.size)
        self.held = choose_held_out(self.targets, self.piece_sides)
        self.slices = [
            reviewed_slice(normalise(plane, self.contrast), left)
            for plane, left in zip(self.planes, without(self.targets, self.held), strict=True)
            if is_known(left)
        ]
        self.model.requires_grad_(False)
        self.path = take_path(self.model, self.known).requires_grad_(True)
        self.learned = CropMemory(self.parent)
        self.held_out = CropMemory(self.parent)
        self.replayed = CropMemory(self.parent)
        self.merge()

    @property
    def total(self) -> int:
        """Crops to embed, about."""
        how = self.settings
        return how.crops + how.replayed + how.validated

    def embed(self, is_late: Callable[[], bool] = bool) -> Iterator[int]:
        """Embed crops of all kinds in turn; yield how many there are.

        Parameters
        ----------
        is_late
            Asked after each; when it is true no more are embedded, but for a few of each kind.
        """
        self.start_new_classes()
        kinds = [
            EmbedJobs(self.learn_jobs(), FEWEST_LEARNED),
            EmbedJobs(self.replay_jobs(), FEWEST),
            EmbedJobs(self.held_out_jobs(), FEWEST),
        ]
        least = sum(kind.least for kind in kinds)
        for number, job in enumerate(interleaved(kinds)):
            if number >= least and is_late():
                break
            job()
            yield number + 1
        self.follow_labels()
        self.merge()

    def merge(self) -> None:
        """Merge the classes that are not learned, in the crops that are learned from."""
        self.table = merged_table(self.known)
        kept = (self.table.rows, len(self.model.classes))
        self.learned = merged_memory(self.learned, *kept)
        self.rehearsed = merged_memory(self.replayed, *kept)

    def follow_labels(self) -> None:
        """Leave parts to the parent that the labels leave out, and learn their wholes alone."""
        crops = self.learned.crops[:FEWEST_LEARNED]
        known = follow_labels(self.known, crops, self.parent, self.crop_pixels)
        self.model.classes = with_outlines(self.model.classes, known)
        if known == self.known:
            return
        if len(self.model.tuned) < len(self.parent.tuned):
            self.model.tuned.append(self.path.requires_grad_(False))  # it goes on answering parts
        self.known = known
        self.path = take_path(self.model, known).requires_grad_(True)

    def learn_jobs(self) -> list[EmbedJob]:
        """Return what embeds the crops of reviewed slices."""
        return [partial(self.learn_from, number) for number in range(self.settings.crops)]

    def learn_from(self, number: int) -> None:
        """Embed a crop of reviewed slices."""
        chance = generator_of(self.settings.seed, number)
        self.learned.add(*draw_crop(self.slices, self.pixels, self.settings.look, chance))

    def replay_jobs(self) -> list[EmbedJob]:
        """Return what embeds the crops of synthetic cells, each drawn when its turn comes."""
        images = iter(replay_images(self.settings.replayed, self.settings.seed))
        return [lambda: self.replayed.add(next(images))] * self.settings.replayed

    def held_out_jobs(self) -> list[EmbedJob]:
        """Return what embeds the held-out pieces; those that show a labelled class come first."""
        pieces = representative(self.targets, self.held, self.settings.validated)
        order = torch.randperm(len(pieces), generator=generator_of(self.settings.seed, 0))
        mixed = [pieces[number] for number in order.tolist()]
        mixed.sort(key=lambda piece: not labelled([piece.of(self.targets)]))
        return [partial(self.hold_out, piece) for piece in mixed]

    def hold_out(self, piece: HeldOutRegion) -> None:
        """Embed a held-out piece."""
        self.pieces.append(piece)
        self.held_out.add(*self.plain_crop(piece))

    @property
    def parts_apart(self) -> tuple[str, ...]:
        """Names of the parts that the labels leave out."""
        return tuple(self.model.classes[row].name for each in self.known for row in each.apart)

    @property
    def piece_sides(self) -> tuple[float, float]:
        """Sides (y, x) in slice pixels of what a tile shows reliably."""
        inside = self.parent.config.tile - 2 * HALO
        return inside * self.pixels[0], inside * self.pixels[1]

    @property
    def crop_pixels(self) -> tuple[float, float] | None:
        """Sides (y, x) in nm of a pixel of a held-out crop, if they are known."""
        size = self.source.size
        if size is None:
            return None
        return size[1] * self.pixels[0], size[2] * self.pixels[1]

    def plain_crop(self, region: HeldOutRegion) -> tuple[Tensor, Tensor]:
        """Return a tile round a held-out piece, 1×side×side, and its targets, unknown beside it."""
        side = self.parent.config.tile
        plane = normalise(self.planes[region.place], self.contrast)
        targets = np.full(plane.shape, UNKNOWN, np.uint8)
        targets[region.window] = region.of(self.targets)
        centre = tuple((part.start + part.stop - 1) / 2 for part in region.window)
        steps = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
        y, x = torch.meshgrid(steps * self.pixels[0], steps * self.pixels[1], indexing="ij")
        grid = torch.stack([x, y], dim=-1)
        part, inside = window(plane.shape, (centre[0], centre[1]), grid)
        image = sample(torch.from_numpy(plane[part])[None], inside, grid, "bilinear")
        numbers = torch.from_numpy(targets[part].astype(np.float32))[None]
        return image, sample(numbers, inside, grid, "nearest")[0].round().to(torch.uint8)

    @torch.no_grad()
    def start_new_classes(self) -> None:
        """Set the prototype of each class that the parent lacks to the mean of its features."""
        prototypes = self.model.class_prompt.prototypes
        for number, each in enumerate(self.known, start=1):
            row = each.rows[0]
            if row >= len(self.parent.classes):
                prototypes[row] = self.mean_feature(number)
                own = self.path.names.index(each.name.casefold())
                self.path.class_prompt.prototypes[own] = prototypes[row]

    def mean_feature(self, number: int) -> Tensor:
        """Compute the mean of 256 features over some crops of the n-th labelled class."""
        shown = [each for each in self.slices if (each.targets == number).any()]
        total = torch.zeros_like(self.model.class_prompt.prototypes[0])
        for chance in range(FEWEST if shown else 0):
            generator = generator_of(self.settings.seed, chance)
            own = [without_others(each, number) for each in shown]
            image, targets = draw_crop(own, self.pixels, self.settings.look, generator)
            with precision(self.learned.device):
                fused = self.parent.fuse(self.parent.encode(image[None].to(total.device))).fused
            share = F.avg_pool2d((targets == number).float()[None, None], STRIDE).to(total.device)
            total += (fused.float() * share).sum((0, 2, 3))
        return F.normalize(total, dim=0)


def read_reviewed(
    source: CorrectedVolume,
) -> tuple[list[int], list[NDArray[Any]], list[NDArray[np.uint8]]]:
    """Read the reviewed slices: which they are, their pixels, and their targets.

    Raises
    ------
    UserError
        When shapes differ, a slice is not there, or nothing is reviewed.
    """
    chosen = check_slices(source.image, source.labels, source.slices)
    mask = source.reviewed
    if mask is not None and mask.shape != source.image.shape:
        raise UserError(
            f"the reviewed mask has shape {mask.shape}, but the image has {source.image.shape}; "
            "give the mask of this image"
        )
    places, planes, targets = list[int](), list[NDArray[Any]](), list[NDArray[np.uint8]]()
    for z in chosen:
        seen = None if mask is None else mask.plane(z)
        known = known_targets(source.labels.plane(z), list(source.classes), seen)
        if is_known(known):
            places.append(z)
            planes.append(source.image.plane(z))
            targets.append(known)
    if not places:
        raise UserError("no slice is reviewed; review some, or leave the mask out")
    check_names(source, places)
    return places, planes, targets


def check_names(source: CorrectedVolume, places: Sequence[int]) -> None:
    """Check that labels hold one of the values that are named, on any slice.

    Places without any label are fine.

    Raises
    ------
    UserError
        When they hold others alone; it lists them.
    """
    found = set[int]().union(*(values_of(source.labels.plane(z)) for z in places))
    if found - {0} and found.isdisjoint(source.classes):
        advice = "name the classes of the values that there are"
        check_named_values(source.labels, source.classes, places, advice)


def pixels_of(model: ScSAM, size: VoxelSize | None) -> tuple[float, float]:
    """Return slice pixels to one pixel of the model, (y, x); 1 when a pixel size is unknown."""
    target = model.config.nm_per_pixel
    if size is None or target is None:
        return 1.0, 1.0
    low, high = ZOOM_LIMITS
    y, x = (1 / min(max(side / target, low), high) for side in size[1:])
    return y, x


def run_settings(
    source: CorrectedVolume, parent: ScSAM, settings: FinetuneSettings
) -> dict[str, Any]:
    """Return what must be the same for a stopped run to be resumed, as plain JSON values."""
    return {
        "image": [source.image.name, *source.image.shape],
        "labels": source.labels.name,
        "classes": {str(value): name for value, name in source.classes.items()},
        "slices": None if source.slices is None else list(source.slices),
        "voxel_size": source.size,
        "parent": weights_hash(parent),
        "settings": settings.to_dict(),
    }
