# make demo    an example from nothing: structure factors, then images, in demo/
# make test    the tests
# make quick   those to run between edits, in under two minutes: without slow ones and CUDA, and few golden cases
# make lint    ruff (rules and format), mypy, the layers of imports
# make format  what ruff can mend by itself
# make clean   remove what these made

PYTHON ?= python3
# of setup.cfg: what the environment gets; test,cudatest compiles the CUDA kernels, too (no device needed)
EXTRAS ?= test
# two test processes or more, up to four: some tests measure memory or use several threads themselves
PYTEST = .venv/bin/python -m pytest tests --numprocesses auto --maxprocesses 4 --dist loadfile
CELL = 30 35 40 90 95 90

.PHONY: demo test quick lint format clean
.DELETE_ON_ERROR:

demo: .venv/installed demo/chain.hkl
	.venv/bin/nbkernel simulate -hkl demo/chain.hkl -dump demo/Fdump.bin -cell $(CELL) -misset 10 20 30 \
	    -Na 12 -Nb 12 -Nc 12 -lambda 1.0 -fluence 1e28 -water 0 -osc 1 -phisteps 10 --fix phi0,phi_steps \
	    -distance 130 -detpixels 1024 -pixel 0.1 -oversample 1 -scale 1 -pgmscale 2 \
	    -floatfile demo/float.bin -intfile demo/image.img -noisefile demo/noise.img -pgmfile demo/image.pgm \
	    --preview demo/preview.png
	@echo
	@echo 'demo/float.bin     photons per pixel, 1024 x 1024 float32'
	@echo 'demo/image.img     the same as an SMV image (demo/noise.img: with photon noise)'
	@echo 'demo/preview.png   the picture to look at first'

test: .venv/installed
	$(PYTEST)

# golden cases: those of tests/golden
quick: .venv/installed
	NBKERNEL_GOLDEN= $(PYTEST) -m "not slow and not cuda"

lint: .venv/linters
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: .venv/linters
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:
	rm -rf .venv demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp file, because the folder is there even when the installation failed.
.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --editable '.[$(EXTRAS)]'
	touch $@

.venv/linters: .venv/installed
	.venv/bin/python -m pip install --editable '.[lint]'
	touch $@

demo/chain.hkl: examples/random_chain.py | .venv/installed
	mkdir -p demo
	.venv/bin/python examples/random_chain.py $@ --cell $(CELL)
