"""Pictures of detector images: grey levels, resolution rings, the direct beam. Needs only numpy."""
