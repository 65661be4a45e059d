// SPDX-License-Identifier: MIT
#include "panic.h"
#include "anchor.h"
#include "apic.h"
#include "early.h"
#include "kernel/system/kept.h"

enum { DEBUG_PORT = 0xe9, COM1 = 0x3f8, EXIT_PORT = 0xf4, EXIT_PANIC = 0x7f };

struct epitaph epitaph;
uint32_t panicking; // number of the processor that panics + 1; read by nmi_entry

static void put_char(char c)
{
    outb(DEBUG_PORT, (uint8_t)c);
    for (int i = 0; i < 10000 && !(inb(COM1 + 5) & 0x20); i++) {
    }
    outb(COM1, (uint8_t)c);
}

static void put(const char *text)
{
    for (; *text != 0; text++) {
        if (*text == '\n') {
            put_char('\r');
        }
        put_char(*text);
    }
}

static void put_hex(uint64_t value)
{
    char digits[19] = "0x";
    for (int i = 0; i < 16; i++) {
        digits[2 + i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
    }
    digits[18] = 0;
    put(digits);
}

static void put_number(uint64_t value)
{
    char digits[21];
    int at = 20;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put(digits + at);
}

static void put_line(const char *name, uint64_t value)
{
    put("  ");
    put(name);
    put(" ");
    put_hex(value);
    put("\n");
}

// Frame pointers, as long as they lie in the kernel's half and go upwards.
static void trace(uint64_t rbp)
{
    for (int i = 0; i < EPITAPH_FRAMES && rbp >= machine.kernel_base && (rbp & 7) == 0; i++) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (frame[1] - machine.kernel_base >= kernel_anchor.image_bytes) {
            break;
        }
        epitaph.frames[i] = frame[1] - machine.kernel_base;
        put_line("called from image +", epitaph.frames[i]);
        if (frame[0] <= rbp) {
            break;
        }
        rbp = frame[0];
    }
}

// With the word panic=restart on the command line a machine that nobody looks at goes on by itself.
static bool restart_wanted(void)
{
    static const char word[] = "panic=restart";
    const char *text = machine.cmdline;
    for (uint32_t i = 0; text[i] != 0; i++) {
        uint32_t n = 0;
        while (word[n] != 0 && text[i + n] == word[n]) {
            n++;
        }
        if (word[n] == 0 && (i == 0 || text[i - 1] == ' ') && (text[i + n] == 0 || text[i + n] == ' ')) {
            return true;
        }
    }
    return false;
}

[[noreturn]] static void end(void)
{
    if (restart_wanted()) {
        arch_system(SYSTEM_REBOOT);
    }
    outb(EXIT_PORT, EXIT_PANIC);
    cpu_halt_forever();
}

static void say_for_next_boot(void)
{
    static char words[EPITAPH_TEXT + 16] = "kernel panic: ";
    for (uint32_t from = 0, to = 14; from < EPITAPH_TEXT; from++, to++) {
        words[to] = epitaph.text[from];
    }
    kept_say(words);
}

[[noreturn]] static void stop(void)
{
    say_for_next_boot();
    epitaph.magic = 0x2148504154495045;
    // The anchor lies among the code, which is read-only at its own address.
    struct kernel_anchor *anchor = phys_to_virt(machine.kernel_base + early.phys_offset);
    anchor->epitaph = (uint64_t)&epitaph;
    end();
}

// By its APIC, because gs may be the user's.
static uint32_t cpu_number(void)
{
    uint32_t id = apic_id();
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (cpus[i].arch.apic_id == id) {
            return i;
        }
    }
    return 0;
}

static void begin(const char *text)
{
    __asm__ volatile("cli");
    uint32_t self = cpu_number(), nobody = 0;
    if (!__atomic_compare_exchange_n(&panicking, &nobody, self + 1, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        if (nobody == self + 1) {
            end(); // the panic itself failed
        }
        cpu_halt_forever(); // another processor is at it
    }
    epitaph.cpu = self;
    apic_send_nmi_to_others();
    put("\nKERNEL PANIC: ");
    put(text);
    put("\n");
    for (uint32_t i = 0; i < EPITAPH_TEXT - 1 && text[i] != 0; i++) {
        epitaph.text[i] = text[i];
    }
}

void arch_panic(const char *file, int line, const char *text)
{
    begin(text);
    put("  at ");
    put(file);
    put(":");
    put_number((uint64_t)line);
    put("\n");
    epitaph.line = (uint32_t)line;
    trace((uint64_t)__builtin_frame_address(0));
    stop();
}

static void put_registers(const struct crash_frame *f)
{
    put_line("vector ", f->vector);
    put_line("error  ", f->error);
    put_line("rip    ", f->rip);
    put_line("image +", f->rip - machine.kernel_base);
    put_line("cs     ", f->cs);
    put_line("rflags ", f->rflags);
    put_line("rsp    ", f->rsp);
    put_line("cr2    ", read_cr2());
    put_line("cr3    ", read_cr3());
    static const char names[15][4] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
                                      "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (int i = 0; i < 15; i++) {
        put_line(names[i], (&f->rax)[i]);
    }
}

void panic_trap(const struct crash_frame *f)
{
    begin("exception in the kernel");
    epitaph.vector = f->vector, epitaph.error = f->error, epitaph.cr2 = read_cr2(),
    epitaph.rip = f->rip, epitaph.rsp = f->rsp;
    put_registers(f);
    trace(f->rbp);
    stop();
}

// The earliest failures: nothing is mapped or relocated, so nothing but ports may be used.
void early_fail(const char *text)
{
    put("\nSamsara cannot start: ");
    put(text);
    put("\n");
    end();
}
