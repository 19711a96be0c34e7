"""A synthetic electron micrograph of a cell whose organelles are known.

It needs no download: it is sample data that works offline, and ground truth for tests. It looks
like an EM volume: dark membranes on light cytoplasm. Wherever it is shown, it is called synthetic,
and no quality is claimed from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.samples.fields import (
    Coordinates,
    Field,
    Grid,
    PhantomBox,
    clearance,
    make_mosaic,
    smooth_noise,
    tube,
)
from napari_scsam.samples.scene import ALL, Scene, cytoplasm, fill, line, photograph

MITOCHONDRION, BOUNDARY, VESICLE, PSD, MYELIN, MEMBRANE, GRANULE, NUCLEUS, ER = range(1, 10)
PHANTOM_CLASSES = (
    ClassSpec(
        MITOCHONDRION, "mitochondrion", description="Matrix and cristae, within the inner membrane"
    ),
    ClassSpec(
        BOUNDARY,
        "mitochondrial_boundary",
        description="Both membranes of a mitochondrion and the space between",
    ),
    ClassSpec(VESICLE, "vesicle", description="Synaptic vesicles with their membrane"),
    ClassSpec(PSD, "PSD", description="Post-synaptic density"),
    ClassSpec(MYELIN, "myelin", description="Layered sheath of an axon"),
    ClassSpec(MEMBRANE, "membrane", description="Plasma membranes and the cleft between them"),
    ClassSpec(GRANULE, "granule", description="Dense-core granules with their membrane"),
    ClassSpec(NUCLEUS, "nucleus", description="Nucleus with its envelope"),
    ClassSpec(
        ER, "er", description="Endoplasmic reticulum, sheets and tubules, lumen and membrane"
    ),
)
"""The first six are named and numbered as in the shipped model."""


@dataclass(frozen=True)
class Phantom:
    """A synthetic volume and its ground truth."""

    image: NDArray[np.uint8]
    """(Z, Y, X), dark membranes on light cytoplasm."""
    labels: NDArray[np.uint8]
    """(Z, Y, X), class ids; 0 is cytoplasm."""
    classes: tuple[ClassSpec, ...]
    voxel_size: VoxelSize
    """nm along z, y, x."""


def make_phantom(
    shape: tuple[int, int, int] = (24, 512, 512),
    voxel_size: VoxelSize = (20.0, 8.0, 8.0),
    seed: int = 0,
) -> Phantom:
    """Create a synthetic EM volume of a cell among its neighbours.

    Parameters
    ----------
    shape
        Voxels along z, y, x. Organelles have their natural size in nm. A volume much smaller than
        the default holds few of them, or none of a class.
    voxel_size
        nm along z, y, x.
    seed
        The same seed, shape and voxel size give the same volume.

    Raises
    ------
    UserError
        When the shape is not three whole numbers of at least 1, 32 and 32.
    """
    if len(tuple(shape)) != 3 or shape[0] < 1 or min(shape[1:]) < 32:
        raise UserError(
            f"a synthetic cell of shape {tuple(shape)} cannot be drawn; "
            "use at least (1, 32, 32) voxels as z, y, x"
        )
    rng = np.random.default_rng(seed)
    grid = Grid(shape, voxel_size)
    mosaic = make_mosaic(rng, grid, spacing=520.0)
    scene = Scene(rng, grid, mosaic, cytoplasm(rng, grid, mosaic), np.zeros(shape, np.uint8))
    area = grid.extent[1] * grid.extent[2] / 1e6
    _draw_nucleus(scene)
    _draw_myelin(scene)
    _draw_plasma_membrane(scene)
    scene.look_for_room(skin=24, sheath=MYELIN)
    _draw_mitochondria(scene, round(1.6 * area) + 1)
    _draw_granules(scene, round(1.4 * area) + 1)
    _draw_synapses(scene, round(0.8 * area) + 1)
    _draw_er(scene, round(2.5 * area) + 1)
    return Phantom(photograph(rng, grid, scene.grey), scene.labels, PHANTOM_CLASSES, voxel_size)


def _draw_nucleus(scene: Scene) -> None:
    """Draw chromatin, denser along the envelope, and the envelope's two membranes with pores."""
    depth = scene.mosaic.nucleus
    rng = scene.rng
    grid = scene.grid
    inside = fill(depth)
    scene.shade(ALL, inside, 0.69)
    near_envelope = np.float32(1.3) * np.exp(depth / np.float32(60))
    clumps = smooth_noise(rng, grid, 120) + near_envelope - np.float32(0.8)
    scene.shade(ALL, inside * np.clip(2 * clumps, 0, 1), 0.48)
    scene.grey += inside * (np.float32(0.05) * smooth_noise(rng, grid, 22))
    wall = np.clip(8 * (smooth_noise(rng, grid, 70) + np.float32(1.6)), 0, 1)
    scene.shade(ALL, fill(np.abs(depth + 18), 12) * wall, 0.76)
    scene.shade(ALL, np.maximum(line(depth, -4), line(depth, -32)) * wall, 0.22)
    scene.mark(ALL, depth < 0, NUCLEUS)


def _draw_myelin(scene: Scene) -> None:
    """Wrap the widest of the neighbours in a layered sheath."""
    mosaic = scene.mosaic
    rng = scene.rng
    cells = np.arange(1, int(mosaic.owner.max()) + 1)
    widest = np.asarray(ndimage.maximum(mosaic.border, mosaic.owner, cells))
    for cell in 1 + np.argsort(widest)[::-1][: 1 + widest.size // 60]:
        box = scene.grid.box(np.argwhere(mosaic.owner == cell) * scene.grid.voxel_size, margin=30)
        inside = mosaic.owner[box] == cell
        depth = ndimage.distance_transform_edt(inside, sampling=scene.grid.voxel_size)
        sheath = np.where(inside, depth, 1e3).astype(np.float32)
        thick = min(rng.uniform(90, 130), 0.5 * float(widest[cell - 1]))
        layers = np.float32(0.7) + np.float32(0.3) * np.cos(sheath * np.float32(2 * np.pi / 22))
        scene.shade(box, fill(sheath, thick) * layers, 0.08)
        scene.mark(box, sheath < thick, MYELIN)


def _draw_plasma_membrane(scene: Scene) -> None:
    """Draw the membranes of both neighbours and the cleft between them."""
    border = scene.mosaic.border
    scene.shade(ALL, fill(border, 8), 0.6)
    scene.shade(ALL, line(border, 10, 8), 0.2)
    scene.mark(ALL, border < 19, MEMBRANE)


def _draw_mitochondria(scene: Scene, count: int) -> None:
    """Draw double membranes, a darker matrix, and cristae, in wide cells and thin ones."""
    wide = scene.place(count // 2, radius=(120, 190), length=(250, 1300))
    thin = scene.place(count - len(wide), radius=(70, 120), length=(200, 1200))
    texture = smooth_noise(scene.rng, scene.grid, 22)
    warp = smooth_noise(scene.rng, scene.grid, 110)
    for points, radius in wide + thin:
        box = scene.grid.box(points, radius + 30)
        distance, along = tube(scene.grid, box, points)
        depth = distance - np.float32(radius) + np.float32(min(9.0, 0.07 * radius)) * warp[box]
        scene.shade(box, fill(depth), 0.66)
        scene.shade(box, fill(depth, -24), scene.rng.uniform(0.48, 0.58))
        scene.grey[box] += fill(depth, -28) * (np.float32(0.04) * texture[box])
        _draw_cristae(scene, box, depth, along + 30 * warp[box])
        scene.shade(box, np.maximum(line(depth, -4), line(depth, -24)), 0.16)
        scene.mark(box, depth < 0, BOUNDARY)
        scene.mark(box, depth < -29, MITOCHONDRION)


def _draw_cristae(scene: Scene, box: PhantomBox, depth: Field, along: Field) -> None:
    """Fold the inner membrane: flat pockets across the mitochondrion, some near the wall only."""
    rng = scene.rng
    spacing = np.float32(rng.uniform(60, 90))
    fold = np.abs(np.mod(along + np.float32(rng.uniform(0, spacing)), spacing) - spacing / 2)
    lengths = rng.uniform(-170, -50, 64).astype(np.float32)
    end = lengths[np.floor(along / spacing).astype(int) % 64]
    shown = fill(depth, -20) * fill(end - depth)
    scene.shade(box, shown * fill(fold, 7), 0.62)
    scene.shade(box, 0.8 * shown * line(fold, 10, 6), 0.2)


def _draw_granules(scene: Scene, count: int) -> None:
    """Draw dark cores, a light halo, and a membrane."""
    for points, radius in scene.place(count, radius=(48, 100), length=(1, 40)):
        box = scene.grid.box(points, radius + 20)
        depth = tube(scene.grid, box, points)[0] - np.float32(radius)
        scene.shade(box, fill(depth), 0.76)
        scene.shade(box, fill(depth, -19), scene.rng.uniform(0.14, 0.3))
        scene.shade(box, 0.9 * line(depth, -4), 0.22)
        scene.mark(box, depth < 0, GRANULE)


def _draw_synapses(scene: Scene, count: int) -> None:
    """Draw densities on patches of plasma membrane, and vesicles on the other side."""
    mosaic = scene.mosaic
    rng = scene.rng
    wrapped = np.bincount(mosaic.owner[scene.labels == MYELIN], minlength=256) > 0
    wrapped[0] = True  # the cell with the nucleus has no vesicles either
    patches = np.argwhere((mosaic.border < 5) & ~wrapped[mosaic.owner] & ~wrapped[mosaic.neighbour])
    chosen = np.zeros((0, 3))
    for patch in patches[rng.permutation(len(patches))[: 40 * count]]:
        centre = patch * np.array(scene.grid.voxel_size)
        if len(chosen) == count or np.any(np.linalg.norm(chosen - centre, axis=1) < 500):
            continue
        if _draw_vesicles(scene, centre, int(mosaic.owner[tuple(patch)])):
            chosen = np.vstack([chosen, centre])
            _draw_density(scene, centre, int(mosaic.neighbour[tuple(patch)]))


def _draw_density(scene: Scene, centre: Coordinates, cell: int) -> None:
    """Thicken the membrane at a synapse on the side of one cell."""
    box = scene.grid.box(centre[None], 220)
    distance, _ = tube(scene.grid, box, np.stack([centre, centre + 1]))
    layer = np.abs(scene.mosaic.border[box] - np.float32(24)) - 20
    thick = np.where(scene.mosaic.owner[box] == cell, layer, np.float32(1e3))
    depth = np.maximum(thick, distance - np.float32(scene.rng.uniform(110, 190)))
    scene.shade(box, 0.9 * fill(depth), 0.2)
    scene.mark(box, depth < 0, PSD)


def _draw_vesicles(scene: Scene, centre: Coordinates, cell: int) -> int:
    """Draw vesicles around a synapse, within one cell; return their number."""
    rng = scene.rng
    drawn = 0
    for middle in centre + rng.normal(size=(600, 3)) * (120, 150, 150):
        radius = rng.uniform(20, 27)
        if scene.mosaic.owner[scene.grid.index(middle)] != cell:
            continue
        if not scene.take(middle[None], radius, gap=6):
            continue
        drawn += 1
        box = scene.grid.box(middle[None], 40)
        distance, _ = tube(scene.grid, box, np.stack([middle, middle + 1]))
        scene.shade(box, fill(distance, radius), 0.66)
        scene.shade(box, line(distance, radius - 5, 8), 0.2)
        scene.mark(box, distance < radius, VESICLE)
    return drawn


def _draw_er(scene: Scene, count: int) -> None:
    """Draw tubules anywhere, and sheets around the nucleus where there is room."""
    for points, radius in scene.place(count, radius=(22, 34), length=(200, 900)):
        box = scene.grid.box(points, radius + 20)
        _draw_cistern(scene, box, tube(scene.grid, box, points)[0] - np.float32(radius))
    mosaic = scene.mosaic
    rng = scene.rng
    grid = scene.grid
    coarse = clearance(grid, scene.labels == 0, 2)
    room = coarse.repeat(2, axis=1).repeat(2, axis=2)[:, : grid.shape[1], : grid.shape[2]]
    waves = mosaic.nucleus + 60 * smooth_noise(rng, grid, 260)
    patches = (np.float32(-0.1) - smooth_noise(rng, grid, 330)) * 200
    elsewhere = np.where(mosaic.owner == 0, np.float32(-1e3), np.float32(1e3))
    for level in (105, 205, 315, 430):
        sheet = np.abs(waves - np.float32(level)) - 19
        _draw_cistern(scene, ALL, np.maximum.reduce([sheet, patches, 34 - room, elsewhere]))


def _draw_cistern(scene: Scene, box: PhantomBox, depth: Field) -> None:
    """Draw one membrane around a light lumen, wherever `depth` is negative."""
    scene.shade(box, fill(depth), 0.76)
    scene.shade(box, 0.9 * line(depth, -4, 6), 0.22)
    scene.mark(box, (depth < 0) & (scene.labels[box] == 0), ER)
