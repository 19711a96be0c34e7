"""``python -m napari_scsam.cli``, where no ``scsam`` is on the path."""

import sys

from napari_scsam.cli import main

sys.exit(main())
