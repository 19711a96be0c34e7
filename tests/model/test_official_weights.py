from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from official_sam import mobile_sam_shapes
from torch import Tensor

from napari_scsam.config import UserError
from napari_scsam.model import build_sam_encoder
from napari_scsam.model.official_weights import encoder_weights, read_official, timm_name


@pytest.fixture(scope="module")
def mobile_sam() -> dict[str, Tensor]:
    """Random weights under MobileSAM's names."""
    torch.manual_seed(0)
    return {
        f"image_encoder.{name}": torch.rand(shape) for name, shape in mobile_sam_shapes().items()
    }


@pytest.fixture(scope="module")
def mobile_sam_file(
    mobile_sam: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("mobile") / "mobile_sam.pt"
    torch.save(mobile_sam, path)
    return path


def test_the_list_of_names_is_mobile_sams() -> None:
    shapes = mobile_sam_shapes()
    learned = [
        shape
        for name, shape in shapes.items()
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    ]
    assert len(shapes) == 302
    assert sum(torch.Size(shape).numel() for shape in learned) == 6_065_532


def test_mobile_sam_loads_completely(mobile_sam: dict[str, Tensor], mobile_sam_file: Path) -> None:
    encoder = build_sam_encoder("vit_t", checkpoint=mobile_sam_file)
    loaded = encoder.state_dict()
    given = {
        timm_name(k.removeprefix("image_encoder.")): v
        for k, v in mobile_sam.items()
        if "head" not in k.split(".")[1]
    }
    assert loaded.keys() == given.keys()
    different = [k for k, v in loaded.items() if not torch.equal(v, given[k].to(v.dtype))]
    assert different == []


@pytest.mark.parametrize(
    ("mobile", "timm"),
    [
        ("patch_embed.seq.0.c.weight", "patch_embed.conv1.conv.weight"),
        ("patch_embed.seq.2.bn.running_var", "patch_embed.conv2.bn.running_var"),
        ("layers.0.blocks.1.conv3.c.weight", "stages.0.blocks.1.conv3.conv.weight"),
        ("layers.0.downsample.conv2.bn.bias", "stages.1.downsample.conv2.bn.bias"),
        ("layers.2.downsample.conv1.c.weight", "stages.3.downsample.conv1.conv.weight"),
        ("layers.2.blocks.5.attn.attention_biases", "stages.2.blocks.5.attn.attention_biases"),
        ("layers.3.blocks.0.local_conv.c.weight", "stages.3.blocks.0.local_conv.conv.weight"),
        ("neck.0.weight", "neck.0.weight"),
    ],
)
def test_mobile_sams_names_become_timms(mobile: str, timm: str) -> None:
    assert timm_name(mobile) == timm


@pytest.mark.parametrize("wrapping", ["model_state", "model", "state_dict"])
@pytest.mark.parametrize("prefix", ["", "sam."])
def test_weights_are_taken_out_of_training_files(
    tmp_path: Path, mobile_sam: dict[str, Tensor], wrapping: str, prefix: str
) -> None:
    wrapped = {
        wrapping: {f"{prefix}{name}": value for name, value in mobile_sam.items()},
        "iteration": 250_000,
        "optimizer_state": {},
    }
    torch.save(wrapped, tmp_path / "best.pt")
    assert read_official(tmp_path / "best.pt").keys() == mobile_sam.keys()


def test_a_micro_sam_file_loads(tmp_path: Path, mobile_sam: dict[str, Tensor]) -> None:
    torch.save(
        {"model_state": {f"sam.{name}": value for name, value in mobile_sam.items()}},
        tmp_path / "vit_t.pt",
    )
    encoder = build_sam_encoder("vit_t", checkpoint=tmp_path / "vit_t.pt")
    assert torch.equal(
        encoder.state_dict()["neck.0.weight"], mobile_sam["image_encoder.neck.0.weight"]
    )


def test_only_the_encoder_goes_into_the_encoder() -> None:
    weights = {
        "image_encoder.neck.0.weight": torch.ones(1),
        "mask_decoder.iou_token.weight": torch.ones(1),
    }
    assert encoder_weights(weights, tiny=False).keys() == {"neck.0.weight"}


class Intruder:
    """Makes a folder when it is unpickled the careless way."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.mark,)


@pytest.mark.parametrize(
    "write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))]
)
def test_code_in_a_file_is_refused_and_does_not_run(tmp_path: Path, write) -> None:
    mark, file = tmp_path / "it_ran", tmp_path / "sam.pth"
    write({"image_encoder.neck.0.weight": Intruder(mark)}, file)
    with pytest.raises(
        UserError, match=r"sam\.pth is not a complete file of weights only, so it was not used"
    ):
        build_sam_encoder("vit_t", checkpoint=file)
    assert not mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, mobile_sam_file: Path, share: float) -> None:
    whole = mobile_sam_file.read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"cut\.pt is not a complete file of weights only"):
        read_official(tmp_path / "cut.pt")


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><html>Not found</html>", b"\x80\x02}q", b"\x80\x02\x58\x01", b"."]
)
def test_what_is_no_torch_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"page\.pth is not a complete file of weights only"):
        read_official(tmp_path / "page.pth")


@pytest.mark.parametrize(
    "content",
    [
        {"conv.weight": torch.ones(3)},
        {"model_state": {"epoch": 3}},
        [torch.ones(3)],
        torch.ones(3),
        {},
        {"image_encoder.pos_embed": "not a tensor"},
    ],
)
def test_weights_of_something_else_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth holds no SAM image encoder"):
        read_official(tmp_path / "other.pth")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.pth", tmp_path):
        with pytest.raises(
            UserError, match=rf"no file at {path}; give the path of a SAM checkpoint"
        ):
            build_sam_encoder("vit_t", checkpoint=path)
