"""Geometry: the detector, its panels, the direct beam, the unit cell."""
