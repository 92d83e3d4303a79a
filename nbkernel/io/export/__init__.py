"""What describes images to other programs: files that DIALS, CrystFEL and XDS read beside the images themselves."""
