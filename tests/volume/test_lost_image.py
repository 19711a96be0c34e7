"""An image that goes away in the middle of a command: an error that names it, and nothing false."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_files import cut_off, put_back, remove, rename_away, replace_by_another, write_image

from napari_scsam import cli
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import Volume, as_volume, open_labels
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.writing.ledger import LEDGER

STACK = np.random.default_rng(0).integers(1, 200, (4, 64, 72), dtype=np.uint8)
FORMATS = ["zarr v2", "OME-Zarr", "TIFF", "compressed TIFF", "HDF5", "MRC", "PNG folder"]
SOME = ["OME-Zarr", "TIFF", "HDF5"]


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, int, Callable], None]]:
    """Return what makes a file come to harm once some slices of it were read."""
    plane = Volume.plane
    plan: dict[str, object] = {}

    def counted(volume: Volume, z: int) -> np.ndarray:
        if volume.path == plan.get("path"):
            plan["left"] -= 1
            if plan["left"] == 0:
                plan["harm"](volume.path)
        return plane(volume, z)

    def lose(path: Path, after: int, harm: Callable[[Path], None]) -> None:
        plan.update(path=path, left=after, harm=harm)

    monkeypatch.setattr(Volume, "plane", counted)
    yield lose
    plan.clear()


@pytest.fixture(scope="module")
def expected(random_model: ScSAM, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Labels of a run that nothing disturbs."""
    out = tmp_path_factory.mktemp("whole") / "out.zarr"
    drive(segment_volume(as_volume(STACK, 8), Predictor(random_model, "cpu"), out))
    return open_labels(out).data[...]


@pytest.mark.parametrize("form", FORMATS)
def test_segment_stops_keeps_its_ledger_and_continues(
    form: str,
    losing: Callable,
    expected: np.ndarray,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write_image(tmp_path, form, STACK)
    out = tmp_path / "out.zarr"
    command = ["segment", str(path), "-o", str(out), "--checkpoint", str(checkpoint)]
    command += ["--voxel-size", "8", "--device", "cpu"]
    losing(path, 3, rename_away)
    assert cli.main(command) != 0
    told = capsys.readouterr().err.splitlines()[-1]
    assert path.name in told
    assert "no longer there" in told
    assert (out / LEDGER).is_file()
    assert cli.main([*command, "--resume"]) != 0, "it is still away"
    put_back(path)
    assert cli.main([*command, "--resume"]) == 0
    np.testing.assert_array_equal(open_labels(out).data[...], expected)
    assert not list(out.rglob(LEDGER))


@pytest.mark.parametrize("harm", [remove, cut_off, "replaced"])
@pytest.mark.parametrize("form", SOME)
def test_segment_never_takes_another_image_for_the_one_that_was_opened(
    form: str,
    harm: Callable | str,
    losing: Callable,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write_image(tmp_path, form, STACK)
    out = tmp_path / "out.zarr"
    command = ["segment", str(path), "-o", str(out), "--checkpoint", str(checkpoint)]
    command += ["--voxel-size", "8", "--device", "cpu"]
    if harm == "replaced":
        losing(path, 3, lambda path: replace_by_another(path, form, 255 - STACK))
    else:
        losing(path, 3, harm)
    assert cli.main(command) != 0
    assert path.name in capsys.readouterr().err.splitlines()[-1]
    assert (out / LEDGER).is_file()
    if harm == "replaced":
        assert cli.main([*command, "--resume"]) == 2
        assert "was begun with another image" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["embed", "evaluate", "clicks", "suggest", "teach", "tif"])
@pytest.mark.parametrize(("form", "harm"), [("OME-Zarr", rename_away), ("HDF5", cut_off)])
def test_other_commands_say_so_and_write_nothing(
    form: str,
    command: str,
    harm: Callable,
    losing: Callable,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "1")
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    path = write_image(tmp_path, form, STACK)
    labels = np.zeros(STACK.shape, np.uint8)
    labels[:, 10:40, 20:50] = 1
    tifffile.imwrite(tmp_path / "labels.tif", labels, imagej=True, metadata={"axes": "ZYX"})
    truth = str(tmp_path / "labels.tif")
    image = ["--image", str(path)]
    arguments = {
        "embed": ["embed", str(path)],
        "evaluate": ["evaluate", *image, "--labels", truth],
        "clicks": ["evaluate", *image, "--labels", truth, "--clicks", "1"],
        "suggest": ["suggest", *image, "--json", str(tmp_path / "new.json")],
        "teach": ["teach", *image, "--strokes", truth, "--name", "er"]
        + ["-o", str(tmp_path / "new.safetensors")],
        "tif": ["segment", str(path), "-o", str(tmp_path / "new.tif")],
    }[command]
    losing(path, 2, harm)
    common = ["--checkpoint", str(checkpoint), "--device", "cpu", "--voxel-size", "8"]
    assert cli.main([*arguments, *common]) != 0
    told = capsys.readouterr()
    assert "em" in told.err.splitlines()[-1]
    assert not told.out
    assert not list(tmp_path.glob("new*"))
