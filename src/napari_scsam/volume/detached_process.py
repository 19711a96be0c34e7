"""The process of a run: ``python -m napari_scsam.volume.detached_process FOLDER``."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from napari_scsam.errors import PartlyDoneError, UserError, describe_os_error
from napari_scsam.steps import Progress
from napari_scsam.volume.detached import (
    RunPhase,
    RunRequest,
    finished_images,
    note_finished,
    read_run_request,
    write_end,
    write_progress,
)

SECONDS_BETWEEN = 0.3
"""How often progress is written at most."""


class _Stopped(BaseException):
    """The run is to end, with what is finished."""


class ProgressFile:
    """Writes how far a run is, and how long it will take."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._start: tuple[float, int] | None = None
        self._written = 0.0

    def update(self, step: Progress) -> None:
        """Write a step, unless the last one was a moment ago."""
        now = time.monotonic()
        if self._start is None:
            self._start = (now, step.done)
        if now - self._written < SECONDS_BETWEEN and step.done < step.total:
            return
        self._written = now
        start, before = self._start
        left = None
        if step.done > before:
            left = (now - start) / (step.done - before) * (step.total - step.done)
        write_progress(self._folder, step.done, step.total, left)


def run(folder: Path) -> None:
    """Do a run to its end, and write how it ended."""
    note = ""
    try:
        request, _ = read_run_request(folder)
        if request.images:
            note = _segment_images(folder, request)
        else:
            _segment(folder)
    except PartlyDoneError as error:
        write_end(folder, RunPhase.PARTLY, str(error))
    except UserError as error:
        write_end(folder, RunPhase.FAILED, str(error))
    except OSError as error:
        write_end(folder, RunPhase.FAILED, describe_os_error(error))
    except MemoryError:
        write_end(folder, RunPhase.FAILED, "there is not enough memory; use fewer workers")
    except (KeyboardInterrupt, _Stopped):
        write_end(folder, RunPhase.STOPPED)
    except Exception as error:  # a fault of the program is shown, too
        write_end(folder, RunPhase.FAILED, f"{type(error).__name__}: {error}")
        raise
    else:
        write_end(folder, RunPhase.FINISHED, note)


def _segment(folder: Path) -> None:
    from napari_scsam.io.volumes import open_volume

    request, workers = read_run_request(folder)
    volume = open_volume(request.image, request.voxel_size)

    from napari_scsam.volume.run import segment_volume

    steps = segment_volume(
        volume,
        request.checkpoint,
        request.out,
        classes=request.classes,
        device=request.device,
        tta=request.tta,
        coarse=request.coarse,
        resume=True,
        workers=workers,
    )
    pace = ProgressFile(folder)
    try:
        for step in steps:
            pace.update(step)
    finally:
        steps.close()  # workers end with it


def _segment_images(folder: Path, request: RunRequest) -> str:
    """Segment the images of a batch, and return a sentence on those without a pixel size."""
    from napari_scsam.checkpoints.checkpoint import load_checkpoint
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.io.images import open_grey_volume
    from napari_scsam.io.volumes import Volume
    from napari_scsam.volume.batch import segment_images
    from napari_scsam.volume.image_batch import ImageBatch

    before = finished_images(folder)
    images = tuple(Path(image) for image in request.images if image not in before)
    replace = request.replace
    batch = ImageBatch(images, Path(request.out), resume=not replace, overwrite=replace)
    batch.check_kept(batch.left(), request.classes)
    unknown: list[str] = []

    def opened(path: Path) -> Volume:
        volume = open_grey_volume(path, request.voxel_size)
        if volume.pixel_size is None:
            unknown.append(path.name)
        return volume

    model = load_checkpoint(request.checkpoint)
    predictor = Predictor(model, request.device, tta=request.tta, coarse=request.coarse)
    steps = segment_images(batch, opened, predictor, classes=request.classes)
    pace = ProgressFile(folder)
    noted = 0
    for step in steps:
        earlier = len(request.images) - step.total
        for image in batch.chosen[noted : step.done]:
            if image not in batch.failed:
                note_finished(folder, str(image))
        noted = max(noted, step.done)
        pace.update(Progress(step.done + earlier, step.total + earlier, step.what))
    if not batch.chosen:
        return "all images have labels already"
    if not unknown:
        return ""
    return (
        f"{unknown[0]} and {len(unknown) - 1} others state no pixel size, so they were taken as "
        "they are; type one, and replace their labels"
    )


def _stop(_number: int, _frame: object) -> None:
    raise _Stopped


def main() -> None:
    """Do the run whose folder is named on the command line."""
    signal.signal(signal.SIGTERM, _stop)
    run(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
