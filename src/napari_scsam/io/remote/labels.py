"""Labels behind an address: whether an image is one, and which lie beside an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import zarr

from napari_scsam.config import UserError
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.remote.store import RemoteStore
from napari_scsam.io.zarr_access import ngff_attributes

OUTWARDS = 3
"""Groups around an image that are looked at: an array of labels lies three deep."""


def lies_in_labels(address: str) -> bool:
    """Whether the groups around an address say that it is in a label image, or in ``labels/``.

    Only metadata are read, and what cannot be read says nothing.

    Parameters
    ----------
    address
        ``https://…``, ``http://…``, ``s3://bucket/…`` or ``gs://bucket/…``.
    """
    in_labels = _ends_in_labels(address) and _attributes(address) is not None
    for outer in _around(address):
        attributes = _attributes(outer)
        if attributes is None:
            return False
        if in_labels or "image-label" in attributes:
            return True
        in_labels = _ends_in_labels(outer)
    return False


def labels_beside(address: str) -> tuple[str, ...]:
    """Return the addresses of the label images that an OME-Zarr lists in its ``labels/``.

    Only metadata are read. There are none where nothing is listed, or the list cannot be read.

    Parameters
    ----------
    address
        Of the image.
    """
    parts = urlsplit(address)
    inside = parts._replace(path=f"{parts.path.rstrip('/')}/labels")
    names = (_attributes(urlunsplit(inside)) or {}).get("labels")
    if not isinstance(names, list | tuple):
        return ()
    kept = [name for name in names if isinstance(name, str) and is_plain_name(name)]
    return tuple(urlunsplit(inside._replace(path=f"{inside.path}/{name}")) for name in kept)


def is_plain_name(name: str) -> bool:
    """Whether the name of a label image leads nowhere else."""
    return bool(name.strip("/")) and ".." not in name.split("/") and not name.startswith("/")


def remote_group(address: str) -> zarr.Group | zarr.Array[Any]:
    """Open the metadata of a zarr behind an address."""
    return zarr.open(RemoteStore(address), mode="r")


def _ends_in_labels(address: str) -> bool:
    """Whether the last name in an address is that of the group of labels."""
    return urlsplit(address).path.rstrip("/").endswith("/labels")


def _around(address: str) -> Iterator[str]:
    """Yield the addresses around one, innermost first."""
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    for _ in range(OUTWARDS):
        path = path.rpartition("/")[0]
        if not path:
            return
        yield urlunsplit(parts._replace(path=path))


def _attributes(address: str) -> Mapping[str, Any] | None:
    """Return the OME-Zarr metadata of a zarr group; None where there is none."""
    try:
        return ngff_attributes(zarr.open_group(RemoteStore(address), mode="r"))
    except (UserError, *READ_ERRORS):
        return None
