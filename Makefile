.PHONY: test lint format clean

test:
	python -m pytest

lint:
	ruff check .
	ruff format --check .

format:
	ruff check --fix .
	ruff format .

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
