# Bare `make` lists what there is. All needs Go, make and git, and nothing else
# unless it says so.

GO          ?= go
BIN         := .cache/bin
# The world of runs: sim, local or docker. Containers are in a program of their own.
WORLD       ?= sim
PROGRAM      = $(if $(filter docker,$(WORLD)),fourdays-docker,fourdays)
FOURDAYS     = $(BIN)/$(PROGRAM)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 20s
REPEAT      ?= 5
SCENARIO    ?= scenarios/libero-2023.yaml
HELPED      ?= scenarios/libero-2023-choices.yaml
SEEDS       ?= 10
COMPARED    ?= scenarios/tour/herd.yaml scenarios/tour/inbound.yaml scenarios/tour/shared-fate.yaml scenarios/tour/same-birthday.yaml scenarios/tour/restart-it.yaml
# Packages whose tests play in real time: one after the other, as each other's load
# would show.
REALTIME    := harness/(clients|docker|external|live|local|solo|sweep|worldtest)|storage/(fuse|cmd)
PAIRS        = $(wildcard scenarios/regress/*.yaml)

.DEFAULT_GOAL := help
.PHONY: help drill tour compare helped margin repro regress record test check bench bench-fuse dovecot fuzz clean fourdays fourdays-docker

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

drill: $(PROGRAM) ## rehearse the four days of January 2023 and print the verdict
	@$(FOURDAYS) run $(SCENARIO)

tour: $(PROGRAM) ## run the short scenarios, and compare those with variants; WORLD=local or docker: in real time
ifeq ($(WORLD),sim)
	@$(FOURDAYS) run $(filter-out $(COMPARED),$(wildcard scenarios/tour/*.yaml))
	@$(FOURDAYS) compare $(COMPARED)
else
	@$(FOURDAYS) run $(wildcard scenarios/tour/*.yaml) --world $(WORLD) --jobs 4
endif

compare: $(PROGRAM) ## what one difference makes: shared fate, dates of service, restarts; a table each
	@$(FOURDAYS) compare $(COMPARED)

helped: $(PROGRAM) ## what would have helped: every choice of HELPED over SEEDS (10) seeds, and its table into the README
	@$(FOURDAYS) compare $(HELPED) --seeds $(SEEDS) --markdown README.md

margin: $(PROGRAM) ## can it happen again: every counter of the arrays, and a hidden limit of each
	@$(FOURDAYS) margin scenarios/tour/quiet.yaml

repro: $(PROGRAM) ## play the proof pair of one bug: make repro BUG=netapp-70000; WORLD=local or docker too
	@if [ -z "$(BUG)" ]; then echo "say which: make repro BUG=ID; fourdays bugs list shows them"; exit 2; fi
	@$(FOURDAYS) repro $(BUG) --world $(WORLD)

regress: $(PROGRAM) ## play all proof pairs
	@$(FOURDAYS) repro $(PAIRS)

record: $(PROGRAM) ## play all proof pairs, or that of BUG, and write the track record: scenarios/regress/README.md
	@$(FOURDAYS) repro --record $(or $(BUG),$(PAIRS))

test: ## run every test; what needs FUSE, containers or other programs is skipped where they are not
	$(GO) test -timeout 40m $$($(GO) list ./... | grep -vE '$(REALTIME)')
	$(GO) test -timeout 40m -p 1 $$($(GO) list ./... | grep -E '$(REALTIME)')

check: ## vet, format, lint, and validate the shipped scenarios
	$(GO) vet ./...
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "not gofmt'ed:"; echo "$$bad"; exit 1; fi
	$(GO) run $(STATICCHECK) ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else echo "golangci-lint is not installed: skipped"; fi
	$(GO) run ./harness/cmd/fourdays validate $$(git ls-files 'scenarios/*.yaml') >/dev/null
	GOOS=darwin $(GO) build -o /dev/null ./harness/cmd/fourdays

bench: ## run the benchmarks once, with memory figures
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./...

bench-fuse: ## measure mounts side by side, REPEAT times: disk, loopback, ours, LazyFS if it is there; and what armed rules cost
	$(GO) test ./storage/fuse -run '^Test(SideBySide|RulesInPairs)$$' -side-by-side $(REPEAT) -rounds 150 -timeout 120m -v

dovecot: fourdays ## what Dovecot keeps and loses: run scenarios/external/ and write its table
	@$(BIN)/fourdays compare $(wildcard scenarios/external/dovecot-*.yaml) --world local --markdown scenarios/external/README.md

fuzz: ## fuzz every parser for FUZZTIME (20s) each
	@$(GO) list -f '{{.Dir}}' ./... | while read -r dir; do \
	  grep -hos 'func Fuzz[A-Za-z0-9]*' "$$dir"/*_test.go | sed 's/func //' | while read -r f; do \
	    echo "fuzz $$dir $$f"; (cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x .) || exit 1; \
	  done || exit 1; done

clean: ## remove what make built here; run directories and the user's cache stay
	rm -rf .cache

fourdays:
	@mkdir -p $(BIN)
	@if [ -x $(BIN)/fourdays ]; then :; else echo "building fourdays (the first time on a machine takes a minute or two)"; fi
	@$(GO) build -o $(BIN)/fourdays ./harness/cmd/fourdays

fourdays-docker: ## build the program with the world of containers into .cache/bin
	@mkdir -p $(BIN)
	@$(GO) build -tags docker -o $(BIN)/fourdays-docker ./harness/cmd/fourdays
