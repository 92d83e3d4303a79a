"""The part `commands`: does a drawn command line give the C program's bytes, and what each precision promises?"""
