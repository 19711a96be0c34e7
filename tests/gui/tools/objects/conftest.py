from __future__ import annotations

from types import SimpleNamespace

import pytest
from listed import CLASSES, SCALE, class_labels
from napari.layers import Image

from napari_scsam.gui.layers.class_table import new_labels
from napari_scsam.gui.tools.objects.edit import EditingObjects
from napari_scsam.gui.tools.objects.find import FindingObjects
from napari_scsam.gui.tools.objects.select import SelectingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.tools.objects.walk import WalkingObjects
from napari_scsam.gui.widget import OBJECTS


def add_labels(viewer, session, image):
    """Add class labels of an image, with five objects."""
    labels = new_labels(image, CLASSES)
    labels.data[...] = class_labels()
    viewer.add_layer(labels)
    session.outputs.use(image, labels)
    return labels


@pytest.fixture
def found(session, stack, said, qapp):
    """Five objects that were found, in a viewer without a window; work is done at once."""
    image = session.viewer.add_layer(Image(stack, name="cell", scale=SCALE, units=("nm",) * 3))
    session.choices.choose_image(image)
    one = SimpleNamespace(
        session=session,
        viewer=session.viewer,
        said=said,
        store=session.part(ObjectStore),
        selecting=session.part(SelectingObjects),
        editing=session.part(EditingObjects),
        finding=session.part(FindingObjects),
        walking=session.part(WalkingObjects),
        labels=add_labels(session.viewer, session, image),
    )
    one.finding.find()
    return one


@pytest.fixture
def listed(window, stack, wait):
    """The same in a window, with the page open."""
    one = window(Image(stack, name="cell", scale=SCALE, units=("nm",) * 3))
    one.finish()
    one.labels = add_labels(one.viewer, one.session, one.session.choices.image)
    one.page = one.widget.objects
    one.desk = one.widget.objects_desk
    one.store = one.desk.store
    one.widget.tabs.show_page(OBJECTS)
    one.page.search.click()
    wait(lambda: len(one.store.table) == 5)
    one.finish()
    return one
