"""Maps of whole scenes: a raster is classified block by block. Needs the extra `geo` (rasterio, matplotlib)."""

from hqml.geo.mapping import SceneMap, map_scene

__all__ = ["SceneMap", "map_scene"]
