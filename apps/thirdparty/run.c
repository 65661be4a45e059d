// SPDX-License-Identifier: MIT
#include "apps/thirdparty/run.h"
#include "apps/thirdparty/course.h"
#include "apps/thirdparty/show.h"
#include "apps/workload/report.h"
#include <stdio.h>
#include <string.h>

static struct course courses[] = {
    {.name = "sqlite", .step = sqlite_step},
    {.name = "zlib", .step = zlib_step},
    {.name = "mujs", .step = mujs_step},
};
enum { COURSES = sizeof(courses) / sizeof(courses[0]) };

static const char *shown;

static void tell(struct course *c, const char *what)
{
    char line[REPORT_LINE];
    struct json j;
    progress.errors++;
    report_start(&j, line, "error");
    json_text(&j, "who", c->name);
    json_text(&j, "what", what);
    report_line(&j);
}

static bool is_shown(const struct course *c)
{
    char name[40];
    snprintf(name, sizeof(name), "%s:%u", c->name, (unsigned)c->block);
    return strcmp(shown, name) == 0 || strcmp(shown, c->name) == 0 || strcmp(shown, "all") == 0;
}

void course_note(struct course *c, const struct result *r)
{
    const uint64_t head[] = {r->operation, r->status, r->words[0], r->words[1], r->count};
    c->requests++;
    c->block_requests++;
    c->in_bytes += r->in_bytes;
    c->out_bytes += r->count;
    progress.ops++;
    progress.bytes += r->in_bytes + r->count;
    sha256_add(&c->sha, head, sizeof(head));
    sha256_add(&c->sha, r->bytes, r->count);
    if (is_shown(c)) {
        show_request(c, r);
    }
    // One message for the first; a service that lost its state refuses all that follow.
    if (r->status != OK && c->errors++ == 0) {
        char text[80];
        snprintf(text, sizeof(text), "request %llu, operation %u: status %u", (unsigned long long)c->requests,
                 (unsigned)r->operation, (unsigned)r->status);
        tell(c, text);
    }
}

void course_wrong(struct course *c, const char *what)
{
    if (c->wrong++ == 0) {
        tell(c, what);
    }
}

static void run_block(struct course *c)
{
    char line[REPORT_LINE];
    struct json j;
    uint8_t digest[SHA256_BYTES];
    sha256_start(&c->sha);
    c->block_requests = 0;
    while (c->block_requests < BLOCK_REQUESTS) {
        c->step(c);
        (void)report_step();
    }
    sha256_digest(&c->sha, digest);
    report_start(&j, line, "block");
    json_text(&j, "library", c->name);
    json_number(&j, "block", c->block++);
    json_number(&j, "requests", c->block_requests);
    json_hex(&j, "sha256", digest, sizeof(digest));
    report_line(&j);
}

static void tell_totals(const struct course *c)
{
    char line[REPORT_LINE];
    struct json j;
    report_start(&j, line, "library");
    json_text(&j, "library", c->name);
    json_number(&j, "requests", c->requests);
    json_number(&j, "errors", c->errors + c->wrong);
    json_number(&j, "in_bytes", c->in_bytes);
    json_number(&j, "out_bytes", c->out_bytes);
    report_line(&j);
}

static void tell_done(void)
{
    char line[REPORT_LINE];
    struct json j;
    report_start(&j, line, "done");
    json_number(&j, "ops", progress.ops);
    json_number(&j, "errors", progress.errors);
    report_line(&j);
    report_flush();
}

void run(const struct plan *plan)
{
    shown = plan->show;
    progress.phase = "work";
    if (plan->again) {
        tell(&courses[0], "the program that asks was reborn: what it had asked for is not known any more");
    }
    for (int i = 0; i < COURSES; i++) {
        courses[i].dice.state = plan->seed * COURSES + (uint64_t)i;
    }
    for (uint32_t block = 0; block < plan->blocks; block++) {
        progress.round = block;
        for (int i = 0; i < COURSES; i++) {
            run_block(&courses[i]);
        }
    }
    for (int i = 0; i < COURSES; i++) {
        tell_totals(&courses[i]);
    }
    tell_done();
}
