"""Why a pixel or an image is as it is: traces, comparisons, pictures of files."""
