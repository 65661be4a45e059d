// SPDX-License-Identifier: MIT
// The course for SQLite: two databases with tables, indices, triggers and views; transactions that stay open over many
// requests; prepared statements that stop in the middle of their rows.
#include "apps/thirdparty/course.h"
#include "apps/thirdparty/libraries.h"
#include "apps/thirdparty/text.h"
#include <string.h>

enum { DATABASES = 2, PREPARED = 6, ROWS_MAX = DATABASE_DATA_MAX - DATABASE_INPUT_MAX };
enum { OPEN = 1, EXECUTE, PREPARE, BIND, STEP, RESET, FINISH, CLOSE };
enum { LIFE = 1500 }; // steps of a database, on average

static uint32_t sessions[DATABASES];
static struct prepared {
    uint32_t number; // 0: none
    uint32_t parameters;
} prepared[DATABASES][PREPARED];

static char sql_text[DATABASE_INPUT_MAX], rows_text[ROWS_MAX];

// ---- Requests ----

static void execute(struct course *c, uint32_t session, const struct text *t)
{
    uint32_t code = 0;
    struct answer rows = {.to = rows_text, .room = sizeof(rows_text)};
    struct result r = {.operation = EXECUTE, .in_bytes = t->used, .bytes = rows_text};
    r.status = ask_database_execute(session, (struct sql){t->to, t->used}, &code, &rows);
    r.words[0] = code;
    r.words[1] = rows.bytes;
    r.count = answer_kept(&rows);
    course_note(c, &r);
}

static void bind(struct course *c, uint32_t statement, uint32_t parameter, const struct database_value *value)
{
    uint32_t code = 0;
    struct result r = {.operation = BIND, .in_bytes = value->count};
    r.status = ask_database_bind(statement, parameter, value, &code);
    r.words[0] = code;
    course_note(c, &r);
}

// ---- The tables ----

static const char *const schema[] = {
    "PRAGMA foreign_keys = ON; PRAGMA cache_size = 50;",
    "CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, "
    "balance INTEGER NOT NULL DEFAULT 0 CHECK(balance > -50000), note TEXT COLLATE NOCASE)",
    "CREATE TABLE entry(id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL REFERENCES account(id) "
    "ON DELETE CASCADE, amount INTEGER, rate REAL, data BLOB, made TEXT)",
    "CREATE TABLE tag(word TEXT PRIMARY KEY, uses INTEGER NOT NULL, last) WITHOUT ROWID",
    "CREATE INDEX entry_account ON entry(account, amount DESC); CREATE INDEX account_kind ON account(kind, balance)",
    "CREATE INDEX entry_large ON entry(made) WHERE amount > 500; CREATE INDEX account_short ON account(substr(name, 1, 2))",
    "CREATE TRIGGER entry_in AFTER INSERT ON entry BEGIN UPDATE account SET balance = balance + NEW.amount "
    "WHERE id = NEW.account; INSERT INTO tag VALUES('in' || NEW.account % 7, 1, NEW.id) ON CONFLICT(word) DO UPDATE "
    "SET uses = uses + 1, last = excluded.last; END",
    "CREATE TRIGGER entry_out AFTER DELETE ON entry BEGIN UPDATE account SET balance = balance - OLD.amount "
    "WHERE id = OLD.account; END",
    "CREATE VIEW summary AS SELECT kind, count(*) AS n, sum(balance) AS total, max(name) AS last FROM account GROUP BY kind",
};

static void make_tables(struct course *c, uint32_t which)
{
    struct result r = {.operation = OPEN};
    r.status = ask_database_open(&sessions[which]);
    r.words[0] = sessions[which];
    course_note(c, &r);
    for (size_t i = 0; i < sizeof(schema) / sizeof(schema[0]); i++) {
        struct text t = {.to = sql_text, .size = sizeof(sql_text)};
        text_add(&t, "%s", schema[i]);
        execute(c, sessions[which], &t);
    }
}

// ---- Statements ----

static void add_name(struct text *t, struct dice *d)
{
    static const char *const parts[] = {"ka", "lo", "mi", "ru", "se", "tan", "vo", "\xc3\xa4x", "yu", "zer"};
    uint32_t n = dice_between(d, 2, 4);
    for (uint32_t i = 0; i < n; i++) {
        text_add(t, "%s", parts[dice_below(d, 10)]);
    }
}

static void insert_accounts(struct text *t, struct dice *d)
{
    uint32_t n = dice_between(d, 1, 8);
    text_add(t, "INSERT %sINTO account(name, kind, note) VALUES", dice_below(d, 3) ? "OR IGNORE " : "");
    for (uint32_t i = 0; i < n; i++) {
        text_add(t, "%s('", i ? ", " : "");
        add_name(t, d);
        text_add(t, "', %u, ", (unsigned)dice_below(d, 6));
        if (dice_below(d, 4)) {
            text_add(t, "'Note of ");
            add_name(t, d);
            text_add(t, "')");
        } else {
            text_add(t, "NULL)");
        }
    }
    text_add(t, " RETURNING id, name");
}

static void insert_entries(struct text *t, struct dice *d)
{
    uint32_t n = dice_between(d, 1, 12);
    text_add(t, "INSERT INTO entry(account, amount, rate, data, made) VALUES");
    for (uint32_t i = 0; i < n; i++) {
        text_add(t, "%s(%u, %d, %u.%u, x'%08x%04x', date(%u, 'unixepoch'))", i ? ", " : "",
                 (unsigned)dice_between(d, 1, 60), (int)dice_between(d, 0, 1200) - 200, (unsigned)dice_below(d, 100),
                 (unsigned)dice_below(d, 1000), (unsigned)dice_word(d), (unsigned)dice_below(d, 65536),
                 (unsigned)dice_below(d, 2000000000));
    }
}

// What keeps the tables from growing for ever is the first of these.
static void change(struct text *t, struct dice *d)
{
    unsigned a = dice_below(d, 60), b = dice_below(d, 1000);
    switch (dice_below(d, 8)) {
    case 0:
        text_add(t, "DELETE FROM entry WHERE id <= (SELECT max(id) FROM entry) - 400; SELECT changes(), count(*) FROM entry");
        break;
    case 1:
        text_add(t, "DELETE FROM account WHERE id = %u RETURNING *", a);
        break;
    case 2:
        text_add(t, "UPDATE account SET kind = (kind + 1) %% 6, note = upper(note) WHERE id BETWEEN %u AND %u", a, a + 9);
        break;
    case 3:
        text_add(t, "UPDATE entry SET rate = round(rate * 1.05, 3), data = data || x'00' WHERE amount > %u AND id %% 5 = %u", b,
                 a % 5);
        break;
    case 4:
        text_add(t, "INSERT INTO tag SELECT substr(name, 1, 3), count(*), max(id) FROM account GROUP BY 1 HAVING count(*) > 1 "
                    "ON CONFLICT DO UPDATE SET uses = uses + excluded.uses");
        break;
    case 5:
        text_add(t, "UPDATE account AS a SET note = (SELECT group_concat(amount, '+') FROM (SELECT amount FROM entry WHERE "
                    "account = a.id ORDER BY id DESC LIMIT 5)) WHERE kind = %u", a % 6);
        break;
    case 6:
        text_add(t, "REPLACE INTO tag VALUES('w%u', %u, random() %% 1000); SELECT * FROM tag ORDER BY word LIMIT 3", a, b);
        break;
    default:
        text_add(t, "DELETE FROM entry WHERE account IN (SELECT id FROM account ORDER BY balance DESC, id LIMIT 2) "
                    "AND amount < %u", b);
    }
}

static void ask(struct text *t, struct dice *d)
{
    unsigned a = dice_below(d, 60), b = dice_below(d, 1000);
    switch (dice_below(d, 14)) {
    case 0:
        text_add(t, "SELECT * FROM summary ORDER BY kind");
        break;
    case 1:
        text_add(t, "SELECT a.name, count(e.id), total(e.amount), avg(e.rate) FROM account a LEFT JOIN entry e ON e.account = a.id "
                    "GROUP BY a.id ORDER BY 3 DESC, a.name LIMIT %u", a % 15 + 1);
        break;
    case 2:
        text_add(t, "SELECT id, amount, sum(amount) OVER (PARTITION BY account ORDER BY id ROWS 3 PRECEDING), rank() OVER "
                    "(ORDER BY amount DESC, id) FROM entry WHERE account < %u ORDER BY id LIMIT 20", a);
        break;
    case 3:
        text_add(t, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %u) SELECT count(*), sum(i), max(i) "
                    "FROM n WHERE NOT EXISTS (SELECT 1 FROM n m WHERE m.i * m.i <= n.i AND n.i %% m.i = 0)", a + 10);
        break;
    case 4:
        text_add(t, "SELECT name, hex(name), length(note), instr(note, 'ta'), replace(name, 'a', '-'), printf('%%08.3f|%%x', "
                    "balance / 7.0, id) FROM account WHERE name LIKE '%%%c%%' OR note GLOB '*[xyz]*' ORDER BY name DESC LIMIT 12",
                 "aeiou"[a % 5]);
        break;
    case 5:
        text_add(t, "SELECT json_group_array(json_object('id', id, 'amount', amount, 'rate', rate)) FROM (SELECT * FROM entry "
                    "WHERE amount > %u ORDER BY id LIMIT 8)", b);
        break;
    case 6:
        text_add(t, "SELECT json_extract(value, '$.a[1]'), key FROM json_each('[{\"a\":[%u,%u]},{\"a\":[1.5,\"x\"]}]')", a, b);
        break;
    case 7:
        text_add(t, "SELECT strftime('%%Y-%%m', made) AS m, count(*), min(amount), max(rate) FROM entry WHERE made > '%u-01-01' "
                    "GROUP BY m ORDER BY m LIMIT 25", 1970 + a);
        break;
    case 8:
        text_add(t, "SELECT %u.5 / 3, %u / 7, -%u %% 13, 1e%u * 3, %u << 3 | 5, abs(-%u.25), round(%u / 3.0, 2), typeof(%u * 1.0), "
                    "CAST('%u.75' AS INTEGER), 9223372036854775807 + %u", a, b, b, a % 30, a, b, b, a, b, a % 2);
        break;
    case 9:
        text_add(t, "SELECT name FROM account INTERSECT SELECT name FROM account WHERE kind < 3 EXCEPT SELECT name FROM account "
                    "WHERE balance > %u ORDER BY 1 LIMIT 20", b);
        break;
    case 10:
        text_add(t, "SELECT word, uses, last FROM tag WHERE word BETWEEN '%c' AND '%c' ORDER BY uses DESC, word LIMIT 15",
                 'a' + (int)(a % 10), 'k' + (int)(b % 15));
        break;
    case 11:
        text_add(t, "EXPLAIN QUERY PLAN SELECT * FROM entry e JOIN account a ON a.id = e.account WHERE a.kind = %u AND e.amount > %u "
                    "ORDER BY a.balance", a % 6, b);
        break;
    case 12:
        text_add(t, "SELECT quote(data), quote(rate), length(data) FROM entry WHERE data > x'%02x' ORDER BY data, id LIMIT 9",
                 (unsigned)(a * 4));
        break;
    default:
        text_add(t, "SELECT * FROM entry ORDER BY id DESC LIMIT %u OFFSET %u", a % 40 + 1, b % 50);
    }
}

// Transactions stay open over requests; what does not fit the state is refused, in the same words everywhere.
static void transact(struct text *t, struct dice *d)
{
    static const char *const words[] = {"BEGIN",        "BEGIN IMMEDIATE", "COMMIT",           "COMMIT",  "ROLLBACK",
                                        "SAVEPOINT one", "SAVEPOINT two",   "ROLLBACK TO one", "RELEASE one"};
    text_add(t, "%s", words[dice_below(d, sizeof(words) / sizeof(words[0]))]);
}

static void maintain(struct text *t, struct dice *d)
{
    static const char *const words[] = {
        "PRAGMA integrity_check",
        "PRAGMA foreign_key_check",
        "ANALYZE; SELECT * FROM sqlite_stat1 ORDER BY tbl, idx",
        "REINDEX",
        "VACUUM",
        "CREATE INDEX IF NOT EXISTS extra ON entry(rate, id)",
        "DROP INDEX IF EXISTS extra",
        "CREATE TEMP TABLE IF NOT EXISTS scratch AS SELECT id, name FROM account; SELECT count(*) FROM scratch",
        "DROP TABLE IF EXISTS scratch",
        "SELECT count(*), sum(length(sql)) FROM sqlite_schema; PRAGMA page_count; PRAGMA freelist_count",
        "SELECT no_such_column FROM account",
        "INSERT INTO account(name, kind) VALUES(NULL, 1)",
        "INSERT INTO entry(account, amount) VALUES(1, -1000000)",
        "SELEKT 1",
    };
    text_add(t, "%s", words[dice_below(d, sizeof(words) / sizeof(words[0]))]);
}

// ---- Prepared statements ----

static const struct {
    const char *text;
    uint32_t parameters;
} forms[] = {
    {"SELECT id, account, amount, rate FROM entry WHERE amount > ?1 ORDER BY amount, id", 1},
    {"SELECT id, name, balance FROM account WHERE kind = ?1 OR balance > ?2 ORDER BY name", 2},
    {"INSERT INTO entry(account, amount, rate, data, made) VALUES(?1, ?2, ?3, ?4, ?5)", 5},
    {"UPDATE account SET note = ?2 WHERE id = ?1 RETURNING id, note", 2},
    {"WITH RECURSIVE n(i, a, b) AS (SELECT 1, 0, 1 UNION ALL SELECT i + 1, b, a + b FROM n WHERE i < ?1 % 80) SELECT * FROM n", 1},
    {"SELECT word, uses + ?1 FROM tag ORDER BY word", 1},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

static void prepare(struct course *c, uint32_t session, struct prepared *p)
{
    uint32_t form = dice_below(&c->dice, FORMS), code = 0;
    struct text t = {.to = sql_text, .size = sizeof(sql_text)};
    text_add(&t, "%s", forms[form].text);
    struct result r = {.operation = PREPARE, .in_bytes = t.used};
    p->number = 0;
    p->parameters = forms[form].parameters;
    r.status = ask_database_prepare(session, (struct sql){t.to, t.used}, &code, &p->number);
    r.words[0] = code;
    r.words[1] = p->number;
    course_note(c, &r);
}

static void bind_all(struct course *c, const struct prepared *p)
{
    struct dice *d = &c->dice;
    for (uint32_t i = 1; i <= p->parameters; i++) {
        char name[60];
        struct text t = {.to = name, .size = sizeof(name)};
        struct database_value value = {.kind = (enum database_kind)dice_below(d, 5), .bytes = name};
        value.kind = i == 1 && value.kind != DATABASE_REAL ? DATABASE_INTEGER : value.kind;
        value.number = dice_between(d, 1, value.kind == DATABASE_REAL ? 900000 : 90);
        if (value.kind == DATABASE_TEXT || value.kind == DATABASE_BLOB) {
            add_name(&t, d);
            value.count = t.used;
        }
        bind(c, p->number, i, &value);
    }
}

static void step(struct course *c, const struct prepared *p)
{
    uint32_t code = 0;
    struct answer rows = {.to = rows_text, .room = sizeof(rows_text)};
    struct result r = {.operation = STEP, .bytes = rows_text};
    r.status = ask_database_step(p->number, dice_between(&c->dice, 1, 12), &code, &rows);
    r.words[0] = code;
    r.words[1] = rows.bytes;
    r.count = answer_kept(&rows);
    course_note(c, &r);
}

static void reset(struct course *c, const struct prepared *p)
{
    uint32_t code = 0;
    struct result r = {.operation = RESET, .status = ask_database_reset(p->number, &code)};
    r.words[0] = code;
    course_note(c, &r);
}

static void finish(struct course *c, struct prepared *p)
{
    uint32_t code = 0;
    struct result r = {.operation = FINISH, .status = ask_database_finish(p->number, &code)};
    r.words[0] = code;
    course_note(c, &r);
    p->number = 0;
}

static void use_prepared(struct course *c, uint32_t which)
{
    struct prepared *p = &prepared[which][dice_below(&c->dice, PREPARED)];
    uint32_t what = dice_below(&c->dice, 12);
    if (p->number == 0) {
        prepare(c, sessions[which], p);
    } else if (what == 0) {
        finish(c, p);
    } else if (what < 3) {
        reset(c, p);
        bind_all(c, p);
    } else {
        step(c, p);
    }
}

// With a transaction open and statements in the middle, if it so happens.
static void end(struct course *c, uint32_t which)
{
    struct result r = {.operation = CLOSE, .status = ask_database_close(sessions[which])};
    course_note(c, &r);
    sessions[which] = 0;
    memset(prepared[which], 0, sizeof(prepared[which]));
}

void sqlite_step(struct course *c)
{
    uint32_t which = dice_below(&c->dice, DATABASES), what = dice_below(&c->dice, 20);
    if (sessions[which] == 0) {
        make_tables(c, which);
        return;
    }
    if (dice_below(&c->dice, LIFE) == 0) {
        end(c, which);
        return;
    }
    if (what < 6) {
        use_prepared(c, which);
        return;
    }
    struct text t = {.to = sql_text, .size = sizeof(sql_text)};
    void (*const kinds[])(struct text *, struct dice *) = {insert_accounts, insert_entries, insert_entries, change, change,
                                                           ask, ask, ask, ask, ask, transact, transact, maintain, insert_entries};
    kinds[what - 6](&t, &c->dice);
    execute(c, sessions[which], &t);
}
