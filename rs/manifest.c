// SPDX-License-Identifier: MIT
// Checks a compiled manifest. It comes from the boot archive, so a damaged one must end in a
// sentence on the log and not in a supervisor that reads past its end.
#include "rs/manifest.h"
#include "kernel/abi/startup.h"
#include <string.h>

enum : uint64_t { CHECKPOINT_MAX = 1ull << 30 };

static_assert(MANIFEST_HANDLES_MAX == STARTUP_HANDLES);
static_assert((int)H_FIRST_NAMED + (int)MANIFEST_HANDLES_MAX <= (int)HANDLE_DYNAMIC);

// Index 0 of the strings is the empty one, and the last byte is a zero: every offset inside is the
// start of a string that ends inside.
static bool string_fits(const struct manifest *m, uint32_t offset, size_t max)
{
    return offset < m->header->string_bytes && strlen(m->strings + offset) <= max;
}

static bool name_fits(const struct manifest *m, uint32_t offset, size_t max)
{
    return string_fits(m, offset, max) && m->strings[offset] != 0;
}

static bool rules_make_sense(const struct manifest_rules *r)
{
    return r->missed > 0 && r->request_ms > 0 && r->birth_ms > 0 &&
           r->growth_percent >= 100 && r->delay_ms <= r->delay_max_ms && r->heal_ms > 0;
}

static const char *check_handle(const struct manifest *m, const struct manifest_handle *h)
{
    if (!name_fits(m, h->name, MANIFEST_HANDLE_NAME_MAX)) {
        return "a handle has no usable name";
    }
    if (h->kind == 0 || h->kind >= HANDLE_KINDS) {
        return "a handle is of an unknown kind";
    }
    if (h->kind == HANDLE_PORT && (h->a >= m->header->services || h->badge == 0)) {
        return "a port handle names no service or has no badge";
    }
    if (h->kind == HANDLE_SUPERVISOR && h->a >= PARTS) {
        return "a handle names no part of the supervisor";
    }
    return h->rights & ~(uint32_t)RIGHTS_ALL ? "a handle has unknown rights" : nullptr;
}

static const char *check_handles(const struct manifest *m, const struct manifest_service *s)
{
    uint32_t all = m->header->handles;
    if (s->handles > MANIFEST_HANDLES_MAX || s->first_handle > all ||
        s->handles > all - s->first_handle) {
        return "a service's handles lie outside the list";
    }
    for (uint32_t i = 0; i < s->handles; i++) {
        const char *wrong = check_handle(m, &m->handles[s->first_handle + i]);
        if (wrong != nullptr) {
            return wrong;
        }
    }
    return nullptr;
}

static const char *check_service(const struct manifest *m, uint32_t index)
{
    const struct manifest_service *s = &m->services[index];
    if (!name_fits(m, s->name, MANIFEST_NAME_MAX) || !name_fits(m, s->module, MANIFEST_NAME_MAX) ||
        !string_fits(m, s->args, MANIFEST_ARGS_MAX)) {
        return "a service has no usable name, module or args";
    }
    if (s->priority >= PRIORITIES || s->quota == 0 || s->stack == 0 || s->stack > s->quota) {
        return "a service has an impossible priority, quota or stack";
    }
    if (!rules_make_sense(&s->rules)) {
        return "a service has impossible restart rules";
    }
    if (s->flags &
        ~(uint32_t)(MANIFEST_SPARE | MANIFEST_REBOOT | MANIFEST_CHECK | MANIFEST_LATE)) {
        return "a service has unknown flags";
    }
    if (s->checkpoint > CHECKPOINT_MAX || s->checkpoint % PAGE_SIZE || s->undo % PAGE_SIZE) {
        return "a service has impossible sizes of checkpoint or undo log";
    }
    if (s->needs >> m->header->services) {
        return "a service needs one that is not there";
    }
    return check_handles(m, s);
}

// Takes away again and again whoever needs nobody that is left; what remains is a circle.
static bool has_circle(const struct manifest *m)
{
    uint64_t left = (1ull << m->header->services) - 1;
    for (uint64_t before = 0; before != left;) {
        before = left;
        for (uint32_t i = 0; i < m->header->services; i++) {
            if (!(m->services[i].needs & left)) {
                left &= ~(1ull << i);
            }
        }
    }
    return left != 0;
}

static bool sizes_fit(const struct manifest_header *h, size_t bytes)
{
    if (h->bytes != bytes || h->services == 0 || h->services > MANIFEST_SERVICES_MAX ||
        h->handles > MANIFEST_SERVICES_MAX * MANIFEST_HANDLES_MAX || h->string_bytes == 0) {
        return false;
    }
    size_t sum = sizeof(*h) + h->services * sizeof(struct manifest_service) +
                 h->handles * sizeof(struct manifest_handle);
    return sum <= bytes && bytes - sum == h->string_bytes;
}

const char *manifest_open(struct manifest *out, const void *data, size_t bytes)
{
    const struct manifest_header *h = data;
    if (bytes < sizeof(*h) || bytes > MANIFEST_BYTES_MAX || h->magic != MANIFEST_MAGIC) {
        return "this is no manifest";
    }
    if (!sizes_fit(h, bytes)) {
        return "its sizes do not add up";
    }
    const struct manifest_service *services = (const void *)(h + 1);
    const struct manifest_handle *handles = (const void *)(services + h->services);
    *out = (struct manifest){h, services, handles, (const char *)(handles + h->handles)};
    if (out->strings[h->string_bytes - 1] != 0 || out->strings[0] != 0 ||
        !string_fits(out, h->image_name, MANIFEST_NAME_MAX)) {
        return "its strings have no end";
    }
    for (uint32_t i = 0; i < h->services; i++) {
        const char *wrong = check_service(out, i);
        if (wrong != nullptr) {
            return wrong;
        }
        if (manifest_find(out, manifest_string(out, out->services[i].name)) != (int)i) {
            return "two services have the same name";
        }
    }
    return has_circle(out) ? "services need each other in a circle" : nullptr;
}

int manifest_find(const struct manifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->header->services; i++) {
        if (strcmp(manifest_string(m, m->services[i].name), name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
