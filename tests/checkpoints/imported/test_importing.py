"""Networks that were made elsewhere, tried and put behind a card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import small_networks
import torch
from small_networks import write_onnx, write_script
from torch import nn

from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.checkpoints.imported.importing import NetworkCard, import_network
from napari_scsam.config import UserError
from napari_scsam.errors import ImportedNetworkError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast

BRIGHT = NetworkCard(("bright", "background"), nm_per_pixel=8.0)
FULL = Contrast(0.0, 255.0)


def halves() -> np.ndarray:
    """An image, left half dark, right half bright; no tile of it has one value only."""
    image = np.full((150, 300), 20, np.uint8)
    image[:, 150:] = 230
    image[::8, ::8] += 1
    return image


def predictor_of(file: Path, card: NetworkCard = BRIGHT) -> Predictor:
    out = file.with_suffix(".safetensors")
    import_network(file, out, card)
    return Predictor(load_checkpoint(out), "cpu")


def test_an_onnx_network_finds_its_class(tmp_path: Path) -> None:
    predictor = predictor_of(write_onnx(tmp_path / "n.onnx"))
    predictor.set_image(halves(), 8.0, contrast=FULL)
    (spec,) = predictor.classes
    assert np.array_equal(predictor.segment(), np.where(halves() > 100, spec.id, 0))


def test_torchscript_answers_as_onnx_does(tmp_path: Path) -> None:
    onnx_one = predictor_of(write_onnx(tmp_path / "a.onnx"))
    module = small_networks.convolution()
    script = predictor_of(write_script(tmp_path / "b.pt", module))
    image = np.random.default_rng(0).integers(0, 255, (140, 700), np.uint8)
    maps = []
    for predictor in (onnx_one, script):
        predictor.set_image(image, 8.0, contrast=FULL)
        maps.append(predictor.class_logits())
    assert np.abs(maps[0] - maps[1]).max() < 1e-4
    grey = image / 255
    expected = (6 * grey - 3) - (-6 * grey + 3)  # the class less the background
    assert np.abs(maps[0][0] - expected).max() < 1e-4


@pytest.mark.parametrize("end", ["Softmax", "Sigmoid"])
def test_probabilities_become_the_logits_they_were_made_of(tmp_path: Path, end: str) -> None:
    names = ("bright", "background") if end == "Softmax" else ("bright", "dark")
    file = write_onnx(tmp_path / "n.onnx", end=end)
    predictor = predictor_of(file, NetworkCard(names, probabilities=True))
    predictor.set_image(halves(), contrast=FULL)
    grey = halves() / 255
    expected = 12 * grey - 6 if end == "Softmax" else 6 * grey - 3
    assert np.abs(predictor.class_logits(["bright"])[0] - expected).max() < 1e-4


def test_a_fixed_input_is_padded_and_its_tiles_are_blended(tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "n.onnx", size=(1, 1, 136, 200))
    predictor = predictor_of(file)
    predictor.set_image(halves(), 8.0, contrast=FULL)
    assert {(tile.height, tile.width) for tile in predictor.tiles()} <= {(128, 128), (112, 128)}
    assert np.array_equal(predictor.segment() > 0, halves() > 100)


def test_the_image_is_brought_to_its_pixel_size(tmp_path: Path) -> None:
    predictor = predictor_of(write_onnx(tmp_path / "n.onnx"))
    predictor.set_image(halves(), (40, 4, 4), contrast=FULL)
    assert predictor.slice.model_shape == (75, 150)
    assert predictor.segment().shape == (150, 300)


@pytest.mark.parametrize(
    ("card", "low", "high"),
    [
        ({"black": -1.0, "white": 1.0}, -1.0, 1.0),
        ({"black": 255.0, "white": 0.0}, 255.0, 0.0),
        ({"full_range": True}, 20 / 255, 230 / 255),
        ({"standardise": True}, -1.0, 1.0),
    ],
)
def test_grey_values_become_what_the_network_was_trained_on(
    tmp_path: Path, card: dict[str, float], low: float, high: float
) -> None:
    file = write_onnx(tmp_path / "n.onnx", [(1.0, 0.0)])
    predictor = predictor_of(file, NetworkCard(("grey",), probabilities=False, **card))
    predictor.set_image(halves()[:16, 134:166], contrast=Contrast(20, 230))
    maps = predictor.class_logits()[0]
    assert maps[:, 0] == pytest.approx(low, abs=0.02)
    assert maps[:, -1] == pytest.approx(high, abs=0.02)


def test_an_input_of_three_channels_gets_grey_in_each(tmp_path: Path) -> None:
    module = small_networks.convolution(inputs=3)
    predictor = predictor_of(write_script(tmp_path / "n.pt", module))
    predictor.set_image(halves(), contrast=FULL)
    assert np.array_equal(predictor.segment() > 0, halves() > 100)


def test_one_of_several_outputs_is_named(tmp_path: Path) -> None:
    file = write_script(tmp_path / "n.pt", small_networks.TwoOutputs())
    with pytest.raises(UserError, match="outputs out, aux; name one with --output"):
        predictor_of(file)
    predictor = predictor_of(file, NetworkCard(("bright", "background"), output="out"))
    predictor.set_image(halves(), contrast=FULL)
    assert np.array_equal(predictor.segment() > 0, halves() > 100)


def test_its_card_says_what_it_is(tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "n.onnx")
    card = NetworkCard(("mitochondrion", "background"), nm_per_pixel=4.0, licence="BSD-3-Clause")
    info = import_network(file, tmp_path / "n.safetensors", card)
    assert info.classes_only
    assert not info.prompts_only
    assert info.licence == "BSD-3-Clause"
    assert info.nm_per_pixel == 4.0
    shipped = {spec.name: spec for spec in checkpoint_info().classes}
    assert info.classes[0].id == shipped["mitochondrion"].id
    assert info.classes[0].colour == shipped["mitochondrion"].colour


def test_clicks_strokes_and_saving_are_refused_in_one_sentence(tmp_path: Path) -> None:
    predictor = predictor_of(write_onnx(tmp_path / "n.onnx"))
    predictor.set_image(halves(), contrast=FULL)
    strokes = np.zeros(halves().shape, bool)
    with pytest.raises(ImportedNetworkError, match="choose a ScSAM checkpoint for clicks"):
        predictor.predict_prompts(points=[(10, 10)])
    with pytest.raises(ImportedNetworkError):
        predictor.teach("new", ~strokes, strokes)
    with pytest.raises(ImportedNetworkError):
        save_checkpoint(
            tmp_path / "x.safetensors", predictor.model, summary="", licence="", training={}
        )
    assert predictor.encoder.disk is None


REFUSED = [
    ({"size": (1, 1, 16, "h", "w")}, BRIGHT, "takes volumes"),
    ({"size": (1, 2, "h", "w")}, BRIGHT, "takes 2 channels"),
    ({"size": (4, 1, "h", "w")}, BRIGHT, "takes 4 images at once"),
    ({"size": (1, 1, 64, 64)}, BRIGHT, "64×64 pixels; its sides must be 128"),
    ({"size": (1, 1, 256, "w")}, BRIGHT, "fixes one side"),
    ({}, NetworkCard(("a", "b", "c")), "2 output channels, but 3 are named"),
    ({}, NetworkCard(("a", "A")), "two classes share the name"),
    ({}, NetworkCard(("background", "Background")), "two channels are called background"),
    ({}, NetworkCard(("background", "")), "a channel has no name"),
    ({}, NetworkCard(("background", "a=x")), "write it as a=3"),
    ({}, NetworkCard(("a", "b"), probabilities=True), "beyond 0 and 1"),
    ({}, NetworkCard(("a", "b"), tile=100), "tile = 100 is not usable"),
    ({}, NetworkCard(("a", "b"), nm_per_pixel=-4.0), "nm_per_pixel = -4.0 is not usable"),
    ({}, NetworkCard(("a", "b"), white=float("inf")), "form.white = inf is not usable"),
    ({"end": "Sigmoid"}, BRIGHT, "lie between 0 and 1; add --values probabilities"),
    ({"stride": 2}, BRIGHT, "must return 1×C×H×W maps of the size"),
    ({"channels": [(np.nan, 0.0), (1.0, 0.0)]}, BRIGHT, "values that are not numbers"),
]


@pytest.mark.parametrize(("made", "card", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_does_not_fit_is_refused_in_a_sentence(
    tmp_path: Path, made: dict[str, object], card: NetworkCard, words: str
) -> None:
    size = made.get("size", ())
    if len(size) == 5:
        file = three_dimensional(tmp_path / "n.onnx")
    else:
        file = write_onnx(tmp_path / "n.onnx", **made)
    with pytest.raises(UserError, match=words):
        import_network(file, tmp_path / "n.safetensors", card)
    assert not (tmp_path / "n.safetensors").exists()


def three_dimensional(path: Path) -> Path:
    identity = onnx.helper.make_node("Identity", ["image"], ["logits"])
    value = onnx.helper.make_tensor_value_info("image", 1, (1, 1, "z", "h", "w"))
    result = onnx.helper.make_tensor_value_info("logits", 1, (1, 1, "z", "h", "w"))
    graph = onnx.helper.make_graph([identity], "network", [value], [result])
    opset = [onnx.helper.make_opsetid("", 17)]
    path.write_bytes(
        onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    )
    return path


def test_weights_in_another_file_are_not_read(tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "n.onnx")
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(8))
    model = onnx.load(file)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=str(secret))
    file.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="in another file, which is not read"):
        import_network(file, tmp_path / "n.safetensors", BRIGHT)


@pytest.mark.parametrize("name", ["n.onnx", "n.pt"])
@pytest.mark.parametrize("content", [b"", b"no network", b"\x80\x04."])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"not an ONNX|not a TorchScript|cannot run|takes nothing"):
        import_network(tmp_path / name, tmp_path / "n.safetensors", BRIGHT)


def test_a_pickled_module_is_not_opened(tmp_path: Path) -> None:
    torch.save(nn.Conv2d(1, 2, 1), tmp_path / "n.pt")
    with pytest.raises(UserError, match="not a TorchScript network"):
        import_network(tmp_path / "n.pt", tmp_path / "n.safetensors", BRIGHT)


def test_other_files_are_no_networks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"give an \.onnx file"):
        import_network(tmp_path / "n.h5", tmp_path / "n.safetensors", BRIGHT)
    with pytest.raises(FileNotFoundError, match="no network at"):
        import_network(tmp_path / "n.onnx", tmp_path / "n.safetensors", BRIGHT)
