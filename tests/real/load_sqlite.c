/*
 * A host of SQLite with long-lived connections: tables, indexes, triggers, views and defaults, a page
 * cache under load, statements in the middle of their rows; then it aborts.
 *
 *	load_sqlite FILE	FILE: a database that is not there yet
 */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite3.h"

enum { STATEMENTS = 40, TABLES = 30, ROWS = 6000 };

static sqlite3 *file_db, *memory_db;
static sqlite3_stmt *statements[STATEMENTS];

static void run(sqlite3 *db, const char *sql)
{
	char *said = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, said);
		exit(1);
	}
}

static void runf(sqlite3 *db, const char *format, int i)
{
	char *sql = sqlite3_mprintf(format, i, i, i, i);

	run(db, sql);
	sqlite3_free(sql);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		exit(1);
	}
	return s;
}

static void schema(sqlite3 *db)
{
	for (int i = 0; i < TABLES; i++) {
		runf(db,
		     "CREATE TABLE t%d(id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT "
		     "'nobody', "
		     "amount REAL DEFAULT 1.5, data BLOB, parent INTEGER REFERENCES t0(id), "
		     "CHECK(amount > -1))",
		     i);
		runf(db, "CREATE INDEX by_name%d ON t%d(name, amount DESC)", i);
		runf(db, "CREATE INDEX some%d ON t%d(parent) WHERE amount > 2", i);
		if (i % 3 == 0)
			runf(db,
			     "CREATE VIEW v%d AS SELECT id, name FROM t%d WHERE amount > 3 ORDER "
			     "BY name",
			     i);
		if (i % 5 == 0)
			runf(db,
			     "CREATE TRIGGER g%d AFTER DELETE ON t%d BEGIN "
			     "UPDATE t%d SET amount = amount + 1 WHERE id = old.parent; END",
			     i);
	}
}

static void fill(sqlite3 *db)
{
	sqlite3_stmt *s = prepare(
		db, "INSERT INTO t0(name, amount, data, parent) VALUES(?, ?, zeroblob(?), NULL)");

	run(db, "BEGIN");
	for (int i = 0; i < ROWS; i++) {
		char name[64];

		snprintf(name, sizeof(name), "name %d of many", i * 7919 % ROWS);
		sqlite3_bind_text(s, 1, name, -1, SQLITE_TRANSIENT);
		sqlite3_bind_double(s, 2, i / 10.0);
		sqlite3_bind_int(s, 3, i % 400);
		sqlite3_step(s);
		sqlite3_reset(s);
	}
	run(db, "COMMIT");
	sqlite3_finalize(s);
}

int main(int argc, char **argv)
{
	static const char *const queries[] = {
		"SELECT * FROM t0 WHERE id > ? ORDER BY id",
		"SELECT name, count(*) FROM t0 GROUP BY name ORDER BY 2",
		"SELECT a.name, b.name FROM t0 a JOIN t0 b ON a.name = b.name WHERE a.id > ?",
		"INSERT INTO t1(name, amount) VALUES(?, ?)",
		"SELECT * FROM v0",
	};

	if (argc != 2 || sqlite3_open(argv[1], &file_db) || sqlite3_open(":memory:", &memory_db))
		return 1;
	run(file_db, "PRAGMA journal_mode = WAL");
	schema(file_db);
	schema(memory_db);
	fill(file_db);
	fill(memory_db);
	for (int i = 0; i < STATEMENTS; i++) {
		statements[i] = prepare(i % 2 ? file_db : memory_db,
					queries[i % (int)(sizeof(queries) / sizeof(*queries))]);
		sqlite3_bind_int(statements[i], 1, i);
		if (sqlite3_stmt_readonly(statements[i]))
			sqlite3_step(statements[i]);
	}
	abort();
}
