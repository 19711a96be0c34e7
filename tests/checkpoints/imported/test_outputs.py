"""Which output of an imported network is read."""

import pytest

from napari_scsam.checkpoints.imported.outputs import choose_output
from napari_scsam.config import UserError


def test_the_only_output_needs_no_name():
    assert choose_output(["maps"], "") == "maps"


def test_one_of_several_outputs_is_named():
    assert choose_output(["maps", "edges"], "edges") == "edges"


@pytest.mark.parametrize(
    ("names", "wanted", "why"),
    [
        (["maps", "edges"], "", "the outputs maps, edges; name one with --output"),
        (["maps", "edges"], "other", "no output 'other'; name one of maps, edges"),
        (["maps"], "Maps", "no output 'Maps'; name one of maps"),
    ],
)
def test_an_output_that_is_missing_or_not_named_is_refused_with_all_names(names, wanted, why):
    with pytest.raises(UserError, match=why):
        choose_output(names, wanted)
