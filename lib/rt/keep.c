// SPDX-License-Identifier: MIT
// Kept handles: what one incarnation leaves for the next, in the status page.
//
// The page may have been damaged by whatever killed the predecessor, so nothing in it is believed:
// a kept handle that names no object is dropped. An entry counts once its key is set, which is the
// last store when it is made and the first when it is removed.
#include "lib/rt/internal.h"

static struct kept_handle *find(uint32_t key)
{
    for (int i = 0; i < STATUS_KEPT; i++) {
        if (rt_status->kept[i].key == key) {
            return &rt_status->kept[i];
        }
    }
    return nullptr;
}

static void set_key(struct kept_handle *entry, uint32_t key)
{
    __asm__ volatile("" ::: "memory"); // death between two stores is what this order is for
    *(volatile uint32_t *)&entry->key = key;
    __asm__ volatile("" ::: "memory");
}

enum status rt_keep(uint32_t key, handle_t handle, uint64_t aux0, uint64_t aux1)
{
    if (key == 0) {
        return ERR_ARG;
    }
    struct kept_handle *entry = find(key);
    if (!entry) {
        entry = find(0);
    }
    if (!entry) {
        return ERR_QUOTA;
    }
    set_key(entry, 0);
    entry->handle = handle;
    entry->aux[0] = aux0;
    entry->aux[1] = aux1;
    set_key(entry, key);
    return OK;
}

enum status rt_kept(uint32_t key, handle_t *handle, uint64_t *aux0, uint64_t *aux1)
{
    const struct kept_handle *entry = key != 0 ? find(key) : nullptr;
    if (!entry) {
        return ERR_NOT_FOUND;
    }
    if (handle) {
        *handle = entry->handle;
    }
    if (aux0) {
        *aux0 = entry->aux[0];
    }
    if (aux1) {
        *aux1 = entry->aux[1];
    }
    return OK;
}

void rt_forget(uint32_t key)
{
    struct kept_handle *entry = key != 0 ? find(key) : nullptr;
    if (entry) {
        set_key(entry, 0);
    }
}

static bool is_kept(handle_t handle)
{
    for (int i = 0; i < STATUS_KEPT; i++) {
        if (rt_status->kept[i].key != 0 && rt_status->kept[i].handle == handle) {
            return true;
        }
    }
    return false;
}

static bool is_given(handle_t handle)
{
    for (uint32_t i = 0; i < rt_startup->handle_count && i < STARTUP_HANDLES; i++) {
        if (rt_startup->handles[i].handle == handle) {
            return true;
        }
    }
    return handle == rt_port;
}

void keep_init(void)
{
    for (int i = 0; i < STATUS_KEPT; i++) {
        struct kept_handle *entry = &rt_status->kept[i];
        struct handle_info info;
        if (entry->key != 0 && entry->handle != HANDLE_NONE &&
            sys_handle_info(entry->handle, &info) != OK) {
            log_warn("kept handle %#x (key %u) names nothing", entry->handle, entry->key);
            set_key(entry, 0);
        }
    }
    handle_t handle = HANDLE_NONE;
    while (sys_handle_next(handle, &handle) == OK) {
        if (!is_kept(handle) && !is_given(handle)) {
            (void)sys_handle_close(handle);
        }
    }
}
