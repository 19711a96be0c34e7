from __future__ import annotations

import pytest
import torch

from napari_scsam.config import UserError
from napari_scsam.infer import device
from napari_scsam.infer.device import choose_device, has_bfloat16, precision


def machine(monkeypatch: pytest.MonkeyPatch, gpus: int = 0, mps: bool = False) -> None:
    """Pretend to be a machine with these devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("gpus", "mps", "chosen"),
    [(0, False, "cpu"), (0, True, "mps"), (1, False, "cuda"), (2, True, "cuda")],
)
def test_auto_takes_the_fastest(
    monkeypatch: pytest.MonkeyPatch, gpus: int, mps: bool, chosen: str
) -> None:
    machine(monkeypatch, gpus, mps)
    assert choose_device().type == chosen


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1"])
def test_what_is_there_can_be_asked_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    machine(monkeypatch, gpus=2)
    assert str(choose_device(name)) == name


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "meta", "xpu"])
def test_a_missing_device_is_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    machine(monkeypatch)
    with pytest.raises(UserError, match=f"this machine has no '{name}' device; choose auto or cpu"):
        choose_device(name)


def test_a_card_beyond_the_last_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpus=2)
    with pytest.raises(UserError, match="this machine has no 'cuda:2' device"):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x"])
def test_unknown_names_are_told(name: str) -> None:
    with pytest.raises(UserError, match=r"no device is called .*; choose auto, cpu, cuda or mps"):
        choose_device(name)


@pytest.mark.parametrize(("able", "used"), [(False, torch.float32), (True, torch.bfloat16)])
def test_cpus_use_bfloat16_where_they_multiply_it(
    monkeypatch: pytest.MonkeyPatch, able: bool, used: torch.dtype
) -> None:
    monkeypatch.setattr(device, "has_bfloat16", lambda: able)
    with precision(torch.device("cpu")):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == used


@pytest.mark.parametrize(
    ("knows", "able"),
    [
        ({}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx2": True}, False),
    ],
)
def test_bfloat16_of_a_cpu(
    monkeypatch: pytest.MonkeyPatch, knows: dict[str, bool], able: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: knows, raising=False)
    assert has_bfloat16() is able


def test_a_torch_that_cannot_tell_has_no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert has_bfloat16() is False


@pytest.mark.parametrize(("bf16", "half"), [(True, torch.bfloat16), (False, torch.float16)])
def test_cards_use_the_half_precision_they_know(
    monkeypatch: pytest.MonkeyPatch, bf16: bool, half: torch.dtype
) -> None:
    asked = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch, "autocast", lambda *arguments: asked.append(arguments))
    precision(torch.device("cuda"))
    assert asked == [("cuda", half)]
