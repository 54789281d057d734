# The two commands that set everything up by themselves. All else is plain cargo.

SHEETLOAD := target/release/sheetload

.PHONY: demo test postgres

# The main job on the sample: a private server, its table, 10,000 listings of which 13 cannot be loaded.
demo: postgres
	cargo build --release --locked
	$(SHEETLOAD) db start
	@# The demo works on the private server, whatever database the environment names.
	env -u DATABASE_URL -u PGHOST -u PGHOSTADDR -u PGPORT -u PGUSER -u PGPASSWORD -u PGDATABASE -u PGSERVICE \
		$(SHEETLOAD) migrate
	@# Exit code 3 says that rows were rejected, as they should be here.
	env -u DATABASE_URL -u PGHOST -u PGHOSTADDR -u PGPORT -u PGUSER -u PGPASSWORD -u PGDATABASE -u PGSERVICE \
		$(SHEETLOAD) import sample_data/businesses.xlsx --table businesses --if-exists truncate || [ $$? -eq 3 ]

# All tests, against a throw-away PostgreSQL server that they start and stop themselves.
test: postgres
	cargo test --locked

postgres:
	@./.ci/install-postgres
