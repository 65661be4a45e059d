// SPDX-License-Identifier: MIT
// Chores: what an operation finds has to be done first and takes the disk, like a sync that makes
// room. A request cannot wait for it in its middle: it is undone, the chore is done between requests,
// and the request runs again.
#include "servers/fs/volume.h"

struct asked {
    struct volume *v;
    enum chore what;
};

static void ask(const void *arg)
{
    const struct asked *a = arg;
    a->v->chores |= a->what;
    a->v->ask_chores();
}

static int run(struct volume *v, enum chore what)
{
    switch (what) {
    case CHORE_MARK_DIRTY:
        return v->dirty ? 0 : volume_mark_dirty(v);
    case CHORE_SYNC:
        return volume_sync(v, false);
    case CHORE_DRAIN:
        return cache_drain(&v->cache, (cache_bytes(&v->cache) >> v->cache.block_shift) / 4);
    }
    return 0;
}

int volume_chore(struct volume *v, enum chore what)
{
    const struct transactions *tx = v->device->tx;
    if (!tx->may_await()) {
        return run(v, what);
    }
    if (v->chores_failed & what) { // asked for by this request or another; who comes next asks again
        v->chores_failed &= ~(uint32_t)what;
        return v->chores_error;
    }
    struct asked asked = {v, what};
    tx->await(KEY_CHORES, ask, &asked, sizeof(asked));
    return 0; // not reached
}

void volume_do_chores(struct volume *v)
{
    for (uint32_t what = CHORE_MARK_DIRTY; what <= CHORE_DRAIN; what *= 2) {
        if (!(v->chores & what)) {
            continue;
        }
        int error = run(v, (enum chore)what);
        v->chores &= ~what;
        if (error) {
            v->chores_failed |= what;
            v->chores_error = error;
        } else {
            v->chores_failed &= ~what;
        }
    }
    v->device->tx->wake(KEY_CHORES);
}
