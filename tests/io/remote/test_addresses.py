from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests

from napari_scsam.config import UserError
from napari_scsam.io.remote import addresses as module
from napari_scsam.io.remote.addresses import (
    USUAL_REGION,
    Patience,
    bucket_region,
    open_object_store,
)

VARIABLES = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "NAPARI_SCSAM_SIGNED",
)


class Made:
    """Stands for a kind of store, and remembers how it was made."""

    def __init__(self, kind: str, made: list[tuple[str, str, dict[str, Any]]]) -> None:
        self.kind = kind
        self.made = made

    def __call__(self, name: str, **options: Any) -> None:
        self.made.append((self.kind, name, options))

    def from_url(self, address: str, **options: Any) -> None:
        self.made.append((self.kind, address, options))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what stores are made, without a network and the user's own variables."""
    import obstore.store

    found: list[tuple[str, str, dict[str, Any]]] = []
    for kind in ("S3Store", "GCSStore", "HTTPStore"):
        monkeypatch.setattr(obstore.store, kind, Made(kind, found))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "bucket_region", lambda bucket: f"region of {bucket}")
    return found


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://a.org/b?x=1", "has a ? or # in it"),
        ("https://a.org/b#c", "has a ? or # in it"),
        ("https://me:secret@a.org/b", "has a password in it; leave it out"),
        ("https://me@a.org/b", "has a password in it; leave it out"),
        ("https:///b", "names no computer and no bucket"),
        ("s3://", "names no computer and no bucket"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address: str, reason: str) -> None:
    with pytest.raises(UserError) as caught:
        open_object_store(address)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_web_server_is_reached_with_or_without_encryption(made: list[Any]) -> None:
    open_object_store("https://a.org/b/c.zarr")
    open_object_store("http://a.org/b/c.zarr")
    (_, address, safe), (_, _, plain) = made
    assert address == "https://a.org/b/c.zarr"
    assert safe["client_options"]["allow_http"] is False
    assert plain["client_options"]["allow_http"] is True


def test_a_bucket_of_google_is_read_as_anybody_may(made: list[Any]) -> None:
    open_object_store("gs://bucket/a/b.zarr/")
    ((kind, bucket, options),) = made
    assert (kind, bucket, options["prefix"]) == ("GCSStore", "bucket", "a/b.zarr")
    assert options["skip_signature"] is True


def test_a_bucket_of_amazon_is_asked_in_its_region(made: list[Any]) -> None:
    open_object_store("s3://bucket")
    ((kind, bucket, options),) = made
    assert (kind, bucket, options["prefix"]) == ("S3Store", "bucket", None)
    assert options["region"] == "region of bucket"
    assert options["skip_signature"] is True
    assert options["client_options"]["allow_http"] is False


@pytest.mark.parametrize(
    ("variables", "endpoint", "region"),
    [
        ({"AWS_ENDPOINT_URL": "http://here:9000"}, "http://here:9000", USUAL_REGION),
        (
            {"AWS_ENDPOINT_URL": "http://here:9000", "AWS_ENDPOINT_URL_S3": "https://there"},
            "https://there",
            USUAL_REGION,
        ),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_REGION": "eu-1"}, "http://a", "eu-1"),
        ({"AWS_REGION": "eu-1", "AWS_DEFAULT_REGION": "eu-2"}, None, "eu-1"),
        ({"AWS_DEFAULT_REGION": "eu-2"}, None, "eu-2"),
    ],
)
def test_another_server_and_region_are_taken_from_the_usual_variables(
    made: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    endpoint: str | None,
    region: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    open_object_store("s3://bucket/a")
    options = made[0][2]
    assert options.get("endpoint") == endpoint
    assert options["region"] == region
    is_plain = (endpoint or "").startswith("http:")
    assert options["client_options"]["allow_http"] is is_plain


def test_own_credentials_are_used_only_when_it_is_wanted(
    made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_SIGNED", "1")
    open_object_store("s3://bucket/a")
    open_object_store("gs://bucket/a")
    assert made[0][2]["skip_signature"] is False
    assert "skip_signature" not in made[1][2]


def test_patience_is_told_in_seconds(made: list[Any]) -> None:
    open_object_store(
        "https://a.org/b", Patience(connect=1, silence=2, request=3, attempts=4, whole=5)
    )
    options = made[0][2]
    client = options["client_options"]
    assert client["connect_timeout"] == timedelta(seconds=1)
    assert client["read_timeout"] == timedelta(seconds=2)
    assert client["timeout"] == timedelta(seconds=3)
    assert options["retry_config"]["max_retries"] == 4
    assert options["retry_config"]["retry_timeout"] == timedelta(seconds=5)


class Answer:
    """What Amazon says of a bucket."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def test_the_region_of_a_bucket_is_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def head(address: str, **_: Any) -> Answer:
        asked.append(address)
        return Answer(x_amz_bucket_region="ap-2")

    monkeypatch.setattr(requests, "head", head)
    assert bucket_region("bucket", "https://amazon") == "ap-2"
    assert asked == ["https://amazon/bucket"]


def test_a_region_that_is_not_told_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "head", lambda *_, **__: Answer())
    assert bucket_region("bucket") == USUAL_REGION

    def fail(*_: Any, **__: Any) -> None:
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(requests, "head", fail)
    assert bucket_region("bucket") == USUAL_REGION
