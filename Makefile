.PHONY: test soak lint format clean

test:
	python -m pytest

# The long forms of what the suite shows in short: hours. The sizes need about 25 GB of disk.
# VOCABULARY=DIR, a BERT's folder, and DATA=DIR, text, compare the tokenizers on that text; MODEL=DIR, a
# student, measures the memory of predict.
soak: LONG = PYTHONPATH=.:tests TF_CPP_MIN_LOG_LEVEL=3 python
soak:
	$(LONG) tests/soak/kill_runs.py --kills=10
	for case in unigram labelfree data_workers live; do $(LONG) tests/soak/kill_runs.py --kills=18 --case=$$case || exit 1; done
	$(LONG) tests/fuzz/fuzz_readers.py --cases=10000
	$(LONG) tests/fuzz/fuzz_tokenizers.py --cases=10000
	$(LONG) tests/fuzz/fuzz_bundle.py --cases=10000
	$(LONG) tests/fuzz/fuzz_shards.py --cases=10000
	$(LONG) tests/fuzz/fuzz_hub.py --cases=10000
	$(LONG) tests/soak/run_kernels.py --students=500
	$(LONG) tests/soak/fuzz_native.py --cases=10000
	$(LONG) tests/soak/trouble_demo.py --requests=10000
	$(LONG) tests/soak/trouble_grpc.py --requests=10000
	$(LONG) tests/soak/separate_environment.py
	test -z "$(VOCABULARY)" || $(LONG) tests/soak/compare_tokenizers.py --data=$(DATA) \
		--vocabulary=$(VOCABULARY)
	test -z "$(MODEL)" || $(LONG) tests/soak/measure_predict.py --model=$(MODEL)
	$(LONG) tests/soak/measure_workers.py
	$(LONG) tests/soak/measure_encoding.py --sentences=20000,100000,400000
	$(LONG) tests/soak/measure_run.py --sentences=100000
	$(LONG) tests/soak/measure_scale.py --sentences=50000,200000,1000000

lint:
	ruff check .
	ruff format --check .

format:
	ruff check --fix .
	ruff format .

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
