"""Buckets of an S3-compatible server on loopback, read as anybody may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
import zarr

from napari_scsam.config import UserError
from napari_scsam.io.remote import addresses
from napari_scsam.io.volumes import open_volume

STACK = np.random.default_rng(0).integers(1, 255, (4, 20, 30), np.uint8)


def client_of(endpoint: str, region: str) -> Any:
    """Return what writes into buckets of a server."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106
    )


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Fill a bucket with an OME-Zarr two folders down, and make it the usual server."""
    group = zarr.open_group(tmp_path / "cell.zarr", mode="w", zarr_format=2)
    inner = group.create_group("em/fibsem")
    inner.create_array("s0", data=STACK, chunks=(2, 10, 10))
    axes = [{"name": axis, "unit": "nanometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": [30.0, 5.0, 4.0]}]
    inner.attrs["multiscales"] = [
        {"axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": scale}]}
    ]
    client = client_of(endpoint, "us-east-1")
    client.create_bucket(Bucket="tissue", ACL="public-read")
    for file in (tmp_path / "cell.zarr").rglob("*"):
        if file.is_file():
            key = f"data/{file.relative_to(tmp_path).as_posix()}"
            client.put_object(Bucket="tissue", Key=key, Body=file.read_bytes(), ACL="public-read")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    return "s3://tissue/data/cell.zarr"


@pytest.mark.parametrize("below", ["", "/em/fibsem"])
def test_an_image_in_a_bucket_is_read(bucket: str, below: str) -> None:
    volume = open_volume(f"{bucket}{below}")
    assert volume.voxel_size == (30.0, 5.0, 4.0)
    np.testing.assert_array_equal(volume.data[...], STACK)


def test_what_is_not_in_the_bucket_is_explained(bucket: str) -> None:
    with pytest.raises(UserError, match=r"s3://tissue/data/no\.zarr is not a zarr"):
        open_volume(f"{bucket.rsplit('/', 1)[0]}/no.zarr")


def test_the_region_is_asked_for(endpoint: str) -> None:
    client = client_of(endpoint, "eu-west-2")
    place = {"LocationConstraint": "eu-west-2"}
    client.create_bucket(Bucket="london", ACL="public-read", CreateBucketConfiguration=place)
    assert addresses.bucket_region("london", endpoint) == "eu-west-2"
    assert addresses.bucket_region("london", "http://127.0.0.1:9") == addresses.USUAL_REGION
