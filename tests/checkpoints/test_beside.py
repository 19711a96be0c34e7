"""Imported networks beside a checkpoint: one class table, found by one name."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_networks import write_onnx

from napari_scsam.checkpoints.beside import settle_classes, with_beside
from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.checkpoints.find import absolute_names, checkpoint_info, split_names
from napari_scsam.checkpoints.imported.importing import NetworkCard, import_network
from napari_scsam.config import ClassSpec, UserError

OURS = (ClassSpec(1, "mitochondrion", "#ff0000"), ClassSpec(4, "ER", "#00ff00"))


def imported(folder: Path, name: str, *channels: str) -> Path:
    file = write_onnx(folder / f"{name}.onnx", [(6.0, -3.0)] * len(channels))
    out = folder / f"{name}.safetensors"
    import_network(file, out, NetworkCard(channels, nm_per_pixel=8.0, probabilities=False))
    return out


def test_classes_without_a_clash_stay_as_they_are() -> None:
    theirs = (ClassSpec(2, "nucleus"), ClassSpec(9, "Golgi"))
    assert settle_classes(OURS, theirs, "other") == theirs


def test_an_id_a_name_and_a_colour_that_are_taken_change() -> None:
    theirs = (ClassSpec(1, "nucleus", "#ff0000"), ClassSpec(4, "er", part_of="nucleus"))
    nucleus, er = settle_classes(OURS, theirs, "other")
    assert (nucleus.id, nucleus.name) == (5, "nucleus")
    assert nucleus.colour not in {spec.colour for spec in OURS}
    assert (er.id, er.name, er.part_of) == (6, "er (other)", "nucleus")


def test_the_order_of_the_output_stays() -> None:
    theirs = tuple(ClassSpec(number, f"class {number}") for number in (1, 2, 3, 7, 9))
    settled = settle_classes(OURS, theirs, "other")
    assert [spec.name for spec in settled] == [spec.name for spec in theirs]
    assert [spec.id for spec in settled] == sorted({spec.id for spec in settled})
    assert not {spec.id for spec in settled} & {1, 4}


def test_a_name_that_is_taken_twice_is_still_free_in_the_end() -> None:
    taken = (*OURS, ClassSpec(5, "ER (other)"))
    (spec,) = settle_classes(taken, (ClassSpec(4, "ER"),), "other")
    assert spec.name == "ER (other) (other)"


def test_two_checkpoints_are_found_by_one_name(tmp_path: Path) -> None:
    one = imported(tmp_path, "one", "background", "mitochondrion")
    info = checkpoint_info(f"default+{one}")
    shipped = checkpoint_info()
    assert info.own_classes == shipped.classes
    assert info.alone == shipped
    assert [spec.name for spec in info.classes[len(shipped.classes) :]] == ["mitochondrion (one)"]
    assert checkpoint_info(info.reference) == info


def test_a_plus_in_a_path_does_not_split_it(tmp_path: Path) -> None:
    folder = tmp_path / "a+b"
    folder.mkdir()
    one = imported(folder, "one+two", "Golgi")
    assert split_names(f"{one}") == (str(one),)
    assert split_names(f"default+{one}+{one}") == ("default", str(one), str(one))
    assert split_names("nothing") == ("nothing",)


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = imported(tmp_path, "one", "Golgi")
    monkeypatch.chdir(tmp_path)
    assert absolute_names("default+one.safetensors") == f"default+{one}"


def test_what_cannot_stand_beside_another_is_refused(tmp_path: Path) -> None:
    one = checkpoint_info(imported(tmp_path, "one", "Golgi"))
    with pytest.raises(UserError, match="scsam_tiny is not an imported network"):
        with_beside(one, [checkpoint_info()])
    with pytest.raises(UserError, match="one is named twice"):
        with_beside(checkpoint_info(), [one, one])
    with pytest.raises(UserError, match="no checkpoint 'nothing'"):
        checkpoint_info("default+nothing")


def test_networks_are_loaded_with_the_classes_of_the_table(tmp_path: Path) -> None:
    one = imported(tmp_path, "one", "background", "ER", "mitochondrion")
    two = imported(tmp_path, "two", "mitochondrion")
    model = load_checkpoint(f"{one}+{two}")
    info = checkpoint_info(f"{one}+{two}")
    (beside,) = model.beside
    assert model.classes == info.own_classes
    assert beside.classes == info.beside[0].classes
    assert [spec.name for spec in beside.classes] == ["mitochondrion (two)"]
