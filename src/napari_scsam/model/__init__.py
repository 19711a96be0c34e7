"""The network; each file is a box of the paper's figure."""

from napari_scsam.model.class_path import EncoderFeatures
from napari_scsam.model.image_encoder import build_sam_encoder
from napari_scsam.model.scsam import Embedding, ScSAM
from napari_scsam.model.scsam_config import ScSAMConfig

__all__ = ["Embedding", "EncoderFeatures", "ScSAM", "ScSAMConfig", "build_sam_encoder"]
