"""The parts `files` and `lines`: does every damaged file and broken command line end quickly, in one line, with nothing
left behind?"""
