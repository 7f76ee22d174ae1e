# Each target calls one command. .venv/bin leads PATH because nbgrader calls its own tools (alembic, jupyter) by name.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup course book downloads handout release demo test lint setup-and-system-packages system-packages clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

course: setup release book demo ## run the course: book, exercises, and a demo class that is graded

test: setup-and-system-packages lint ## test the course: lint, exercises against solutions, pytest with the book build
	.venv/bin/autograder release --check
	@# In the order of the files, for the longest, the book, comes early; tests/scheduling.py says what stays together.
	.venv/bin/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

setup: ## make .venv from requirements.txt
	@scripts/setup

book: setup ## build the book into _build/html, with warnings as errors
	.venv/bin/python book/build.py

downloads: book handout ## the book as one PDF and as one archive, and the handout, beside the pages in _build/html
	.venv/bin/python book/downloads.py --handout build/handout.zip

handout: setup ## a folder and a zip for students, build/handout: every check, and nothing that computes what is right
	.venv/bin/autograder handout

release: setup ## generate exercises/ and nbgrader's source notebooks from solutions/
	.venv/bin/autograder release

demo: release ## make a demo class under build/ and grade it
	.venv/bin/autograder demo

lint: setup ## ruff: check and format; lint-imports: which module imports which
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/lint-imports --no-cache --no-logo

setup-and-system-packages: # the one waits for the network, the other computes
	@scripts/system_packages & packages=$$!; scripts/setup; made=$$?; wait $$packages && exit $$made

system-packages: ## look for the Debian packages that some tests need; install them when root
	@scripts/system_packages

clean: ## remove what was built; keeps .venv, submissions and grades
	rm -rf _build build .pytest_cache .ruff_cache
