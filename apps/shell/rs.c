// SPDX-License-Identifier: MIT
// rs WORD: what the supervisor can do beyond killing and reviving: move, update, dead-letters,
// replay.
#include "apps/lib/files.h"
#include "apps/lib/poll.h"
#include "apps/shell/output.h"
#include "apps/shell/services.h"
#include "apps/shell/shell.h"
#include "interfaces/rs.client.h"
#include "interfaces/trace.h"
#include "lib/rt/rt.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int order(const char *name, enum status (*give)(handle_t rs, uint32_t number))
{
    uint32_t number = find_service(name);
    enum status status = number ? give(shell.rs, number) : OK;
    return number == 0 ? 1 : status == OK ? 0 : complain_status(name, status);
}

static int move(int, char **argv)
{
    return order(argv[0], rs_move);
}

// ---- Live update ----

static struct outcome read_all(struct file *f, uint8_t *to)
{
    struct outcome o = {OK, 0};
    size_t got = 1;
    for (size_t at = 0; at < f->size && got > 0 && !failed(o); at += got) {
        size_t most = f->size - at < FILES_CHUNK ? f->size - at : FILES_CHUNK;
        o = files_read(f, to + at, most, &got);
    }
    return o;
}

// The module file at a path, sent as it is; the supervisor judges it.
static enum status send_file(uint32_t number, const char *word, bool *complained)
{
    char path[PATH_SIZE];
    struct file f;
    *complained = !resolve(path, word);
    struct outcome o = *complained ? outcome_errno(ENOENT) : files_open(&f, path, FS_READ, 0);
    if (*complained || failed(o)) {
        *complained = *complained || complain_about(word, o);
        return ERR_NOT_FOUND;
    }
    uint8_t *bytes = f.size >= 64 && f.size <= RS_MODULE_BYTES_MAX ? malloc(f.size) : nullptr;
    o = bytes ? read_all(&f, bytes) : outcome_errno(f.size < 64 ? EINVAL : ENOMEM);
    (void)files_close(&f);
    enum status status = OK;
    if (failed(o)) {
        *complained = complain_about(word, o);
    } else {
        status = rs_update_file(shell.rs, number, bytes, f.size);
    }
    free(bytes);
    return status;
}

// Until another module runs. What became of it afterwards is in the events.
static int follow(uint32_t number, const struct rs_service *before)
{
    static const uint64_t patience_ns = 15000000000, step_ns = 10000000;
    uint64_t start = rt_now_ns();
    struct rs_service now = *before;
    while (rs_info(shell.rs, number, &now, sizeof(now)) == OK && !interrupted() &&
           strncmp(now.module, before->module, sizeof(now.module)) == 0) {
        if (rt_now_ns() - start > patience_ns) {
            return complain("%.*s still runs %.*s; trace past tells why", FIELD(now.name),
                            FIELD(now.module));
        }
        (void)app_wait(0, "update", rt_now_ns() + step_ns);
    }
    say("%.*s runs %.*s\n", FIELD(now.name), FIELD(now.module));
    return 0;
}

static int update(int, char **argv)
{
    struct rs_service before;
    uint32_t number = find_service(argv[0]);
    bool file = strchr(argv[1], '/') != nullptr, complained = false;
    size_t n = strlen(argv[1]);
    if (number == 0 || (file && !files_are_there())) {
        return 1;
    }
    enum status status = rs_info(shell.rs, number, &before, sizeof(before));
    if (status == OK) {
        status = file ? send_file(number, argv[1], &complained)
                 : n >= 1 && n <= 31 ? rs_update(shell.rs, number, argv[1], n) : ERR_NOT_FOUND;
    }
    if (complained) {
        return 1;
    }
    return status == OK ? follow(number, &before) : complain_status(argv[1], status);
}

// ---- Dead letters ----

static struct rs_letter *fetch_letters(uint32_t *count)
{
    size_t bytes = RS_LETTERS_KEPT * sizeof(struct rs_letter);
    struct rs_letter *all = malloc(bytes);
    *count = 0;
    enum status status = all ? rs_letters(shell.rs, all, bytes, count) : ERR_MEMORY;
    if (status != OK) {
        complain_status("dead letters", status);
        free(all);
        return nullptr;
    }
    *count = *count < RS_LETTERS_KEPT ? *count : RS_LETTERS_KEPT;
    return all;
}

static void show_bytes(const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        say(i % 32 == 0 ? "\n     %02x" : " %02x", bytes[i]);
    }
}

static void show_letter(const struct rs_letter *l)
{
    char label[64];
    trace_label(label, sizeof(label), l->label);
    say("%3llu %8llu ms  %-12.*s %s from badge %#llx, call %u, death record %llu\n   ",
        (unsigned long long)l->sequence, (unsigned long long)l->time_ns / 1000000, FIELD(l->name),
        label, (unsigned long long)l->badge, l->call, (unsigned long long)l->record);
    uint32_t words = l->answered ? 6 : 1;
    for (uint32_t i = 0; i < words; i++) {
        say(" %#llx", (unsigned long long)l->words[i]);
    }
    if (!l->answered) {
        say(" and more; it is not answered yet");
    }
    uint32_t bytes = l->bytes < sizeof(l->data) ? l->bytes : sizeof(l->data);
    if (l->grant != 0) {
        say("; a grant of %llu bytes", (unsigned long long)l->grant & GRANT_LEN_MASK);
    }
    show_bytes(l->data, bytes);
    say("\n");
}

static int dead_letters(int, char **)
{
    uint32_t count;
    struct rs_letter *all = fetch_letters(&count);
    for (uint32_t i = 0; i < count && !interrupted(); i++) {
        show_letter(&all[i]);
    }
    free(all);
    return all ? 0 : 1;
}

// Sends it as it was, in the name of its sender, as far as its grant is known.
static enum status send_again(struct rs_letter *l, enum status *answer)
{
    handle_t port;
    enum status status = rs_replay(shell.rs, l->sequence, &port);
    if (status != OK) {
        return status;
    }
    static uint8_t room[64 << 10];
    uint64_t length = l->grant & GRANT_LEN_MASK, direction = l->grant & ~GRANT_LEN_MASK;
    length = length < sizeof(room) ? length : sizeof(room);
    memcpy(room, l->data, l->bytes < sizeof(l->data) ? l->bytes : sizeof(l->data));
    struct ipc_message m = {.tag = l->label};
    memcpy(m.w, l->words, sizeof(m.w));
    status = ipc_call(port, &m, room, l->grant ? length | direction : 0);
    *answer = (enum status)ipc_label(&m);
    (void)sys_handle_close(port);
    return status;
}

static int replay(int, char **argv)
{
    uint32_t count;
    char *end;
    unsigned long long wanted = strtoull(argv[0], &end, 10);
    struct rs_letter *all = fetch_letters(&count);
    enum status status = ERR_NOT_FOUND, answer = OK;
    for (uint32_t i = 0; i < count && *end == 0; i++) {
        if (all[i].sequence == wanted) {
            status = send_again(&all[i], &answer);
        }
    }
    free(all);
    if (status != OK) {
        return complain_status(argv[0], status);
    }
    say("answered with %s\n", rt_status_name(answer));
    return 0;
}

// ---- The words ----

static const struct {
    const char *word;
    int words; // that must follow
    int (*run)(int argc, char **argv);
} words[] = {
    {"move", 1, move},
    {"update", 2, update},
    {"dead-letters", 0, dead_letters},
    {"replay", 1, replay},
};

int cmd_rs(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(argv[1], words[i].word) == 0 && argc == 2 + words[i].words) {
            return words[i].run(argc - 2, argv + 2);
        }
    }
    return usage();
}
