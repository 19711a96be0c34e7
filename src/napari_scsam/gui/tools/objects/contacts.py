"""Measuring the contacts between the objects that are listed."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.contacts import ContactRequest, contact_steps
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.words import count_of

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_scsam.gui.session import Session

NO_OBJECTS = "there are no objects yet; press Find objects first"


class MeasuringContacts:
    """Measures contacts; made by ``session.part(MeasuringContacts)``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.part(ObjectStore)

    def measure(self, distance: float) -> None:
        """Measure the contacts of all objects, on the worker thread.

        Parameters
        ----------
        distance
            How near objects in contact are, in nm.
        """
        try:
            request = self._request(distance)
        except UserError as error:
            self._session.report_error(error)
            return
        labels = request.table["id"]
        done = partial(self._on_measured, weakref.ref(self._layer()), labels, distance)
        self._session.jobs.submit(Job.MEASURE_CONTACTS, partial(contact_steps, request), done)

    def _layer(self) -> Labels:
        layer = self._store.layer
        if layer is None or not len(self._store.table):
            raise UserError(NO_OBJECTS)
        return layer

    def _request(self, distance: float) -> ContactRequest:
        layer = self._layer()
        self._store.catch_up()
        return ContactRequest(self._store.request(layer), self._store.table, distance)

    def _on_measured(
        self,
        layer: weakref.ref[Labels],
        labels: NDArray[np.int64],
        distance: float,
        columns: Mapping[str, NDArray[Any]],
    ) -> None:
        if layer() is not self._store.layer:
            return
        self._store.add_columns(labels, columns)
        areas = [values for key, values in columns.items() if key.startswith("contact_sites")]
        touching = int(np.any(areas, axis=0).sum()) if areas else 0
        self._session.status.emit(
            f"{count_of(touching, 'object')} of {len(labels)} within {distance:g} nm of another one"
        )
