"""Where things are: the detector, its panels, the direct beam, the unit cell."""
