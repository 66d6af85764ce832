# Every target works from a fresh clone. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build demo test acceptance bench faults functions fuzz mutate lint node deployable synth diff diff-offline deploy cdk destroy-dry-run licences vuln platforms goreleaser release-dry-run pictures

VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT  := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GORELEASER  := v2.15.1
FUZZTIME    ?= 60s
ZIP_MOST    := 4300000

# The CDK runs on Node; both are installed inside the clone.
NODE := $(CURDIR)/.cache/node/node_modules/.bin
# What the CDK unpacks for itself stays inside the clone.
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(CURDIR)/.cache/jsii
CDK  := PATH="$(NODE):$$PATH" cdk

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

build: ## build bin/mfawatch, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/mfawatch ./cmd/mfawatch

demo: ## judge an invented archive and account: Go only, no AWS account, no network
	@go run ./cmd/mfawatch demo

test: node ## every test that needs nothing but Go and Node
	PATH="$(NODE):$$PATH" go test ./...

node:
	@bash infra/node/install.sh >/dev/null

acceptance: ## compare with real peer programs (jq, moto, Chromium, validators …); installs what is missing
	bash acceptance/install.sh
	go run ./internal/faults -events 5000
	go test -tags acceptance -count=1 -timeout 60m ./acceptance

bench: ## print what a scan, the check of a code and the functions cost, beside bases measured in the same run
	go run ./internal/bench

functions: ## build each Lambda function's ZIP and binary for arm64 and amd64, reproducibly, under 4.3 MB
	go run ./internal/release -out bin/functions -unpacked bin/functions -version $(VERSION) -most $(ZIP_MOST)

deployable: node
	@go run ./internal/release -arch arm64 -unpacked bin/functions -out bin/functions -version $(VERSION)

synth: deployable ## make the CloudFormation templates that mfawatch.yaml describes, into cdk.out; asks nothing of AWS
	@$(CDK) synth --quiet $(ARGS)

diff: deployable ## show what a deployment would change
	$(CDK) diff $(ARGS)

diff-offline: synth ## show what changed since OLD, a copy of an earlier cdk.out, or without OLD all that is made; asks nothing of AWS
	@PATH="$(NODE):$$PATH" bash infra/node/diff.sh cdk.out $(OLD)

deploy: diff ## show what changes, then deploy; asks before permissions grow
	$(CDK) deploy --all --require-approval broadening $(ARGS)

cdk: deployable ## any other command of the CDK: make cdk ARGS='destroy --all'
	$(CDK) $(ARGS)

destroy-dry-run: ## tell what deleting the stacks would delete, and what stays
	@$(MAKE) --no-print-directory synth >&2
	@go run ./infra destroy-dry-run cdk.out

pictures: ## make the README's pictures anew (wants script and Chromium)
	bash docs/pictures/make.sh

faults: ## send 100,000 sign-ins through the real functions and every fault: none without MFA may be lost
	go run ./internal/faults -virtual
	go run ./internal/faults

fuzz: ## run each fuzz target for FUZZTIME (60s)
	@set -e; for p in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z]+' $$p/*_test.go | cut -c6-); do \
	    echo "== $$p $$f"; go test -run xxx -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p; done; done

mutate: ## change each condition of the judges: every change must fail a case
	go run ./internal/mutate ./audit ./audit/signin ./audit/detect ./audit/posture ./audit/pattern ./audit/pattern/deployed ./totp ./totp/ledger ./totp/yubikey/otp

licences: ## write THIRD_PARTY_LICENSES.md from what is linked
	go run ./internal/licences

vuln: ## look for known vulnerabilities in what is linked; says so when their database cannot be reached
	@bash .ci/vuln

platforms: ## build the program for every system that it is released for
	@set -e; for os in linux darwin windows; do for arch in amd64 arm64; do \
	  echo "$$os/$$arch"; CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -o /dev/null ./cmd/mfawatch; done; done

# A binary beside the clone's other tools: the go command would link it anew for every release.
.cache/tools/goreleaser-$(GORELEASER):
	@echo "building goreleaser $(GORELEASER): some minutes, once"
	GOBIN=$(CURDIR)/.cache/tools GOFLAGS= go install github.com/goreleaser/goreleaser/v2@$(GORELEASER)
	mv .cache/tools/goreleaser $@

goreleaser: .cache/tools/goreleaser-$(GORELEASER)
	ln -sf goreleaser-$(GORELEASER) .cache/tools/goreleaser

release-dry-run: goreleaser ## make a release of HEAD twice, into dist, compare and verify it; publishes nothing
	go mod download
	go run ./internal/dryrun -goreleaser $(CURDIR)/.cache/tools/goreleaser $(ARGS)

lint: ## gofmt, go vet, staticcheck, actionlint, known vulnerabilities, a tidy go.mod
	@files="$$(gofmt -l $$(git ls-files '*.go'))"; test -z "$$files" || { echo "gofmt would change: $$files"; exit 1; }
	go mod tidy -diff
	go vet ./...
	go vet -tags acceptance ./acceptance
	go run $(STATICCHECK) ./...
	go run $(ACTIONLINT) -shellcheck= -pyflakes=
	@bash .ci/vuln || [ $$? -eq 75 ]
