"""Opening, limiting, writing and replacing files of any format."""
