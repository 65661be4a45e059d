// SPDX-License-Identifier: MIT
// The same run on the host: the same sources of the libraries, called at once, in one process that nobody kills. Event
// lines go to standard output; they are what the system has to tell, too.
//   thirdparty-reference SEED BLOCKS [NAME:BLOCK]
#include "apps/thirdparty/libraries.h"
#include "apps/thirdparty/run.h"
#include "apps/thirdparty/show.h"
#include "apps/workload/report.h"
#include <stdio.h>
#include <stdlib.h>

enum { ME = 1 }; // the badge of the only client

void show_line(const char *line)
{
    fprintf(stderr, "%s\n", line);
}

// ---- apps/thirdparty/libraries.h ----

enum status ask_database_open(uint32_t *session)
{
    return database_start(ME, session);
}

enum status ask_database_close(uint32_t session)
{
    return database_end(ME, session);
}

enum status ask_database_execute(uint32_t session, struct sql sql, uint32_t *result, struct answer *rows)
{
    return database_run(ME, session, sql, result, rows);
}

enum status ask_database_prepare(uint32_t session, struct sql sql, uint32_t *result, uint32_t *statement)
{
    return database_compile(ME, session, sql, result, statement);
}

enum status ask_database_bind(uint32_t statement, uint32_t parameter, const struct database_value *value,
                              uint32_t *result)
{
    return database_set(ME, statement, parameter, value, result);
}

enum status ask_database_step(uint32_t statement, uint32_t limit, uint32_t *result, struct answer *rows)
{
    return database_rows(ME, statement, limit, result, rows);
}

enum status ask_database_reset(uint32_t statement, uint32_t *result)
{
    return database_rewind(ME, statement, result);
}

enum status ask_database_finish(uint32_t statement, uint32_t *result)
{
    return database_forget(ME, statement, result);
}

enum status ask_compressor_open(const struct compressor_settings *how, uint32_t *stream)
{
    return compressor_start(ME, how, stream);
}

enum status ask_compressor_copy(uint32_t stream, uint32_t *copy)
{
    return compressor_duplicate(ME, stream, copy);
}

enum status ask_compressor_feed(uint32_t stream, struct compressor_piece *piece)
{
    return compressor_pass(ME, stream, piece);
}

enum status ask_compressor_totals(uint32_t stream, struct compressor_sums *sums)
{
    return compressor_sums(ME, stream, sums);
}

enum status ask_compressor_close(uint32_t stream)
{
    return compressor_end(ME, stream);
}

enum status ask_interpreter_open(uint32_t *session)
{
    return interpreter_start(ME, session);
}

enum status ask_interpreter_evaluate(uint32_t session, const char *program, bool *thrown, struct answer *answer)
{
    return interpreter_run(ME, session, program, thrown, answer);
}

enum status ask_interpreter_close(uint32_t session)
{
    return interpreter_end(ME, session);
}

// ---- apps/workload/report.h ----

struct progress progress;

void report_start(struct json *j, char *buffer, const char *kind)
{
    json_start(j, buffer, REPORT_LINE);
    json_text(j, "ev", kind);
}

void report_line(struct json *j)
{
    fwrite(j->to, 1, json_end(j), stdout);
}

enum conductor_order report_step(void)
{
    return CONDUCTOR_RUN;
}

void report_flush(void)
{
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: thirdparty-reference SEED BLOCKS [NAME:BLOCK]\n");
        return 2;
    }
    run(&(struct plan){.seed = strtoull(argv[1], nullptr, 10),
                       .blocks = (uint32_t)strtoul(argv[2], nullptr, 10),
                       .show = argc == 4 ? argv[3] : ""});
    return progress.errors > 0;
}
