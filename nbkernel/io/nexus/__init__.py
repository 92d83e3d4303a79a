"""NeXus files by the application definition NXmx: images, detectors, beam, crystal."""
