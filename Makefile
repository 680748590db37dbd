# Every command makes what it needs: the first call installs into .venv (about two minutes), later calls do not.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
CLASS := _build/class
SUBMISSIONS ?= $(CLASS)
WEEK ?= 1
OUT ?= $(SUBMISSIONS:/=)-grades

.PHONY: help book serve lab exercises formulas weights grade test tools test-nbgrader bench bench-architectures bench-grading lock clean

help:
	@echo "make book        run the notebooks with nbval and build the book (open _build/html/index.html)"
	@echo "make test        prove all of it: code, notebooks, exercises, the built pages in a browser"
	@echo "make lab         open JupyterLab on an exercise sheet  (WEEK=2 for that of another week)"
	@echo "make grade       mark a class  (SUBMISSIONS=folder OUT=folder; without them a small class of samples)"
	@echo "make exercises   write each question into the sheets, the solutions, the chapters and the page of all questions"
	@echo "make formulas    write the page of all formulas, and name each that has no label or that nothing executes"
	@echo "make weights     train the course's own weights anew, from seeds, into weights/  (NAMES=\"…\" for some of them)"
	@echo "make serve       serve the built book on this machine"
	@echo "make bench       time the NumPy code against PyTorch; make bench-grading: the grader against nbgrader"
	@echo "make bench-architectures   size, speed and accuracy of every network of the course (half an hour)"
	@echo "make lock        freeze what requirements.txt installs into constraints.txt"
	@echo "make clean       remove what make book made"

$(STAMP): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | tail -1): use make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt -e .
	@touch $@

book: $(STAMP)
	$(BIN)/python scripts/build_book.py

serve: book
	$(BIN)/python -m http.server --directory _build/html --bind 127.0.0.1 8000

lab: $(STAMP)
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) exercises/week$(WEEK).ipynb

exercises: $(STAMP)
	$(BIN)/python -m cnnlib.grading exercises

formulas: $(STAMP)
	$(BIN)/python scripts/ledger.py

weights: $(STAMP)
	$(BIN)/python scripts/make_weights.py $(NAMES)

grade: $(STAMP)
	$(if $(filter $(CLASS),$(SUBMISSIONS)),$(BIN)/python scripts/sample_class.py $(CLASS))
	$(BIN)/python -m cnnlib.grading grade "$(SUBMISSIONS)" --out "$(OUT)"

tools:
	@sh scripts/install_tools.sh

# nbgrader, which the solutions are also written for: what it needs beyond .venv, in a folder of its own, since in .venv
# it would switch on its extensions in every student's JupyterLab.
NBGRADER := nbgrader==0.9.6 alembic==1.20.1 mako==1.4.3 rapidfuzz==3.14.6
_build/nbgrader/.installed: Makefile $(STAMP)
	@rm -rf _build/nbgrader
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target _build/nbgrader $(NBGRADER) && touch $@ || \
	  echo "nbgrader could not be installed: its tests will be skipped."

test-nbgrader: _build/nbgrader/.installed
	$(BIN)/python -m pytest tests/grading/test_nbgrader.py -rs

# torchattacks, with whose attacks ours are compared: it pins an old requests, so it stands aside too.
_build/torchattacks/.installed: Makefile $(STAMP)
	@rm -rf _build/torchattacks
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target _build/torchattacks torchattacks==3.5.1 && \
	  touch $@ || echo "torchattacks could not be installed: its tests will be skipped."

# make book has run with nbval each notebook of the book that was not as it was; here come the solutions, the code and the
# built pages. One thread each, or they fight for the cores.
# loadscope: a file goes to one core as a whole, since the cells of a notebook need their kernel and the pages their
# browser. tests/conftest.py says in which order.
test: book tools _build/nbgrader/.installed _build/torchattacks/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder --nbval-lax -rs tests solutions

bench: $(STAMP)
	$(BIN)/python benchmarks/scratch.py

bench-architectures: $(STAMP)
	$(BIN)/python benchmarks/architectures.py

bench-grading: _build/nbgrader/.installed
	$(BIN)/python benchmarks/grading.py

lock:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	( echo "# Made by make lock: the whole set that requirements.txt installs. Local build tags such as +cpu are left out."; \
	  $(BIN)/pip freeze | sed 's/+[A-Za-z0-9.]*$$//' ) > constraints.txt

clean:
	rm -rf _build
