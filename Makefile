# The commands that set everything up by themselves. All else is plain cargo.

SHEETLOAD := cargo run --release --locked --quiet --

# The demo works on the private server, whatever database the environment names.
unexport DATABASE_URL PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGDATABASE PGSERVICE

.PHONY: demo test test-matrix chaos bench bench-load install-missing

# The main job on the sample: a private server, its table, 10,000 listings of which 13 cannot be loaded.
demo: install-missing
	cargo build --release --locked
	$(SHEETLOAD) db start
	$(SHEETLOAD) migrate
	@# Exit code 3 says that rows were rejected, as 13 of these are.
	$(SHEETLOAD) import sample_data/businesses.xlsx --table businesses --if-exists truncate || [ $$? -eq 3 ]

# All tests, against throw-away PostgreSQL servers that they start and stop themselves: of the newest minor release that
# the package manager offers.
test: install-missing
	pg=$$(.ci/server newest) && env $${pg:+SHEETLOAD_PG_BIN="$$pg"} cargo test --locked

# The tests that need a server, against each major version. TESTS narrows them down, for example `make test-matrix
# SERVERS="13 18" TESTS=publish::`. It ends with a line a version, and fails if one of them did.
SERVERS = 13 14 15 16 17 18
TESTS =
test-matrix: install-missing
	cargo test --locked --test it --no-run
	@report=""; failed=0; \
	for major in $(SERVERS); do \
		if pg=$$(.ci/server $$major) && SHEETLOAD_PG_BIN="$$pg" cargo test --locked --test it -- $(TESTS); \
		then report="$$report\n$$("$$pg/postgres" --version): passed"; \
		else report="$$report\nPostgreSQL $$major: FAILED"; failed=1; fi; \
	done; \
	printf "$$report\n"; exit $$failed

# Kills the program hundreds of times over all ways to load, and breaks connections and servers in proportion.
KILLS = 600
SEED = $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
chaos: install-missing
	SHEETLOAD_CHAOS_KILLS=$(KILLS) SHEETLOAD_CHAOS_SEED=$(SEED) cargo test --locked --test it chaos::

# What each stage costs without a server.
bench: install-missing
	cargo bench --locked --bench stages

# Whole loads into a throw-away server, against what else does the same: half an hour of a machine at rest. Say what to
# measure with BENCH, for example `make bench-load BENCH='--only orders --report after.json'`.
BENCH =
bench-load: install-missing
	cargo bench --locked --bench end_to_end -- run $(BENCH)

install-missing:
	@./.ci/install-missing
