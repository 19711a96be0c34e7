"""Outputs in a bucket: whole or not there, uploaded once, and the same after a stop."""

from __future__ import annotations

from pathlib import Path

import boto3
import numpy as np
import pytest
import zarr

from napari_scsam.cli import main
from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import create_labels
from napari_scsam.io.remote import upload
from napari_scsam.io.volumes import open_labels

STACK = np.random.default_rng(0).integers(1, 200, (2, 64, 72), dtype=np.uint8)


@pytest.fixture
def client(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A bucket ``tissue`` that is empty, and what looks into it."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "NAPARI_SCSAM_STAGING": str(tmp_path / "staging"),
        "NAPARI_SCSAM_SIGNED": "1",
        "NAPARI_SCSAM_CACHE": str(tmp_path / "cache"),
        "NAPARI_SCSAM_REMOTE_GB": "0",  # else the chunks of what is replaced are remembered
    }.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint)
    s3.create_bucket(Bucket="tissue")
    for each in s3.list_objects_v2(Bucket="tissue").get("Contents", []):
        s3.delete_object(Bucket="tissue", Key=each["Key"])
    return s3


def in_bucket(client) -> dict[str, bytes]:
    listed = client.list_objects_v2(Bucket="tissue").get("Contents", [])
    read = {each["Key"]: client.get_object(Bucket="tissue", Key=each["Key"]) for each in listed}
    return {key: answer["Body"].read() for key, answer in read.items()}


def tree(folder: Path, prefix: str) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {f"{prefix}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files}


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Two mitochondria."""
    values = np.zeros((4, 40, 40), np.uint8)
    values[:, 2:10, 2:10] = 1
    values[:, 20:30, 20:30] = 1
    level = create_labels(
        tmp_path / "labels.zarr", values.shape, (20, 8, 8), (ClassSpec(1, "mitochondrion"),)
    )
    level[...] = values
    return tmp_path / "labels.zarr"


def test_instances_in_a_bucket_are_those_on_the_disk_also_after_a_stop(
    client, labels: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["instances", str(labels), "-o", str(tmp_path / "objects.zarr")]) == 0
    expected = tree(tmp_path / "objects.zarr", "cells/objects.zarr")
    command = ["instances", str(labels), "-o", "s3://tissue/cells/objects.zarr"]
    capsys.readouterr()

    put = upload.Bucket._putting
    sent: list[str] = []

    def stops(bucket, folder, known):
        def one(name):
            if len(sent) == 3:
                raise KeyboardInterrupt
            sent.append(name)
            put(bucket, folder, known)(name)

        return one

    monkeypatch.setattr(upload, "AT_ONCE", 1)
    monkeypatch.setattr(upload.Bucket, "_putting", stops)
    assert main(command) == 130
    assert "is written first, and uploaded when it is whole" in capsys.readouterr().err
    assert 0 < len(in_bucket(client)) < len(expected)
    assert "cells/objects.zarr/zarr.json" not in in_bucket(client)
    monkeypatch.setattr(upload.Bucket, "_putting", put)

    assert main(command) == 2
    assert "add --resume" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert capsys.readouterr().out.strip().endswith("s3://tissue/cells/objects.zarr")
    assert in_bucket(client) == expected
    assert list((tmp_path / "staging").iterdir()) == []
    assert open_labels("s3://tissue/cells/objects.zarr").data[...].max() == 2

    assert main([*command, "--resume"]) == 0
    assert "nothing is left to do" in capsys.readouterr().err
    assert main(command) == 2
    assert "--overwrite to replace it" in capsys.readouterr().err
    assert main([*command, "--overwrite", "--smallest", "300"]) == 0
    assert open_labels("s3://tissue/cells/objects.zarr").data[...].max() == 1


def test_labels_go_into_a_bucket_too(client, checkpoint: Path, tmp_path: Path, capsys) -> None:
    zarr.create_array(tmp_path / "em.zarr", data=STACK)
    command = [
        *("segment", str(tmp_path / "em.zarr"), "--checkpoint", str(checkpoint)),
        *("--voxel-size", "20", "8", "8", "--device", "cpu", "--slices", "0"),
    ]
    assert main([*command, "-o", "s3://tissue/labels.zarr"]) == 0
    assert "s3://tissue/labels.zarr" in capsys.readouterr().out
    assert open_labels("s3://tissue/labels.zarr").shape == STACK.shape


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("https://example.org/labels.zarr", "begins with s3:// or gs://"),
        ("s3://tissue/labels.tif", "end the address"),
        ("s3://tissue", "end the address"),
        ("s3://nobody/labels.zarr", "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_work(
    client, labels: Path, tmp_path: Path, out: str, message: str, capsys
) -> None:
    assert main(["instances", str(labels), "-o", out]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "staging").exists()
