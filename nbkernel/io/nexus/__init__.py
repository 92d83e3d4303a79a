"""NeXus files of the application definition NXmx: images, detectors, beam, crystal."""
