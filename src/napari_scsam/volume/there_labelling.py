"""Labels of slices of a volume that a server reads; they are written on this computer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.remote.asked import LabelSlice
from napari_scsam.remote.line import StateLostError
from napari_scsam.remote.there import ThereVolume
from napari_scsam.steps import drive
from napari_scsam.volume.answer import Answer, Working
from napari_scsam.volume.remote_labelling import RemoteLabelling, as_answer_of, as_working, run_hash


@dataclass(frozen=True)
class ThereLabelling(RemoteLabelling):
    """Labels slices of a volume of the server; no pixels are sent."""

    @property
    def there(self) -> ThereVolume:
        """The volume."""
        source: Any = self.source
        found: ThereVolume = source
        return found

    def hash_of_slice(self, z: int) -> str:
        """Return `pixels_hash` of the part of a slice that is labelled."""
        return drive(self.there.hash_steps(z, self.plan.window))

    def _slice_steps(self, z: int) -> Generator[Working, None, Answer | None]:
        mask = self.plan.mask
        if mask is not None and not mask.plane(z)[self.plan.window].any():
            return Answer(z, "", self._no_labels, self._no_probabilities)
        while True:
            number = yield from as_working(self.there.number_steps())
            steps = self.there.place.ask_steps(self._asked(z, number))
            try:
                labelled = yield from as_working(steps)
            except StateLostError:
                self.there.place.forget()
                continue
            except DamagedPartError as error:
                self.damaged[z] = error  # it costs its slice, and no other
                return None
            return as_answer_of(labelled, z, labelled.pixels)

    def _asked(self, z: int, number: int) -> LabelSlice:
        """Return the request for a slice."""
        rows, columns = self.plan.window
        request = LabelSlice(
            id=0,
            run="0" * 32,
            z=z,
            volume=number,
            window=(rows.start, rows.stop, columns.start, columns.stop),
            pixel_size=self.source.pixel_size,
            contrast=(float(self.contrast.low), float(self.contrast.high)),
            classes=tuple(spec.name for spec in self.requested),
            careful=self.remote.tta,
            average_z=self.plan.average_z,
            probabilities=self.plan.probabilities,
            **self._of_cube(),
        )
        return request.model_copy(update={"run": run_hash(request, self.mark)})
