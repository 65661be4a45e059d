// SPDX-License-Identifier: MIT
// The boundary between the portable kernel core and the processor.
//
// The core (kernel/{ipc,task,mem,irq,time}) calls the arch_* functions; the processor's entry code
// calls the kernel_* functions at the end of this file. The big lock is held during all of them,
// interrupts are off, and nothing ever waits: there is one kernel stack per CPU and no kernel state
// on it survives the return to user mode.
//
// How an entry goes:
//   1. From user mode: save all registers into cpu->current->regs (it is the first member of struct
//      thread), set regs.full (0 for the syscall instruction, 1 otherwise), take the lock, call the
//      kernel_* function on a fresh kernel stack.
//      From kernel mode (only possible inside arch_idle's halt): save nothing, take the lock, call.
//   2. On return: cpu->current != NULL: release the lock, leave to user mode with the registers of
//      cpu->current (which may be another thread than before; arch_switch_state was already
//      called). cpu->current == NULL: the CPU idles: call kernel_idle(cpu), and while it returns
//      true start over with step 2, with a window for interrupts; else release the lock and halt.
//   regs.full == 0 allows leaving with sysret (rcx = rip, r11 = rflags); all else needs iret.
//   The core sets regs.full when it changes registers of a thread at will.
//
// arch_types.h belongs to the processor (kernel/arch/x86_64) or to the host tests
// (kernel/test/host) and is found through the include path. It defines:
//   struct regs         rax to rflags in the order of struct thread_regs without fs_base, then full
//   struct arch_thread  what is saved only when another thread gets the CPU: fs_base, FPU state
//   struct arch_cpu     whatever the processor's code keeps per CPU
//   struct arch_space   root of the page tables, PCID, CPUs on which it may be cached, …
// and these inline functions, because they are on the fast path:
//   void    *phys_to_virt(uint64_t pa)              the direct map of RAM
//   uint64_t arch_ticks(void)                       the raw time counter (TSC), for time accounting
//   void     arch_switch_state(struct arch_cpu *, struct arch_thread *from, struct arch_thread *to,
//                              struct arch_space *)
//            saves the arch_thread part of `from` and loads that of `to` (both may be NULL: idle):
//            FPU, fs_base; loads the address space if it differs from the loaded one; NULL: the
//            kernel's own, so that the old one may be destroyed.
//   struct cpu *arch_this_cpu(void)
//   void     arch_memory_freed(void *, size_t), arch_memory_used(void *, size_t)
//            nothing on a real machine; the host tests tell the address sanitizer
#pragma once
#include "kernel/abi/syscall.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct cpu;
struct thread;

#include "arch_types.h"

enum { CPUS_MAX = 16 };

// Everything the kernel knows about one processor. The first four are used by entry code at fixed
// offsets from gs; see the assertions there.
struct cpu {
    struct thread *current; // offset 0: the thread in user mode, NULL while the CPU idles
    uint64_t kernel_stack;  // offset 8: top of this CPU's kernel stack
    struct cpu *self;       // offset 16
    uint64_t scratch;       // offset 24: user rsp during entry
    uint32_t number;
    bool online;            // set by the core in kernel_cpu_start
    bool resched;           // choose again before leaving the kernel
    bool evict;             // another CPU stopped current: nothing may be done for it any more
    uint64_t since;         // ticks at which current got the CPU: its time is not accounted yet
    uint64_t idle_ticks;    // how long it had nothing to run, up to `since`
    uint64_t slice_end;     // ticks at which current's slice ends
    uint64_t timer_at;      // ticks for which the timer is set, UINT64_MAX if it is off
    struct arch_cpu arch;
};
extern struct cpu cpus[CPUS_MAX]; // kernel/task/sched.c; cpus[0] is the boot processor
extern uint32_t cpu_count;        // set by arch code before kernel_start

// ---- The machine at boot; the boot code fills it before it calls kernel_start.
struct machine {
    uint64_t archive, archive_bytes; // physical place of the boot archive (cpio newc)
    uint64_t kept, kept_bytes;       // physical place of what outlives a restart; 0 bytes: none
    uint64_t memory_bytes;           // usable RAM
    uint64_t rsdp, ecam_base;
    uint32_t ecam_bus_first, ecam_bus_last;
    uint32_t features;               // enum cpu_feature_bits
    uint64_t tsc_hz, tsc_base;       // ns since boot = (ticks - tsc_base) * 1e9 / tsc_hz
    uint64_t kernel_base;            // virtual
    uint64_t phys_limit;             // first address past what the processor can address
    char cmdline[512];
};
extern struct machine machine; // kernel/main.c

// RAM ranges, given by the boot code to the page allocator before kernel_start (kernel/mem/page.c):
// without the kernel image, the archive, kept memory, tables in use, and the first 1 MiB. Page aligned. The core
// does not touch this memory until it needs the pages. At most PAGE_RANGES_MAX ranges are kept.
void page_add_range(uint64_t pa, uint64_t bytes);
// A physical range that is RAM in the firmware's map, whether usable or not: no device memory may
// be created over it.
void page_add_ram(uint64_t pa, uint64_t bytes);

// ---- Address spaces. Table pages come from table_page_alloc and go back by table_page_free
// (kernel/mem/page.c), which charge the account given at creation. A table whose last entry goes
// is freed at once (keep a count of used entries, e.g. in the ignored bits of the entry above it),
// so that mapping and unmapping at random addresses leaves the quota flat.
enum arch_cache { CACHE_WRITE_BACK = 0, CACHE_UNCACHED = 1, CACHE_WRITE_COMBINE = 2 };

uint64_t table_page_alloc(struct account *, enum status *why); // cleared; 0 if none: *why says it
void table_page_free(struct account *, uint64_t pa);

// ERR_QUOTA or ERR_MEMORY if there is no page for the root table.
MUST_USE enum status arch_space_create(struct arch_space *, struct account *);
// Frees up to `budget` table pages; true when all are gone. Not loaded on any CPU any more.
bool arch_space_destroy_step(struct arch_space *, uint32_t budget);
// Maps one page; prot is enum prot (READ implied). The place may be mapped already: it is replaced
// (the caller flushes). ERR_QUOTA, ERR_MEMORY: nothing changed.
MUST_USE enum status arch_page_map(struct arch_space *, uint64_t va, uint64_t pa, uint32_t prot,
                                   enum arch_cache cache);
// The same for `count` pages in a row, where nothing is done for those whose pa is 0. In case of an
// error some of the first are mapped.
MUST_USE enum status arch_pages_map(struct arch_space *, uint64_t va, const uint64_t *pa,
                                    uint32_t count, uint32_t prot, enum arch_cache cache);
// Unmaps what is there of [va, end), looks at no more than *budget entries, counts them off, and returns
// how far it came. Absent tables cost nothing. *any: something was mapped; the caller flushes.
uint64_t arch_pages_unmap(struct arch_space *, uint64_t va, uint64_t end, uint32_t *budget,
                          bool *any);
// Returns whether something was mapped there; the caller flushes afterwards.
bool arch_page_protect(struct arch_space *, uint64_t va, uint32_t prot);
// Walks: true and *pa (page frame), *prot (enum prot) if va is mapped. *prot has PAGE_DEVICE if the
// mapping is not write-back: such a frame is not in the direct map.
enum { PAGE_DEVICE = 8 };
bool arch_page_lookup(struct arch_space *, uint64_t va, uint64_t *pa, uint32_t *prot);
// The lowest address >= va that may have something mapped; skips absent tables in big steps.
// Lets protecting a large sparse range stay cheap. May return va itself.
uint64_t arch_page_next(struct arch_space *, uint64_t va);
// Drops cached translations of [va, va + pages * PAGE_SIZE) on all CPUs; waits until done. Many
// pages: everything may be dropped.
void arch_flush(struct arch_space *, uint64_t va, uint64_t pages);

// ---- Threads
// Registers of a newborn thread: everything zero but those; also clean FPU state, fs_base 0.
void arch_thread_init(struct regs *, struct arch_thread *, uint64_t entry, uint64_t stack,
                      uint64_t arg0, uint64_t arg1);
void arch_thread_get_regs(const struct regs *, const struct arch_thread *, struct thread_regs *);
// Takes over what a thread may set itself (flags are masked). false: rip or fs_base not canonical
// user addresses, nothing changed. Sets regs.full.
bool arch_thread_set_regs(struct regs *, struct arch_thread *, const struct thread_regs *);
void arch_set_fsbase(struct arch_thread *, uint64_t address); // of the thread current on this CPU

// ---- Time
uint64_t arch_ticks_to_ns(uint64_t ticks); // an interval
uint64_t arch_ns_to_ticks(uint64_t ns);    // an interval; saturates
uint64_t arch_now_ns(void);                // since boot
// One-shot timer of this CPU: kernel_timer is called at or soon after the given value of
// arch_ticks(). UINT64_MAX turns it off; a time in the past fires at once.
void arch_timer_set(struct cpu *, uint64_t ticks);

// ---- Other CPUs
void arch_ipi_resched(struct cpu *); // kernel_resched gets called there

// ---- Interrupts. A vector is a small number < IRQ_VECTORS by which arch code names a source.
enum { IRQ_VECTORS = 192 };
// Routes a global system interrupt; masked at first. IRQ_LEVEL in *flags afterwards says what it
// really is: the firmware may know better. ERR_RANGE, ERR_BUSY, ERR_UNSUPPORTED.
MUST_USE enum status arch_irq_route(uint32_t gsi, uint32_t *flags, uint32_t *vector);
// Allocates a message-signalled vector.
MUST_USE enum status arch_irq_msi(uint32_t *vector, struct irq_msi_info *);
void arch_irq_mask(uint32_t vector);
void arch_irq_unmask(uint32_t vector);
void arch_irq_free(uint32_t vector);

// ---- The rest
// Fills the buffer from RDSEED, RDRAND or timer jitter; returns how many bytes are from a real
// random source (0 if there is none: the generator mixes more in later).
size_t arch_entropy(void *to, size_t bytes);
uint32_t arch_io_read(uint16_t port, uint32_t width);
void arch_io_write(uint16_t port, uint32_t width, uint32_t value);
void arch_debug_write(const char *text, size_t bytes); // port 0xe9
[[noreturn]] void arch_system(enum system_action);
// Prints text, registers and stack, fills the epitaph and stops the machine.
[[noreturn]] void arch_panic(const char *file, int line, const char *text);
// Zeroes a page, with whatever is fastest (8- or 16-byte stores, not rep stosb).
void arch_page_clear(void *page);
// Any alignment; if the ranges overlap (users can do that) the content is unspecified, no more.
// grant_copy uses it, so it is worth some care (SSE moves of 16 bytes cost two instructions;
// registers used are saved and restored).
void arch_copy(void *to, const void *from, size_t bytes);

// ---- Called by the entry code, lock held.
void kernel_start(struct cpu *);                  // boot processor, once; afterwards leave as above
void kernel_cpu_start(struct cpu *);              // each other processor, once; it then idles
void kernel_syscall(struct cpu *);                // everything is in current->regs
void kernel_exception(struct cpu *, uint32_t vector, uint64_t error, uint64_t address);
void kernel_irq(struct cpu *, uint32_t vector);   // a device; edge or level, masked by us if level
void kernel_timer(struct cpu *);
void kernel_resched(struct cpu *);
// Does a bounded bit of left-over work while the CPU has no thread. true: look at cpu->current
// again (there may be one now) and call again if there is none. false: nothing to do, halt.
bool kernel_idle(struct cpu *);
