// SPDX-License-Identifier: MIT
#include "servers/thirdparty/sqlite/database.h"
#include <sqlite3.h>
#include <string.h>

static struct session {
    uint64_t owner; // badge of the client; 0: free
    sqlite3 *db;
} sessions[DATABASE_SESSIONS_MAX];

static struct statement {
    struct session *session; // nullptr: free
    sqlite3_stmt *compiled;
} statements[DATABASE_STATEMENTS_MAX];

static struct session *find_session(uint64_t owner, uint32_t number)
{
    bool there = number >= 1 && number <= DATABASE_SESSIONS_MAX && sessions[number - 1].owner == owner;
    return there ? &sessions[number - 1] : nullptr;
}

static struct statement *find_statement(uint64_t owner, uint32_t number)
{
    if (number < 1 || number > DATABASE_STATEMENTS_MAX) {
        return nullptr;
    }
    struct statement *s = &statements[number - 1];
    return s->session && s->session->owner == owner ? s : nullptr;
}

// ---- Sessions ----

enum status database_start(uint64_t owner, uint32_t *session)
{
    uint32_t i = 0;
    while (i < DATABASE_SESSIONS_MAX && sessions[i].owner != 0) {
        i++;
    }
    if (i == DATABASE_SESSIONS_MAX) {
        return ERR_QUOTA;
    }
    struct session *s = &sessions[i];
    if (sqlite3_open(":memory:", &s->db) != SQLITE_OK) {
        sqlite3_close(s->db);
        return ERR_MEMORY;
    }
    sqlite3_extended_result_codes(s->db, 1);
    s->owner = owner;
    *session = i + 1;
    return OK;
}

enum status database_end(uint64_t owner, uint32_t session)
{
    struct session *s = find_session(owner, session);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    for (int i = 0; i < DATABASE_STATEMENTS_MAX; i++) {
        if (statements[i].session == s) {
            sqlite3_finalize(statements[i].compiled);
            statements[i] = (struct statement){0};
        }
    }
    sqlite3_close(s->db);
    *s = (struct session){0};
    return OK;
}

// ---- Rows as text ----

static void add_blob(struct answer *rows, const uint8_t *bytes, int count)
{
    static const char digits[] = "0123456789abcdef";
    answer_text(rows, "x'");
    for (int i = 0; i < count; i++) {
        answer_add(rows, &digits[bytes[i] >> 4], 1);
        answer_add(rows, &digits[bytes[i] & 15], 1);
    }
    answer_text(rows, "'");
}

static void add_value(struct answer *rows, sqlite3_stmt *compiled, int column)
{
    switch (sqlite3_column_type(compiled, column)) {
    case SQLITE_NULL:
        answer_text(rows, "NULL");
        break;
    case SQLITE_BLOB: {
        const uint8_t *bytes = sqlite3_column_blob(compiled, column);
        add_blob(rows, bytes, sqlite3_column_bytes(compiled, column));
        break;
    }
    default: {
        const unsigned char *text = sqlite3_column_text(compiled, column);
        answer_add(rows, text, (size_t)sqlite3_column_bytes(compiled, column));
    }
    }
}

static void add_row(struct answer *rows, sqlite3_stmt *compiled)
{
    int columns = sqlite3_column_count(compiled);
    for (int i = 0; i < columns; i++) {
        if (i > 0) {
            answer_text(rows, "|");
        }
        add_value(rows, compiled, i);
    }
    answer_text(rows, "\n");
}

static void add_error(struct answer *rows, sqlite3 *db)
{
    answer_text(rows, sqlite3_errmsg(db));
    answer_text(rows, "\n");
}

// Up to so many rows; SQLite's result of the last step.
static int take_rows(sqlite3_stmt *compiled, uint32_t limit, struct answer *rows)
{
    int result = SQLITE_ROW;
    for (uint32_t i = 0; i < limit && result == SQLITE_ROW; i++) {
        result = sqlite3_step(compiled);
        if (result == SQLITE_ROW) {
            add_row(rows, compiled);
        }
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        add_error(rows, sqlite3_db_handle(compiled));
    }
    return result;
}

// ---- Statements ----

enum status database_run(uint64_t owner, uint32_t session, struct sql sql, uint32_t *result, struct answer *rows)
{
    struct session *s = find_session(owner, session);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    const char *at = sql.text, *end = sql.text + sql.bytes;
    int done = SQLITE_DONE;
    while (at < end && done == SQLITE_DONE) {
        sqlite3_stmt *compiled;
        int wrong = sqlite3_prepare_v2(s->db, at, (int)(end - at), &compiled, &at);
        if (wrong) {
            add_error(rows, s->db);
            done = wrong;
        } else if (compiled) { // else there was only white space
            done = take_rows(compiled, UINT32_MAX, rows);
            sqlite3_finalize(compiled);
        }
    }
    *result = done == SQLITE_DONE ? SQLITE_OK : (uint32_t)done;
    return OK;
}

enum status database_compile(uint64_t owner, uint32_t session, struct sql sql, uint32_t *result, uint32_t *statement)
{
    struct session *s = find_session(owner, session);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    uint32_t i = 0;
    while (i < DATABASE_STATEMENTS_MAX && statements[i].session) {
        i++;
    }
    if (i == DATABASE_STATEMENTS_MAX) {
        return ERR_QUOTA;
    }
    struct statement *fresh = &statements[i];
    *result = (uint32_t)sqlite3_prepare_v3(s->db, sql.text, (int)sql.bytes, SQLITE_PREPARE_PERSISTENT,
                                           &fresh->compiled, nullptr);
    if (*result == SQLITE_OK && !fresh->compiled) {
        *result = SQLITE_MISUSE; // no statement in the text
    }
    fresh->session = *result == SQLITE_OK ? s : nullptr;
    *statement = *result == SQLITE_OK ? i + 1 : 0;
    return OK;
}

enum status database_set(uint64_t owner, uint32_t statement, uint32_t parameter, const struct database_value *value,
                         uint32_t *result)
{
    struct statement *s = find_statement(owner, statement);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    int to = (int)parameter, count = (int)value->count, done = SQLITE_MISUSE;
    switch (value->kind) {
    case DATABASE_NULL:
        done = sqlite3_bind_null(s->compiled, to);
        break;
    case DATABASE_INTEGER:
        done = sqlite3_bind_int64(s->compiled, to, value->number);
        break;
    case DATABASE_REAL:
        done = sqlite3_bind_double(s->compiled, to, (double)value->number / 1000);
        break;
    case DATABASE_TEXT:
        done = sqlite3_bind_text(s->compiled, to, value->bytes, count, SQLITE_TRANSIENT);
        break;
    case DATABASE_BLOB:
        done = sqlite3_bind_blob(s->compiled, to, value->bytes, count, SQLITE_TRANSIENT);
        break;
    }
    *result = (uint32_t)done;
    return OK;
}

enum status database_rows(uint64_t owner, uint32_t statement, uint32_t limit, uint32_t *result, struct answer *rows)
{
    struct statement *s = find_statement(owner, statement);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    *result = (uint32_t)take_rows(s->compiled, limit, rows);
    return OK;
}

enum status database_rewind(uint64_t owner, uint32_t statement, uint32_t *result)
{
    struct statement *s = find_statement(owner, statement);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    *result = (uint32_t)sqlite3_reset(s->compiled);
    return OK;
}

enum status database_forget(uint64_t owner, uint32_t statement, uint32_t *result)
{
    struct statement *s = find_statement(owner, statement);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    *result = (uint32_t)sqlite3_finalize(s->compiled);
    *s = (struct statement){0};
    return OK;
}
