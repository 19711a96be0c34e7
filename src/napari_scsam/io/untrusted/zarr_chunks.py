"""Zarr arrays whose chunks are checked before they are decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import ShardingCodec
from zarr.codecs._v2 import V2Codec
from zarr.core.codec_pipeline import BatchedCodecPipeline

from napari_scsam.io.untrusted.sizes import COMPRESSIONS, check_inflated_size, memory_of_machine

if TYPE_CHECKING:
    import zarr
    from zarr.abc.codec import Codec
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer

WIDEST = 8
"""Bytes of the widest number that a filter of zarr v2 makes of one voxel."""


def check_zarr_chunks(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Return the array, which from now on refuses chunks larger than its metadata say.

    Raises
    ------
    ValueError
        When its compression or a filter is not a known one.
    """
    inner = array.async_array
    if not isinstance(inner.codec_pipeline, BatchedCodecPipeline):
        return array  # another implementation decodes, such as zarrs
    metadata: Any = array.metadata
    if metadata.zarr_format == 2:
        codecs: list[Any] = [_checked_v2(metadata)]
    else:
        codecs = [_checked(codec) for codec in metadata.codecs]
    # The metadata stay as they are: they are written again when an attribute changes.
    object.__setattr__(inner, "codec_pipeline", BatchedCodecPipeline.from_codecs(codecs))
    return array


def _kind(name: str) -> str:
    kind = name.removeprefix("numcodecs.")
    if kind not in COMPRESSIONS:
        raise ValueError(f"its compression {name!r} is not supported; save it with zstd or blosc")
    return kind


def _checked(codec: Codec) -> Codec:
    kind = _kind(str(codec.to_dict()["name"]))
    if isinstance(codec, ShardingCodec):
        return replace(codec, codecs=tuple(_checked(inner) for inner in codec.codecs))
    if isinstance(codec, BytesBytesCodec):
        return CheckedCodec(codec, kind)
    return codec


def _checked_v2(metadata: Any) -> CheckedV2Codec:
    for codec in (metadata.compressor, *(metadata.filters or ())):
        if codec is not None:
            _kind(str(codec.codec_id))
    return CheckedV2Codec(filters=metadata.filters, compressor=metadata.compressor)


def limit_of(spec: ArraySpec, widest: int) -> int:
    """Return the most bytes that a chunk may become, with some room for headers.

    Raises
    ------
    ValueError
        When the metadata ask for more than this computer has.
    """
    nbytes = prod(spec.shape) * widest
    if nbytes > memory_of_machine():
        raise ValueError(f"a chunk takes {nbytes} bytes, more than the memory of this computer")
    return nbytes + nbytes // 16 + 4096


@dataclass(frozen=True)
class CheckedCodec(BytesBytesCodec):
    """A codec that checks the size of a chunk before it decodes it."""

    codec: BytesBytesCodec
    kind: str

    @property
    def is_fixed_size(self) -> bool:  # type: ignore[override]
        """Whether what it encodes has always the same size."""
        return self.codec.is_fixed_size

    def to_dict(self) -> dict[str, Any]:
        """Return the metadata of the codec."""
        return dict(self.codec.to_dict())

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Return the size of what it encodes."""
        return self.codec.compute_encoded_size(input_byte_length, chunk_spec)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer:
        itemsize = chunk_spec.dtype.to_native_dtype().itemsize
        check_inflated_size(self.kind, chunk_data.to_bytes(), limit_of(chunk_spec, itemsize))
        return await self.codec._decode_single(chunk_data, chunk_spec)

    async def _encode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer | None:
        return await self.codec._encode_single(chunk_data, chunk_spec)


@dataclass(frozen=True)
class CheckedV2Codec(V2Codec):
    """The filters and the compressor of zarr v2, which check a chunk before they decode it."""

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        itemsize = chunk_spec.dtype.to_native_dtype().itemsize
        if self.filters:
            itemsize = max(itemsize, WIDEST)
        limit = limit_of(chunk_spec, itemsize)
        if self.compressor is not None:
            check_inflated_size(str(self.compressor.codec_id), chunk_bytes.to_bytes(), limit)
        return await super()._decode_single(chunk_bytes, chunk_spec)
