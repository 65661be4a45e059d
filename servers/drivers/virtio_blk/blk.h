// SPDX-License-Identifier: MIT
// The virtio block driver: what its files share.
//
//   ring.c      one entry of a client's ring, checked and turned into stretches of physical memory
//   engine.c    requests under way: starting, finishing, time-outs, everything again after a reset
//   device.c    the virtio device: set-up, reset, interrupt
//   sessions.c  the block interface: rings and buffers
//   main.c      birth and rebirth
//
// Requests live in the clients' rings, which are shared: nothing there is ever undone, and all of it
// is an allegation. A driver that is moved between two messages goes on where it was; its device does
// not notice. After a crash what it knew of requests under way is worth nothing: its last transaction
// may have ended some, or given some to the device, and have been undone. So the device is reset and
// each entry looked at again (blk_begin_again). An entry is ended by one store, so what was ended
// stays so, and everything else runs, perhaps a second time, which does no harm.
#pragma once
#include "kernel/abi/handle.h"
#include "lib/block/ring.h"
#include "lib/rt/undo_log.h"
#include "lib/virtio/device.h"

enum {
    BLK_SLOTS = 32,             // requests under way at the device
    BLK_TABLE = 128,            // descriptors in one indirect table
    BLK_PARTS = BLK_TABLE - 2,  // stretches of data in one request: header and status take two
    BLK_MAX_BYTES = 256 << 10,  // 64 pages; BLOCK_SEGMENTS unaligned stretches touch 28 more
    BLK_TRIES = 3,              // how often a request is given to a device that does not answer
    BLK_PAGES = 40960,          // pages of clients' buffers that can be registered: 160 MiB
    BLK_QUEUE_INDIRECT = 64,    // queue size when each request takes one descriptor
    BLK_QUEUE_DIRECT = 256,
};

// DMA memory of the driver, in pages.
enum { BLK_DMA_QUEUE = 0, BLK_DMA_CONTROL = 2, BLK_DMA_TABLES = 3, BLK_DMA_PAGES = 19 };
static_assert(BLK_SLOTS * BLK_TABLE * sizeof(struct virtq_desc) ==
              (BLK_DMA_PAGES - BLK_DMA_TABLES) * 4096, "tables fill their pages");

struct blk_control {
    struct virtio_blk_header header[BLK_SLOTS];
    uint8_t status[BLK_SLOTS]; // written by the device
};
static_assert(sizeof(struct blk_control) <= 4096, "the control page is one page");

struct blk_buffer {
    uint64_t bytes; // 0: no such buffer
    uint32_t first; // its first page in page_address
    uint32_t pages;
    handle_t memory;
};

struct blk_session {
    uint64_t badge;           // of the client
    struct block_ring *ring;  // nullptr: there is no such session
    uint32_t entries;
    handle_t completion;      // HANDLE_NONE: not told yet
    struct blk_buffer buffer[BLOCK_BUFFERS];
    // A bit for each entry. Side by side, because most that changes one changes the other: one record of the undo log.
    struct blk_entries {
        uint64_t waiting;   // to be looked at
        uint64_t under_way; // a slot has it
    } word[BLOCK_WORDS];
    bool closing; // nothing new is started
};

// A request at the device, unless the slot is free.
struct blk_slot {
    uint8_t session, tries;
    uint16_t entry;
    uint32_t least; // bytes that the device has to say it wrote: a read's data and the status; else 0
    uint64_t since_ns;
};

// A checked request: part[0] is room for the header, the status follows the data.
struct blk_job {
    enum block_op op;
    uint64_t sector;
    uint32_t bytes;
    uint16_t data; // stretches of data, from part[1] on
    struct virtq_part part[BLK_PARTS + 2];
};

struct blk {
    // The device, as negotiated.
    uint64_t sectors;
    bool read_only, can_flush, indirect, working;
    uint32_t max_bytes, part_bytes; // of one request; of one stretch
    uint16_t parts_max;
    struct virtq queue;
    // DMA memory.
    struct blk_control *control;
    struct virtq_desc *tables;
    const uint64_t *dma_pages;
    // Clients.
    uint64_t *page_address; // of buffers, physical; BLK_PAGES of them, each buffer has a stretch
    struct blk_session session[BLOCK_SESSIONS];
    uint32_t open;         // those that there are, a bit each
    uint32_t next_session; // whose turn it is
    // Requests.
    struct blk_slot slot[BLK_SLOTS];
    uint32_t free_slots; // a bit each
    uint64_t timeout_ns;
    bool repeating; // first look at the rings after a crash: what is found there runs again
    uint64_t last_answer_ns;
    struct { uint64_t completed, failed, resets, repeated; } count;
    // What the engine needs done; a host test puts its own here.
    void (*kick)(struct blk *);                          // tell the device to look at the queue
    enum status (*restart)(struct blk *);                // reset the device and set it up again
    void (*tell)(struct blk *, struct blk_session *);    // notify the client
};

// What one turn of the event loop has ended, on the stack, where nothing is logged, until blk_run ends it.
struct blk_turn {
    uint64_t now_ns;
    uint32_t ended, failed; // requests
    uint32_t tell;          // sessions whose clients have to hear of it, a bit each
    bool answered;          // by the device
};
static_assert(BLOCK_SESSIONS <= 32, "a bit for each session");

// ring.c
// Reads entry `index` of a session's ring once and checks all of it. OK: *job is filled but for
// header and status. ERR_AGAIN: nothing is submitted there. Any other: what the entry ends with.
[[nodiscard]] enum status blk_read_entry(const struct blk *b, uint32_t session, uint32_t index,
                                         struct blk_job *job);
// Writes the result into the entry and marks it.
void blk_finish_entry(struct blk_session *s, uint32_t index, enum status status);

// device.c
// Agrees on features with the freshly reset device and reads what it is like, without touching the
// queue. ERR_UNSUPPORTED: it cannot be used.
[[nodiscard]] enum status blk_learn(struct blk *b, struct virtio_device *d);
// Gives the device its queue in `dma` (BLK_DMA_PAGES pages at b->dma_pages) and lets it run.
[[nodiscard]] enum status blk_start_queue(struct blk *b, struct virtio_device *d, void *dma,
                                          volatile uint16_t **doorbell);

// engine.c
void blk_engine_init(struct blk *b);
// Takes the client's doorbell: looks at what it has submitted.
void blk_take_submitted(struct blk *b, uint32_t session);
// The device was reset after a crash: nothing is under way, every entry is looked at, every client told.
void blk_begin_again(struct blk *b, struct blk_turn *turn);
// Takes what the device has completed. Returns how many.
uint32_t blk_completions(struct blk *b, struct blk_turn *turn);
// Ends the turn: starts what can be started, counts, and tells clients of what has ended.
void blk_run(struct blk *b, struct blk_turn *turn);
// Restarts the device if it has not answered for timeout_ns, or says it has failed. When to call
// again;
// 0 if nothing is under way.
uint64_t blk_check_time(struct blk *b, uint64_t now_ns, bool failed);
uint32_t blk_under_way(const struct blk *b);
bool blk_is_busy(const struct blk_session *s); // something of it is at the device
