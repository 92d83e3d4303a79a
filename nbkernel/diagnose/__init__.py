"""Finding out where a value comes from: traces, comparisons, pictures of image files."""
