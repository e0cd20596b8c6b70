# On a bare Debian 12, as root: `make demo` and `make test` do all the set-up themselves.

.DEFAULT_GOAL := help
.PHONY: help setup demo test ci bench soak lint docs clean

VENV  := $(CURDIR)/.venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.set-up
UV    := 0.13.9

# What natgate, its lab and its tests call, beside what every Debian has.
PACKAGES := ca-certificates conntrack conntrackd curl debootstrap dnsmasq-base etcd-client etcd-server frr hping3 \
	iproute2 iputils-ping keepalived libnftables1 netbase nfdump nftables openssl procps prometheus python3 \
	python3-venv shellcheck tcpdump tshark util-linux

# The project's own uv and Python, whatever the caller has set.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_LINK_MODE := copy
export UV_HTTP_TIMEOUT := 120
unexport UV_PYTHON VIRTUAL_ENV PYTHONPATH PYTHONHOME

# The certificates of the machine, which may hold some of its owner's.
export PIP_CERT ?= /etc/ssl/certs/ca-certificates.crt
export SSL_CERT_FILE ?= /etc/ssl/certs/ca-certificates.crt

APT := DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120

# Installs Debian packages that are missing, in at most three attempts; no network if none is.
define install
	@missing() { dpkg-query -W -f '$${db:Status-Status}\n' $(1) 2>&1 | grep -vqx installed; }; \
	for pause in 5 15 0; do \
		missing || exit 0; \
		[ "$$(id -u)" = 0 ] || { echo "make: as root, please: missing among $(1)" >&2; exit 1; }; \
		$(APT) update && $(APT) install -y --no-install-recommends $(1) || sleep $$pause; \
	done; \
	! missing
endef

help: ## say what the targets do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

setup: $(STAMP) ## Debian packages, and .venv with natgate in it

$(STAMP): pyproject.toml uv.lock Makefile
	$(call install,$(PACKAGES))
	@[ -x $(BIN)/pip ] || /usr/bin/python3 -m venv $(VENV)
	@$(BIN)/uv --version 2>/dev/null | grep -qF 'uv $(UV) ' || \
		$(BIN)/pip install --quiet --retries 5 --disable-pip-version-check uv==$(UV)
	$(BIN)/uv sync --quiet --frozen --inexact
	@touch $@

demo: setup ## break a gateway in every way, with real packets, and measure it (root)
	@$(BIN)/natgate lab demo

test: setup ## every test; those with real packets one after the other (root)
	$(BIN)/pytest -q -n 2 --cov --cov-report= tests/unit
	$(BIN)/coverage report --fail-under=100
	$(BIN)/pytest -q -n 2 -m "not kernel and not lab" --ignore=tests/unit
	$(BIN)/pytest -q -m "kernel or lab"

ci: lint test ## all that must hold before a change is merged (root)

lint: setup ## ruff, mypy, import-linter, codespell
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy src tests tools bench
	$(BIN)/lint-imports
	$(BIN)/codespell

bench: setup ## ratios, outages and survival, printed and written to bench/results (root, about 45 min)
	$(call install,iptables)
	@$(BIN)/python -m bench.packets
	@$(BIN)/python -m bench.entries
	@$(BIN)/python -m bench.survival
	@$(BIN)/python -m bench.replication
	@$(BIN)/python -m bench.fence
	@$(BIN)/python -m bench.bandwidth
	@$(BIN)/python -m bench.natlog
	@$(BIN)/python -m bench.natlog_files
	@$(BIN)/python -m bench.flows

soak: setup ## half an hour under load, in which nothing may fail over (root)
	@$(BIN)/python -m bench.soak

docs: setup ## write docs/reference anew from the code
	@$(BIN)/python -m tools.reference

clean: ## take down what tests left behind, and remove caches (root)
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m tools.clean
