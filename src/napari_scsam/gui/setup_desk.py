"""Connects the lines for the volume and the network to the session of a viewer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Qt

from napari_scsam.checkpoints.beside import with_beside
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import UserError
from napari_scsam.errors import torch_is_installed
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.panels.model import SERVER, ModelPanel
from napari_scsam.gui.panels.parts.server_dialog import ServerDialog
from napari_scsam.gui.panels.volume import VolumePanel
from napari_scsam.gui.preferences import recent_servers
from napari_scsam.gui.tools.download import Downloading
from napari_scsam.gui.tools.files.save_model import TaughtModel
from napari_scsam.gui.tools.server import ServerChoice, keyring_is_there

if TYPE_CHECKING:
    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.gui.links import Links
    from napari_scsam.gui.session import Session

LAYER_EVENTS = ("inserted", "removed", "reordered", "renamed")


class SetupDesk:
    """The lines for the volume and the network, connected to their tools."""

    def __init__(self, session: Session, links: Links) -> None:
        self._session = session
        self.downloading = session.part(Downloading)
        self._server = session.part(ServerChoice)
        self.volume = VolumePanel()
        self.model = ModelPanel()
        self._connect_volume()
        self._connect_model()
        links.add(session.network.changed, self.show_checkpoint)
        links.add(session.network.moved, self._list_checkpoints)
        links.add(session.choices.image_changed, self.show_image)
        links.add(session.choices.checkpoint_changed, self.show_checkpoint)
        viewer = session.viewer
        if viewer is not None:
            for name in LAYER_EVENTS:
                links.add(getattr(viewer.layers.events, name), self.show_layers)

    def show_layers(self) -> None:
        """List the image layers; one of them is chosen if none was."""
        viewer = self._session.viewer
        choices = self._session.choices
        if viewer is None:
            return
        images = [layer for layer in viewer.layers if isinstance(layer, Image)]
        if choices.image is None and images:
            active = viewer.layers.selection.active
            choices.choose_image(active if active in images else images[-1])
        self.volume.show_layers(images, choices.image)
        self.show_image()

    def show_image(self) -> None:
        """Show the image and how large its voxels are."""
        choices = self._session.choices
        image = choices.image
        possible = image is not None
        self.volume.show_chosen(image)
        self.volume.show_size(
            choices.voxel_size,
            choices.explain_voxel_size(),
            flat=image is not None and image.ndim == 2,
            possible=possible,
        )
        self.volume.show_contrast(shown=choices.contrast is not None, possible=possible)

    def show_checkpoint(self) -> None:
        """Show the network and its state."""
        choices = self._session.choices
        info = choices.checkpoint
        if info is not None:
            self.model.show_chosen(info, self._session.network.state)
            self.model.show_taught(choices.taught)
            self.show_image()
        self.show_devices()

    def show_devices(self) -> None:
        """Show where the network can run and where it does, and whether the line is cut."""
        network = self._session.network
        self.model.show_devices(self._server.list_devices(), self._server.chosen())
        self.model.show_line_cut(cut=bool(network.trouble) and torch_is_installed())
        self.model.download.setEnabled(not network.server)

    def resume_server(self) -> None:
        """Run the network on the server that was used last, if there was one."""
        self._server.resume()

    def _list_checkpoints(self) -> None:
        """List the checkpoints of where the network runs now."""
        self.model.show_checkpoints(self._session.network.list_checkpoints())
        self.show_checkpoint()

    def _choose_device(self, device: str) -> None:
        if device == SERVER:
            self.show_devices()  # it is chosen when the dialog was answered
            self.ask_for_server().open()
        elif device != self._server.chosen():
            self._server.use_computer(device)

    def ask_for_server(self) -> ServerDialog:
        """Create the dialog that asks for a server."""
        dialog = ServerDialog(self.model, recent_servers())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show_keyring(there=keyring_is_there())
        dialog.test_asked.connect(partial(self._test_server, dialog))
        dialog.chosen.connect(self._server.use)
        address = dialog.address.currentText()
        if address:
            self._server.find_token(address, partial(_show_token, dialog))
        return dialog

    def _test_server(self, dialog: ServerDialog, address: str, token: str) -> None:
        self._server.test(address, token, partial(_show_outcome, dialog))

    def _connect_volume(self) -> None:
        session = self._session
        self.volume.layer_chosen.connect(session.choices.choose_image)
        self.volume.file_asked.connect(session.open_file)
        self.volume.size_typed.connect(session.choices.type_voxel_size)
        self.volume.contrast_chosen.connect(session.choices.take_contrast_as_shown)

    def _connect_model(self) -> None:
        session = self._session
        taught = session.part(TaughtModel)
        self.model.checkpoint_chosen.connect(session.choices.exchange_checkpoint)
        self.model.file_asked.connect(self._use_checkpoint_file)
        self.model.save_asked.connect(taught.save)
        self.model.device_chosen.connect(self._choose_device)
        self.model.computer_asked.connect(partial(self._server.use_computer, ""))
        beside = self.model.beside
        beside.opened.connect(self._list_networks)
        beside.chosen.connect(self._choose_beside)
        beside.file_asked.connect(self._add_beside)
        button = self.model.download
        button.opened.connect(self._show_downloads)
        button.download_asked.connect(self.downloading.start)
        self._show_downloads()

    def _show_downloads(self) -> None:
        self.model.download.show_downloads(self.downloading.list_states())

    def _use_checkpoint_file(self, path: str) -> None:
        try:
            self._session.choices.exchange_checkpoint(checkpoint_info(path))
        except UserError as error:
            notify_error(error)

    # Networks beside it

    def _list_networks(self) -> None:
        """List the imported networks, but for the checkpoint itself."""
        info = self._session.choices.checkpoint
        networks = list(self._session.network.list_imported())
        if info is not None:
            networks = [one for one in networks if one.path != info.path]
        self.model.beside.show_networks(networks)

    def _choose_beside(self, networks: Sequence[CheckpointInfo]) -> None:
        """Make networks work beside the checkpoint, and no others."""
        choices = self._session.choices
        if choices.checkpoint is None:
            return
        try:
            find = self._session.network.find_info
            cards = [find(str(info.path)) for info in networks]
            choices.choose_checkpoint(with_beside(choices.checkpoint, cards))
        except UserError as error:
            notify_error(error)

    def _add_beside(self, path: str) -> None:
        """Make the network of a file work beside the checkpoint, too."""
        info = self._session.choices.checkpoint
        if info is None:
            return
        try:
            self._choose_beside([*info.beside, checkpoint_info(path)])
        except UserError as error:
            notify_error(error)


def _show_token(dialog: ServerDialog, token: str) -> None:
    """Fill in a token, unless the dialog was closed or another one was typed."""
    with suppress(RuntimeError):
        if not dialog.token.text():
            dialog.show_token(token)


def _show_outcome(dialog: ServerDialog, sentence: str) -> None:
    """Show the outcome of a test, unless the dialog was closed."""
    with suppress(RuntimeError):
        dialog.show_outcome(sentence)
