"""The slice that questions to a network are about, here or on a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from numpy.typing import ArrayLike

from napari_scsam.config import UserError
from napari_scsam.io.contrast import Contrast

S = TypeVar("S")


class CurrentSlice(ABC, Generic[S]):
    """Holds the current slice."""

    _slice: S | None = None

    @abstractmethod
    def prepare(
        self,
        image: ArrayLike,
        voxel_size: Sequence[float] | float | None = None,
        *,
        contrast: Contrast | None = None,
        key: Hashable | None = None,
    ) -> S:
        """Check a slice, and prepare it for `set_slice`; parameters are those of `set_image`."""

    def set_image(
        self,
        image: ArrayLike,
        voxel_size: Sequence[float] | float | None = None,
        *,
        contrast: Contrast | None = None,
        key: Hashable | None = None,
    ) -> None:
        """Choose the slice that the next calls are about; nothing is computed or sent yet.

        Parameters
        ----------
        image
            (Y, X) of any integer or float dtype.
        voxel_size
            nm along (z, y, x) or (y, x); the slice is resampled to the
            checkpoint's pixel size. None: unknown, the slice is not resampled.
        contrast
            Of the whole volume; measured on this slice when not given.
        key
            Name of the slice (such as volume and index), by which its embeddings
            are found again; made from its pixels when not given.

        Raises
        ------
        UserError
            When it is not one grey slice, is empty, constant or all NaN.
        """
        self.set_slice(self.prepare(image, voxel_size, contrast=contrast, key=key))

    def set_slice(self, slice_: S) -> None:
        """Choose a prepared slice, as `set_image` does."""
        self._slice = slice_

    @property
    def slice(self) -> S:
        """The current slice.

        Raises
        ------
        UserError
            When there is none.
        """
        if self._slice is None:
            raise UserError("no image is set; call set_image first")
        return self._slice
