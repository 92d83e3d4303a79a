"""Pictures of detector images to look at: grey levels, resolution rings, the direct beam. Needs numpy only."""
