// SPDX-License-Identifier: MIT
// Death records as text.
#include "interfaces/trace.h"
#include "rs/record.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void copy_text(char *to, size_t to_bytes, const char *from, size_t from_bytes)
{
    size_t length = strnlen(from, from_bytes);
    length = length < to_bytes ? length : to_bytes - 1;
    for (size_t i = 0; i < length; i++) {
        to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
    }
    to[length] = '\0';
}

struct text {
    char *to;
    size_t size, used;
};

[[gnu::format(printf, 2, 3)]] static void put(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = t->used < t->size ? t->size - t->used : 0;
    int length = vsnprintf(room ? t->to + t->used : nullptr, room, format, args);
    va_end(args);
    t->used += length > 0 ? (size_t)length : 0;
}

const char *cause_text(uint32_t cause)
{
    static const char *const names[] = {"none", "exception", "assert", "hang", "exit", "quota",
                                        "birth time-out", "birth failed", "killed", "replaced",
                                        "move failed"};
    return cause < sizeof(names) / sizeof(names[0]) ? names[cause] : "unknown";
}

const char *state_text(uint32_t state)
{
    static const char *const names[] = {"waiting", "born", "ready", "delayed", "given up", "held"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static const char *exception_name(uint32_t vector)
{
    static const char *const names[] = {
        "divide error", "debug trap", "NMI", "breakpoint", "overflow", "bound", "invalid opcode",
        "no FPU", "double fault", "?", "invalid TSS", "segment not present", "stack fault",
        "general protection", "page fault", "?", "x87 error", "alignment check", "machine check",
        "SIMD error"};
    return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "exception";
}

// Page-fault error code: 1 the page was there, 2 a write, 16 an instruction fetch.
void exception_text(char *to, size_t size, uint32_t vector, uint32_t error, uint64_t address)
{
    if (vector != 14) {
        snprintf(to, size, "%s (vector %u, error %#x)", exception_name(vector), vector, error);
        return;
    }
    const char *what = error & 16 ? "jump to" : error & 2 ? "write to" : "read from";
    snprintf(to, size, "page fault: %s %#llx, %s", what, (unsigned long long)address,
             error & 1 ? "not allowed there" : "where nothing is");
}

static unsigned long long ms(uint64_t ns)
{
    return ns / 1000000;
}

static void put_time(struct text *t, const char *what, uint64_t at, uint64_t from)
{
    if (at == 0) {
        return;
    }
    put(t, "  %-12s %llu.%09llu s", what, (unsigned long long)(at / 1000000000),
        (unsigned long long)(at % 1000000000));
    if (from != 0 && at >= from) {
        put(t, "  (+%llu us)", (unsigned long long)((at - from) / 1000));
    }
    put(t, "\n");
}

static void put_registers(struct text *t, const struct rs_death *d)
{
    static const char names[19][7] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
                                      "rsp", "r8",  "r9",  "r10", "r11", "r12", "r13",
                                      "r14", "r15", "rip", "rflags", "fs"};
    for (int i = 0; i < 19; i++) {
        put(t, "%s%6s %016llx", i % 4 == 0 ? "\n  " : " ", names[i],
            (unsigned long long)d->registers[i]);
    }
    put(t, "\n");
}

static void put_frames(struct text *t, const struct rs_death *d)
{
    uint32_t count = d->frame_count < RS_FRAMES ? d->frame_count : RS_FRAMES;
    for (uint32_t i = 0; i < count; i++) {
        const struct rs_frame *f = &d->frames[i];
        put(t, "  #%-2u %016llx", i, (unsigned long long)f->address);
        if (f->function[0]) {
            put(t, " %.*s+%#x", (int)sizeof(f->function), f->function, f->offset);
        }
        put(t, "\n");
    }
}

static void put_messages(struct text *t, const struct rs_death *d)
{
    uint32_t count = d->message_count < RS_MESSAGES ? d->message_count : RS_MESSAGES;
    for (uint32_t i = 0; i < count; i++) {
        const struct rs_message *m = &d->messages[i];
        char label[48];
        trace_label(label, sizeof(label), m->label);
        put(t, "  %llu.%06llu s  %s  from %#llx  word0 %#llx",
            (unsigned long long)(m->time_ns / 1000000000),
            (unsigned long long)(m->time_ns / 1000 % 1000000), label, (unsigned long long)m->badge,
            (unsigned long long)m->word0);
        put(t, m->delivery ? "  delivery %u\n" : "\n", m->delivery + 1);
    }
}

static void put_request(struct text *t, const struct rs_death *d)
{
    if (d->request_since == 0) {
        put(t, "request in flight: none\n");
        return;
    }
    char label[48];
    trace_label(label, sizeof(label), d->request_label);
    put(t, "request in flight: %s from %#llx, delivery %u", label,
        (unsigned long long)d->request_badge, d->request_delivery + 1);
    if (d->detected_ns > d->request_since) {
        put(t, ", for %llu us", (unsigned long long)((d->detected_ns - d->request_since) / 1000));
    }
    put(t, "\n");
}

const char *rung_text(uint32_t rung)
{
    static const char *const names[] = {"", ", with its state", ", in a changed environment",
                                        ", without the request that kills it",
                                        ", from its last checkpoint", ", afresh",
                                        ", with those around it", ""};
    return rung < sizeof(names) / sizeof(names[0]) ? names[rung] : "";
}

static void put_decision(struct text *t, const struct rs_death *d)
{
    put(t, "decision: ");
    if (d->decision == 1) {
        put(t, "rebirth at once%s", rung_text(d->rung));
    } else if (d->decision == 2) {
        put(t, "rebirth after %llu ms%s", ms(d->delay_ns), rung_text(d->rung));
    } else {
        put(t, d->decision == 4 ? "restart of the machine" : "given up");
    }
    put(t, "; fruitless lives: %u\n", d->fruitless);
}

size_t record_format(const struct rs_death *d, char *to, size_t size)
{
    struct text t = {to, size, 0};
    put(&t, "%.32s[%u] (module %.32s) died: %s%s\n", d->name, d->incarnation, d->module,
        cause_text(d->cause), d->asked ? ", by command" : "");
    put(&t, "what: %.160s\n", d->text);
    if (d->assertion[0]) {
        put(&t, "said: %.64s:%u: %.200s\n", d->file, d->line, d->assertion);
    }
    put(&t, "life: %llu ms, %llu requests, %llu beats%s%.24s\n",
        ms(d->detected_ns > d->born_ns ? d->detected_ns - d->born_ns : 0),
        (unsigned long long)d->work, (unsigned long long)d->beats,
        d->waiting_on[0] ? ", waiting on " : "", d->waiting_on);
    put_request(&t, d);
    put_decision(&t, d);
    put(&t, "times:\n");
    put_time(&t, "death", d->death_ns, 0);
    put_time(&t, "detected", d->detected_ns, d->death_ns);
    put_time(&t, "newborn", d->newborn_ns, d->detected_ns);
    put_time(&t, "state moved", d->moved_ns, d->detected_ns);
    put_time(&t, "again", d->redelivered_ns, d->detected_ns);
    put_time(&t, "ready", d->ready_ns, d->detected_ns);
    put_time(&t, "first work", d->first_work_ns, d->detected_ns);
    put(&t, "layout seed: ");
    for (size_t i = 0; i < sizeof(d->seed); i++) {
        put(&t, "%02x", d->seed[i]);
    }
    put(&t, "\nstack:\n");
    put_frames(&t, d);
    put(&t, "registers:");
    put_registers(&t, d);
    put(&t, "last messages, oldest first:\n");
    put_messages(&t, d);
    return t.used;
}
