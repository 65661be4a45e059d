# SPDX-License-Identifier: MIT
"""./build.sh entropy: how random are the places of functions, data and heap objects? By the rules, and as drawn."""
import math
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from . import BUILD, qemu, stats
from .options import Parser, hexadecimal, module, output, whole, write_json
from .progress import Progress

BAR = 27
MODULES = ("console", "pci", "time", "entropy", "virtio_blk", "fs", "conductor", "hoard", "rs")
BEST = "Shuffler 27 bits (code); RuntimeASLR 28 (the base of a whole process)"
# randomizer/README.md, "Entropy"
WINDOW_BASE = math.log2((2**47 - 2**31 - 2**16 - 2**12) / 2**12)  # pages at which a window may begin
BLOCK, LINE = 1 << 16, 1 << 8                                     # byte 1 of an address is not zero in what is used of a block
NO_ZERO = math.log2((255 / 256) ** 3 * 127 / 128)                 # nor are bytes 2 to 5; the last has seven bits
BLOCKS = WINDOW_BASE - 4 + NO_ZERO                                # where something may begin, of the whole address space
BLOCKS_KNOWN = math.log2((2**15 - 32) * 255 / 256 * 127 / 128)    # of a window, without its margins
# lib/rt/heap_pages.c and heap_slab.c
HEAP_WINDOWS = math.log2(4 * 255 * 127)       # of 1 GiB: no zero in bytes 4 and 5, the latter of 7 bits
HEAP_BLOCKS = math.log2(64 * 255)             # of 64 KiB in a window: no zero in byte 2
HEAP_SMALL, HEAP_BIG = math.log2(3), 0        # places of a slab of 16 or of 48 KiB in one: no zero in byte 1
TOLD = re.compile(r"(\S+) ([xwr]) (\d+) (\d+) equal=(\d+) near=(\d+) block=(\d+) bias=(\S+) bit=(\d+) before=(\S+) next=(\S+)")
PINNED = ("start-up block, status page, module and layout record: drawn by the kernel once for each task, over the whole space",
          "kernel and bootstrap code: where the kernel lies is drawn once a boot",
          "fields in structures, locals in frames: no place of their own; they move with their object or stack")
KINDS = ("item", "branch", "large", "function", "global")


def options(prog):
    parser = Parser(prog=prog, description="Computes the entropy of addresses from the rules of linker and heap, draws many "
                    "layouts of each service and looks for collisions, bias and correlation, then moves a service in the "
                    "machine and does the same with what it tells of its own objects.")
    parser.add_argument("--layouts", type=whole(100, 1000000), default=10000, metavar="N", help="to draw (default 10000)")
    parser.add_argument("--moves", type=whole(0, 20000), default=1000, metavar="N", help="in the machine (default 1000)")
    parser.add_argument("--key", type=hexadecimal, default="1", metavar="HEX", help="chooses the layouts drawn here (default 1)")
    parser.add_argument("--services", type=lambda text: list(map(module, text.split(","))), default=MODULES, metavar="A,B,…", help="modules")
    parser.add_argument("--json", type=output, metavar="FILE", help="write the figures there; '-' for standard output")
    return parser


def in_block(code, size, align):
    """(chance of the likeliest place in a block, chance that two draws agree) of an object's start: at most that, by the rules of
    plan.h. What may not start where it would is moved to the next line or block, where each of four gaps is as likely."""
    align = 1 << max(4, align)
    line, starts = max(LINE, align), LINE // align
    reach = 0 if code or size + 2 * line > BLOCK else size
    if align >= BLOCK:
        return 1.0, 1.0
    first = min(1.0, (reach + 2 * line) / BLOCK)
    lines = max(1.0, (BLOCK - line - reach) / line)
    top, same = max(first, 1 / lines), first**2 + (1 - first) ** 2 / lines
    if align >= LINE:
        return top, same
    if code and starts >= 8:
        return top * 1.25 / starts, same * (4 * 1.25**2 + starts - 5) / starts**2
    choices = (LINE - 1 - reach) // align if align + reach < LINE else starts - 1
    return (top / 4, same / 4) if choices >= 4 else (top, same)


def by_rule(code, size, align):
    """(bits with nothing known, bits when the window is known) of the start of an object: log2 of 1 / the likeliest place."""
    place = -math.log2(in_block(code, size, align)[0]) - max(0, align - 16)
    return BLOCKS + place, BLOCKS_KNOWN + place


def lowest_fair_bit(size, align):
    """As samsara-entropy has it: something long does not begin shortly before a byte of its address becomes zero."""
    return max(align, 16 if size < 1 << 17 else 24 if size < 1 << 25 else 32)


def draw(module, layouts, key):
    """Figures of one module over many layouts."""
    text = subprocess.run([BUILD / "tools" / "samsara-entropy", BUILD / "modules" / f"{module}.mod", str(layouts), key],
                          capture_output=True, text=True, check=True).stdout
    objects = [match.groups() for match in map(TOLD.fullmatch, text.splitlines()) if match]
    shapes = [(entry[1] == "x", int(entry[2]), int(entry[3])) for entry in objects]
    rules = [by_rule(*shape) for shape in shapes]
    in_blocks = [(int(entry[6]), max(0, align - 16)) for entry, (_, _, align) in zip(objects, shapes)]
    bits_looked_at = sum(46 - lowest_fair_bit(size, align) for _, size, align in shapes)
    return {
        "objects": len(objects), "functions": sum(entry[1] == "x" for entry in objects),
        "bits_min": min(bits for bits, _ in rules), "bits_known_window_min": min(known for _, known in rules),
        "strict": [f"{entry[0]} (2^{entry[3]})" for entry in objects if int(entry[3]) > 4 and entry[1] != "x"][:8],
        "equal": sum(int(entry[4]) for entry in objects),
        "equal_expected": sum(pairs / 2 ** (BLOCKS - lost) for pairs, lost in in_blocks),
        "near": sum(int(entry[5]) for entry in objects),
        "near_expected": sum(pairs / 2 ** (BLOCKS_KNOWN - lost) for pairs, lost in in_blocks),
        "block_worst": max((pairs - 50) / (layouts * (layouts - 1) / 2 * in_block(*shape)[1])
                           for (pairs, _), shape in zip(in_blocks, shapes)),
        "bias_worst": max((abs(float(entry[7])) for entry in objects)), "bias_expected": stats.extreme(bits_looked_at),
        "before_worst": max(abs(float(entry[9])) for entry in objects), "before_expected": stats.extreme(len(objects)) / math.sqrt(layouts),
        "next_mean": sum(float(entry[10]) for entry in objects) / len(objects),
    }


def judged(figures):
    """What is wrong with the figures of one module; empty: nothing."""
    wrong = []
    if figures["bits_min"] < BAR:
        wrong.append(f"{figures['bits_min']:.1f} bits")
    if stats.poisson_tail(figures["equal"], figures["equal_expected"]) < 1e-6:
        wrong.append("more equal addresses than chance allows")
    # Of a window that is known, pairs come in clusters, so their number scatters more than a Poisson count.
    if figures["near"] > 1.5 * figures["near_expected"] + 50:
        wrong.append("more equal places in the window than chance allows")
    # What the rules say of a block takes each object for one of many in its cluster.
    if figures["block_worst"] > 1.5:
        wrong.append("more equal places in the block than the rules allow")
    if figures["bias_worst"] > figures["bias_expected"] + 1.5:
        wrong.append("a biased bit")
    if figures["before_worst"] > figures["before_expected"] * 1.4:
        wrong.append("layouts depend on the layout before")
    return wrong


def real_moves(moves):
    """[{kind: address}] of the hoard's objects after each of so many moves in the machine."""
    with qemu.Machine(BUILD / "images" / "move.cpio", memory=256, accel="tcg", append=f"where={moves}",
                      debug_log=str(BUILD / "entropy.log")) as machine, Progress() as progress:
        while not machine.await_log(r"where: end", 1):
            count = machine.kernel_log().count(" where: ")
            progress.show(f"moves in the machine: {count}/{moves}")
            if not machine.running():
                break
        log = machine.kernel_log()
    return [{kind: int(value, 16) for kind, value in zip(KINDS, line.split())}
            for line in re.findall(r" where: ((?:[0-9a-f]+ ?){5})", log)]


def look_at(places):
    """Per kind of object: the same figures as of drawn layouts."""
    n, table = len(places), {}
    for kind in KINDS:
        values = [place[kind] for place in places]
        # Below, in a block of 64 KiB, not all places are alike: docs/decisions/0015.
        bias = [stats.bit_bias(values, bit) for bit in range(16, 46)]
        table[kind] = {"n": n, "equal": stats.collisions(values), "bias_worst": max(map(abs, bias)),
                       "bias_expected": stats.extreme(len(bias)),
                       "before": stats.correlation(values[:-1], values[1:]), "before_expected": 3 / math.sqrt(n)}
    return table


def heap_rules():
    """{kind: (bits, why)} of heap objects, nothing known. A slab is one of many only once a class has several."""
    places = HEAP_WINDOWS + HEAP_BLOCKS
    return {"64-byte object": (places + HEAP_SMALL + math.log2(64 * 3), "window, granule, slot of a slab of 16 KiB"),
            "1-KiB object": (places + HEAP_BIG + math.log2(48 // 1.25), "window, block, slot of a slab of 48 KiB"),
            "large object": (places, "window and block: it begins its own mapping")}


def show(result):
    print(f"{'service':12} {'objects':>7} {'bits':>6} {'window known':>12} {'equal':>12} {'equal in window':>20} "
          f"{'in block':>8} {'worst bias':>16} "
          f"{'to layout before':>17} {'neighbours':>10}")
    for name, f in result["services"].items():
        print(f"{name:12} {f['objects']:>7} {f['bits_min']:>6.1f} {f['bits_known_window_min']:>12.2f} "
              f"{f['equal']:>5} ({f['equal_expected']:.0e}) {f['near']:>8} ({f['near_expected']:8.1f}) {f['block_worst']:>8.2f} "
              f"{f['bias_worst']:>5.2f} ({f['bias_expected']:.1f} sigma) {f['before_worst']:>8.4f} ({f['before_expected']:.4f}) "
              f"{f['next_mean']:>9.3f}  {'; '.join(f['wrong'])}".rstrip())
    print(f"bits: of the object with the fewest; bar {BAR}; best known: {BEST}. In brackets: what chance brings "
          f"({result['layouts']} layouts each); "
          "in block: pairs at the same place of a block against the most that the rules allow, of the worst object.")
    for name, (bits, why) in result["heap"].items():
        print(f"heap, {name}: {bits:.1f} bits ({why})")
    for kind, f in result["moves"].items():
        print(f"moved in the machine, {kind:8}: {f['n']} layouts, equal {f['equal']}, worst bias {f['bias_worst']:.2f} "
              f"({f['bias_expected']:.1f} sigma), to the layout before {f['before']:+.4f} (+-{f['before_expected']:.4f})")
    for line in PINNED:
        print(f"no place of its own or drawn elsewhere: {line}")
    for problem in result["problems"]:
        print(f"  problem: {problem}")
    print("PASS" if not result["problems"] else "FAIL")


def main(given):
    result = {"layouts": given.layouts, "bar": BAR, "services": {}, "heap": heap_rules(), "moves": {}, "problems": []}
    with Progress() as progress, ThreadPoolExecutor(2) as pool:
        work = {module: pool.submit(draw, module, given.layouts, given.key) for module in given.services}
        for module, future in work.items():
            progress.show(f"layouts of {module} …")
            figures = future.result()
            figures["wrong"] = judged(figures)
            result["services"][module] = figures
            result["problems"] += [f"{module}: {text}" for text in figures["wrong"]]
    if given.moves:
        places = real_moves(given.moves)
        if len(places) < given.moves:
            result["problems"].append(f"only {len(places)} of {given.moves} moves were told")
        result["moves"] = look_at(places) if len(places) > 10 else {}
    for kind, f in result["moves"].items():
        if f["equal"] or f["bias_worst"] > f["bias_expected"] + 1.5 or abs(f["before"]) > 2 * f["before_expected"]:
            result["problems"].append(f"moves in the machine, {kind}: not as chance would have it")
    if given.json:
        write_json(given.json, result)
    if str(given.json) != "-":
        show(result)
    return 1 if result["problems"] else 0
