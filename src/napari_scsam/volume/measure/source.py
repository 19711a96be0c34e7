"""The image of which there are labels, wherever a task runs."""

from __future__ import annotations

from napari_scsam.config import UserError
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.volume.instances.source import LabelSource


class GreySource(LabelSource):
    """An image that is opened again where a copy of this value arrives."""

    @property
    def volume(self) -> Volume:
        """The image, opened when it is first needed."""
        if self._volume is None:
            if self.path is None:
                raise UserError(f"{self.name!r} has no path")
            self._volume = open_volume(self.path)
        return self._volume
