from __future__ import annotations

import pytest
from doctor_answers import CPU

from napari_scsam.doctor import network
from napari_scsam.doctor.network import judge_network
from napari_scsam.doctor.probes import ProbeAnswer

GPU = {
    **CPU,
    "device": "cuda",
    "gpu": "NVIDIA H200",
    "gpu_bytes": 150e9,
    "gpus": 1,
    "bfloat16": True,
    "cuda_of_torch": "12.8",
}


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "has_nvidia_gpu", lambda: False)


def test_a_processor_alone_is_no_complaint() -> None:
    device, checkpoint = judge_network(ProbeAnswer(CPU))
    assert (device.text, device.complaints) == ("cpu, 2 threads, no bfloat16", ())
    assert (checkpoint.text, checkpoint.complaints) == (
        "the shipped one loads, all its weights are sound",
        (),
    )


def test_a_gpu_is_named() -> None:
    device, _ = judge_network(ProbeAnswer(GPU))
    assert device.text == "cuda, NVIDIA H200, 150.0 GB, CUDA 12.8, bfloat16"


@pytest.mark.parametrize(
    ("cuda", "why"), [(None, "built without CUDA"), ("12.8", "its driver does not suit")]
)
def test_a_gpu_that_torch_does_not_use_is_a_complaint(
    monkeypatch: pytest.MonkeyPatch, cuda: str | None, why: str
) -> None:
    monkeypatch.setattr(network, "has_nvidia_gpu", lambda: True)
    device, _ = judge_network(ProbeAnswer({**CPU, "cuda_of_torch": cuda}))
    (complaint,) = device.complaints
    assert why in complaint


def test_a_torch_that_does_not_run_is_a_complaint() -> None:
    device, checkpoint = judge_network(ProbeAnswer(trouble="ended by signal 11 (no message)"))
    assert "torch does not run (ended by signal 11 (no message))" in device.complaints[0]
    assert checkpoint.complaints == ()


def test_a_damaged_checkpoint_is_a_complaint() -> None:
    answer = ProbeAnswer({**CPU, "checkpoint_trouble": "x.safetensors is damaged; fetch it again"})
    _, checkpoint = judge_network(answer)
    assert checkpoint.complaints == ("x.safetensors is damaged; fetch it again",)
