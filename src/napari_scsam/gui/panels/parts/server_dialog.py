"""The dialog that asks for a server: its address and its token."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_scsam.gui.panels.parts.widgets import button, note_label

ABOUT = (
    "A server runs the network for you. "
    "There, the command scsam serve prints an address and a token; copy both here."
)
KEPT = "The token is kept in the keyring of this system, and the address in a list."
NOT_KEPT = "This system has no keyring, so the token is asked for in each window."

LETTERS = 58
"""Of a line of its sentences."""


class ServerDialog(QDialog):
    """Asks for a server; makes no connection itself."""

    test_asked = Signal(str, str)
    """An address and a token to try."""
    chosen = Signal(str, str)
    """The address and the token of the server to use."""
    address_changed = Signal(str)
    """Another address was chosen; its token may be known."""

    def __init__(self, parent: QWidget, addresses: Sequence[str]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Run the network on a server")
        self.setModal(True)
        self.address = QComboBox()
        self.address.setEditable(True)
        self.address.addItems(list(addresses))
        self.address.setToolTip("For example ws://127.0.0.1:8765 or wss://gpu.lab.org")
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setToolTip("As the server printed it when it was started.")
        self.about = note_label(ABOUT)
        self.outcome = note_label("")
        self.keeping = note_label(KEPT)
        self.test = button("Test connection", "Connect, and say what the server has.", self._test)
        self._box = QDialogButtonBox()
        self.use = self._add("Use this server", QDialogButtonBox.ButtonRole.AcceptRole)
        self._add("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self._box.accepted.connect(self._use)
        self._box.rejected.connect(self.reject)
        self._lay_out()
        self.address.currentTextChanged.connect(self._on_address)
        self.token.textChanged.connect(self._on_changed)
        self._on_changed()

    def show_token(self, token: str) -> None:
        """Fill in the token that is known for the address."""
        self.token.setText(token)

    def show_keyring(self, *, there: bool) -> None:
        """Show whether the token is kept."""
        self.keeping.setText(KEPT if there else NOT_KEPT)

    def show_outcome(self, sentence: str) -> None:
        """Show what came out of a test."""
        self.outcome.setText(sentence)
        self.test.setEnabled(True)
        self._fit()

    def _add(self, text: str, role: QDialogButtonBox.ButtonRole) -> QPushButton:
        made = QPushButton(text)
        self._box.addButton(made, role)
        return made

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.about)
        form.addRow("Address", self.address)
        form.addRow("Token", self.token)
        form.addRow(self.keeping)
        form.addRow(self.test)
        form.addRow(self.outcome)
        form.addRow(self._box)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        """Fit the height, now that napari's style has given the labels their font."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Make room for the sentences: Qt gives a dialog too little for labels that wrap."""
        width = self.fontMetrics().averageCharWidth() * LETTERS
        for label in (self.about, self.keeping, self.outcome):
            label.setFixedWidth(width)
            label.setMinimumHeight(label.heightForWidth(width) if label.text() else 0)
        self.adjustSize()

    def _entered(self) -> tuple[str, str]:
        return self.address.currentText().strip(), self.token.text().strip()

    def _on_address(self, text: str) -> None:
        self.address_changed.emit(text.strip())
        self._on_changed()

    def _on_changed(self, _text: str = "") -> None:
        complete = all(self._entered())
        self.use.setEnabled(complete)
        self.test.setEnabled(complete)
        self.outcome.setText("")

    def _test(self) -> None:
        self.test.setEnabled(False)
        self.outcome.setText("Connecting …")
        self.test_asked.emit(*self._entered())

    def _use(self) -> None:
        self.chosen.emit(*self._entered())
        self.accept()
