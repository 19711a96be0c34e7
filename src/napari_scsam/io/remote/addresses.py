"""What an address in the network means, and how it is reached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from napari_scsam.config import UserError
from napari_scsam.paths import signs_requests

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

AMAZON = "https://s3.amazonaws.com"
"""Answers in which region a bucket is."""

USUAL_REGION = "us-east-1"


@dataclass(frozen=True)
class Patience:
    """How long a slow or broken connection is tried, in seconds."""

    connect: float = 15.0
    """For a connection."""
    silence: float = 30.0
    """Without a byte."""
    request: float = 300.0
    """For one request."""
    attempts: int = 6
    """How often a request is sent again by the library."""
    whole: float = 90.0
    """From the first attempt until no other one is begun."""
    rounds: int = 2
    """How often all of this is done."""


USUAL_PATIENCE = Patience()


def open_object_store(
    address: str, patience: Patience = USUAL_PATIENCE, *, signed: bool | None = None
) -> ObjectStore:
    """Return a store of the objects below an address.

    Buckets are read as anybody may. The user's own credentials are used only when
    ``NAPARI_SCSAM_SIGNED`` is set.

    Parameters
    ----------
    address
        ``https://…``, ``http://…``, ``s3://bucket/…`` or ``gs://bucket/…``.
    patience
        With slow and broken connections.
    signed
        Whether the user's credentials are used; by default as the variable says.

    Raises
    ------
    UserError
        When it cannot be used as an address.
    """
    from obstore.store import GCSStore, HTTPStore, S3Store

    parts = urlsplit(address)
    if parts.query or parts.fragment:
        raise UserError(f"{address} has a ? or # in it; give the plain address of the image")
    if parts.username or parts.password:
        raise UserError(f"the address at {parts.hostname} has a password in it; leave it out")
    if not parts.hostname:
        raise UserError(f"{address} names no computer and no bucket; check the address")
    retry = _retry(patience)
    if signed is None:
        signed = signs_requests()
    prefix = parts.path.strip("/") or None
    if parts.scheme == "s3":
        options = _s3_options(parts.netloc)
        client = _client(patience, http=options.get("endpoint", "").startswith("http:"))
        return S3Store(
            parts.netloc,
            prefix=prefix,
            client_options=client,
            retry_config=retry,
            skip_signature=not signed,
            **options,
        )
    client = _client(patience, http=parts.scheme == "http")
    if parts.scheme == "gs":
        options = {} if signed else {"skip_signature": True}
        return GCSStore(
            parts.netloc, prefix=prefix, client_options=client, retry_config=retry, **options
        )
    return HTTPStore.from_url(address, client_options=client, retry_config=retry)


def _client(patience: Patience, *, http: bool) -> ClientConfig:
    return {
        "allow_http": http,
        "connect_timeout": timedelta(seconds=patience.connect),
        "read_timeout": timedelta(seconds=patience.silence),
        "timeout": timedelta(seconds=patience.request),
        "user_agent": "napari-scsam",
    }


def _retry(patience: Patience) -> RetryConfig:
    return {
        "max_retries": patience.attempts,
        "retry_timeout": timedelta(seconds=patience.whole),
        "backoff": {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=10),
            "base": 2,
        },
    }


def _s3_options(bucket: str) -> dict[str, Any]:
    """Return the server and the region of a bucket."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint:
        return {"endpoint": endpoint, "region": region or USUAL_REGION}
    return {"region": region or bucket_region(bucket)}


def bucket_region(bucket: str, server: str = AMAZON) -> str:
    """Return the region of a bucket at Amazon, which only requests sent there can read."""
    import requests

    try:
        answer = requests.head(f"{server}/{bucket}", timeout=10, allow_redirects=False)
    except requests.RequestException:  # the first read tells what is wrong
        return USUAL_REGION
    return answer.headers.get("x-amz-bucket-region", USUAL_REGION)
