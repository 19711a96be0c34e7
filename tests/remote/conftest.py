"""A server in a process of its own, for all tests of a client."""

from __future__ import annotations

import copy

import pytest
from served import served_in_a_process, write_tiny


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory, random_model):
    """Folder with the checkpoint that servers offer."""
    return write_tiny(tmp_path_factory.mktemp("served"), random_model)


@pytest.fixture(scope="session")
def server(tiny_folder):
    """Address of a server in another process."""
    with served_in_a_process(tiny_folder) as (address, _process):
        yield address


@pytest.fixture
def own_model(random_model):
    """A network that a test may teach."""
    return copy.deepcopy(random_model)
