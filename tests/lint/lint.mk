# The rules of the house, and the proof that the lint and the runner bite.

.PHONY: check-lint lint lint-bites
check-lint: lint lint-bites

lint:
	@tests/lint/lint --flags '$(CPPFLAGS)'

lint-bites:
	@$(PYTHON) -m pytest -q -p no:cacheprovider tests/lint/test_lint.py
