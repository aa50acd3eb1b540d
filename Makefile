# Bare `make` lists what there is. Everything needs Go, make and git, nothing else.

GO          ?= go
BIN         := .cache/bin
FOURDAYS    := $(BIN)/fourdays
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 20s
SCENARIO    ?= scenarios/libero-2023.yaml
COMPARED    ?= scenarios/tour/shared-fate.yaml scenarios/tour/same-birthday.yaml scenarios/tour/restart-it.yaml
PAIRS        = $(wildcard scenarios/regress/*.yaml)

.DEFAULT_GOAL := help
.PHONY: help drill tour compare repro regress record test check bench fuzz clean fourdays

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

drill: fourdays ## rehearse the four days of January 2023 and print the verdict
	@$(FOURDAYS) run $(SCENARIO)

tour: fourdays ## run the short scenarios, side by side on the cores, and compare those with variants
	@$(FOURDAYS) run $(filter-out $(COMPARED),$(wildcard scenarios/tour/*.yaml))
	@$(FOURDAYS) compare $(COMPARED)

compare: fourdays ## what one difference makes: shared fate, dates of service, restarts; a table each
	@$(FOURDAYS) compare $(COMPARED)

repro: fourdays ## play the proof pair of one bug: make repro BUG=netapp-70000
	@if [ -z "$(BUG)" ]; then echo "say which: make repro BUG=ID; fourdays bugs list shows them"; exit 2; fi
	@$(FOURDAYS) repro $(BUG)

regress: fourdays ## play all proof pairs
	@$(FOURDAYS) repro $(PAIRS)

record: fourdays ## play all proof pairs, or that of BUG, and write the track record: scenarios/regress/README.md
	@$(FOURDAYS) repro --record $(or $(BUG),$(PAIRS))

test: ## run every test (needs no root, no Docker, no network but the module proxy)
	$(GO) test -timeout 20m ./...

check: ## vet, format, lint, and validate the shipped scenarios
	$(GO) vet ./...
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "not gofmt'ed:"; echo "$$bad"; exit 1; fi
	$(GO) run $(STATICCHECK) ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else echo "golangci-lint is not installed: skipped"; fi
	$(GO) run ./harness/cmd/fourdays validate $$(git ls-files 'scenarios/*.yaml') >/dev/null

bench: ## run the benchmarks once, with memory figures
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./...

fuzz: ## fuzz every parser for FUZZTIME (20s) each
	@$(GO) list -f '{{.Dir}}' ./... | while read -r dir; do \
	  grep -hos 'func Fuzz[A-Za-z0-9]*' "$$dir"/*_test.go | sed 's/func //' | while read -r f; do \
	    echo "fuzz $$dir $$f"; (cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x .) || exit 1; \
	  done || exit 1; done

clean: ## remove what make built here; run directories and the user's cache stay
	rm -rf .cache

fourdays:
	@mkdir -p $(BIN)
	@if [ -x $(FOURDAYS) ]; then :; else echo "building fourdays (the first time on a machine takes a minute or two)"; fi
	@$(GO) build -o $(FOURDAYS) ./harness/cmd/fourdays
