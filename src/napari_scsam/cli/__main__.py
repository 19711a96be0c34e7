"""Run ``python -m napari_scsam.cli``, where ``scsam`` is not on the path."""

import sys

from napari_scsam.cli import main

sys.exit(main())
