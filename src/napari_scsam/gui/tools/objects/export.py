"""Writing the table of objects to a file, and copying it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.tools.objects.select import SelectingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.tools.objects.walk import WalkingObjects
from napari_scsam.gui.words import count_of
from napari_scsam.steps import Progress, Steps
from napari_scsam.version import __version__
from napari_scsam.volume.measure.table import ObjectTable, check_table_path, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_scsam.gui.session import Session

SEVERAL = 2
"""So many selected objects are meant rather than all that are shown."""

NO_OBJECTS = "there are no objects to export; press Find objects first"


class ExportingObjects:
    """Exports the rows shown, or the selected ones; made by ``session.part``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.part(ObjectStore)
        self._selecting = session.part(SelectingObjects)
        self._walking = session.part(WalkingObjects)

    def export(self, text: str) -> None:
        """Write the rows as CSV or Parquet, with the provenance beside them."""
        try:
            check_table_path(Path(text))
            table = self._table()
        except UserError as error:
            self._session.report_error(error)
            return
        steps = partial(write_table_steps, Path(text), table, self._provenance(len(table)))
        self._session.jobs.submit(Job.EXPORT, steps, self._on_written, name=text)

    def text(self) -> str:
        """Return the rows as lines with tabs between the values, as spreadsheets take them."""
        try:
            table = self._table()
        except UserError as error:
            self._session.report_error(error)
            return ""
        lines = ["\t".join(table)]
        columns = [values.tolist() for values in table.columns.values()]
        lines += ["\t".join(_cell(value) for value in row) for row in zip(*columns, strict=True)]
        self._session.status.emit(f"Copied {count_of(len(table), 'object')}.")
        return "\n".join(lines)

    def _table(self) -> ObjectTable:
        """Return the rows shown, in the order shown, or the selected ones of them.

        Raises
        ------
        UserError
            When there are none, or they are being measured.
        """
        store = self._store
        store.catch_up()
        rows = self._walking.order
        if not rows.size:
            rows = np.flatnonzero(store.shown)
        chosen = self._selecting.rows
        if chosen.size >= SEVERAL:
            rows = rows[np.isin(rows, chosen)]
        if not rows.size:
            raise UserError(NO_OBJECTS)
        return store.table.select(rows)

    def _provenance(self, rows: int) -> Mapping[str, Any]:
        layer = self._store.layer
        image = self._session.choices.image
        return {
            "software": f"napari-scsam {__version__}",
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "layer": getattr(layer, "name", ""),
            "image": getattr(image, "name", ""),
            "voxel_size_nm": None if layer is None else self._store.place(layer).voxel_size,
            "rows": rows,
        }

    def _on_written(self, path: Path) -> None:
        self._session.status.emit(f"The table is written to {path.name} in {path.parent}.")


def write_table_steps(path: Path, table: ObjectTable, provenance: Mapping[str, Any]) -> Steps[Path]:
    """Write a table, and return its path."""
    yield Progress(0, 1, f"writing {path.name}")
    write_table(path, table, provenance)
    return path


def _cell(value: Any) -> str:
    """Return a value as text; an unknown number is empty."""
    if value != value:  # NaN alone differs
        return ""
    return str(value)
